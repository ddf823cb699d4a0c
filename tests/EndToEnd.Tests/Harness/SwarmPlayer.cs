using System.Diagnostics;

namespace Millrace.EndToEnd.Tests.Harness;

/// <summary>
/// One of many players of a low-latency playlist: blocking reload, each new part as it is listed, a buffer that plays in real
/// time from PART-HOLD-BACK on. It notes how long it stood still.
/// </summary>
internal sealed class SwarmPlayer
{
    private static readonly TimeSpan RetryAfter = TimeSpan.FromMilliseconds(100);

    private readonly HttpClient http;
    private readonly Uri playlist;
    private readonly Stopwatch clock = new();
    private double buffered;
    private double standing;
    private double longest;
    private int parts;

    public SwarmPlayer(HttpClient http, Uri playlist)
    {
        this.http = http;
        this.playlist = playlist;
    }

    /// <summary>Parts that came so far.</summary>
    public int Parts => Volatile.Read(ref parts);

    /// <summary>The longest time without a picture so far, the present one included.</summary>
    public TimeSpan LongestStall => TimeSpan.FromSeconds(Math.Max(Volatile.Read(ref longest), clock.IsRunning ? clock.Elapsed.TotalSeconds - standing - Volatile.Read(ref buffered) : 0));

    /// <summary>What it could not get, in words.</summary>
    public string? LastFault { get; private set; }

    /// <summary>Plays until it is told to end.</summary>
    public async Task PlayAsync(CancellationToken token)
    {
        HlsMediaPlaylist? known = null;
        var last = "";
        while (!token.IsCancellationRequested)
        {
            try
            {
                var query = known is null ? "" : $"?_HLS_msn={known.NextSegment}&_HLS_part={known.OpenParts.Count}";
                var text = await http.GetStringAsync(new Uri(playlist, playlist.AbsolutePath + query), token);
                known = HlsMediaPlaylist.Parse(text);
                var listed = known.Segments.SelectMany(segment => segment.Parts).Concat(known.OpenParts).ToList();
                // It begins with the newest segment that can be decoded from its start.
                var from = last.Length == 0 ? listed.FindLastIndex(part => part.IsIndependent) : listed.FindIndex(part => part.Uri == last) + 1;
                foreach (var part in listed.Skip(Math.Max(0, from)))
                {
                    await http.GetByteArrayAsync(new Uri(playlist, part.Uri), token);
                    last = part.Uri;
                    Take(part.Duration, known.PartHoldBack);
                }
            }
            catch (Exception fault) when (fault is HttpRequestException or IOException or OperationCanceledException && !token.IsCancellationRequested)
            {
                LastFault = fault.Message;
                await Task.Delay(RetryAfter, CancellationToken.None);
            }
            catch (OperationCanceledException)
            {
                return;
            }
        }
    }

    private void Take(double seconds, double holdBack)
    {
        var still = clock.Elapsed.TotalSeconds - standing - buffered;
        if (clock.IsRunning && still > 0)
        {
            standing += still;
            longest = Math.Max(longest, still);
        }
        buffered += seconds;
        parts++;
        if (!clock.IsRunning && buffered >= holdBack)
            clock.Start();
    }
}
