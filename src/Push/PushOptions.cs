using System.ComponentModel.DataAnnotations;

namespace Millrace.Push;

/// <summary>The way between the ingest and the origin role when they are on different nodes: section <c>Origin</c>.</summary>
public sealed class PushOptions
{
    /// <summary>
    /// Fewest characters of <see cref="Secret"/>: 32 of hexadecimal are 128 bits, which nobody guesses over a network.
    /// </summary>
    public const int MinSecretLength = 32;

    /// <summary>
    /// Addresses of the origins that an ingest node pushes to, such as <c>http://10.0.0.2:8080</c>, at most 16; each gets all of
    /// every broadcast. Default empty: ingest and origin are one node.
    /// </summary>
    public IReadOnlyList<string> Push { get; set; } = [];

    /// <summary>
    /// At an origin: addresses of the other origins that have the same broadcasts, at most 16. What an operator takes down here is
    /// deleted there too. Default empty: a takedown of what has ended is this origin's alone.
    /// </summary>
    public IReadOnlyList<string> Peers { get; set; } = [];

    /// <summary>
    /// What a pusher shows and an origin asks for (<c>Authorization: Bearer …</c>), 32 to 512 printable characters. Default
    /// empty: nobody may push here, because whoever may, puts anything on air.
    /// </summary>
    public string Secret { get; set; } = "";

    /// <summary>
    /// Most bytes of media that are kept for one origin of one broadcast, 1 MiB to 1 GiB. Default 32 MiB: 100 s of 2.5 Mbit/s. Beyond
    /// it whole segments become gaps at that origin.
    /// </summary>
    [Range(1L << 20, 1L << 30)]
    public long MaxBufferBytes { get; set; } = 32L << 20;

    /// <summary>
    /// How long media is kept for an origin that does not take it, 2 s to 5 min. Default 20 s: an origin restarts in less, and a
    /// viewer at the live edge wants none of what is older.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:02", "00:05:00")]
    public TimeSpan MaxBufferAge { get; set; } = TimeSpan.FromSeconds(20);

    /// <summary>
    /// At the origin: a pushed broadcast of which nothing is heard for so long has ended, 10 s to 1 h. Default 60 s: pushers are
    /// heard every 10 s, and a publisher whose ingest node died comes back to another one sooner.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:10", "01:00:00")]
    public TimeSpan LostAfter { get; set; } = TimeSpan.FromSeconds(60);

    /// <summary>At the origin: most pushed broadcasts on air, 1 to 100000. Default 2000: as many as an ingest node takes publishers.</summary>
    [Range(1, 100_000)]
    public int MaxBroadcasts { get; set; } = 2000;

    /// <summary>
    /// At the origin: most bits per second of one broadcast, all renditions together, 100000 to 10000000000. Default 200 Mbit/s: the
    /// fastest that ingest takes, with a ladder. A minute's worth may come at once, after a break.
    /// </summary>
    [Range(100_000L, 10_000_000_000L)]
    public long MaxBitrate { get; set; } = 200_000_000;
}
