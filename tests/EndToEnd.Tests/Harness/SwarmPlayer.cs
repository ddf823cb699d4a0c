using System.Diagnostics;
using System.Globalization;

namespace Millrace.EndToEnd.Tests.Harness;

/// <summary>
/// One of many players of a low-latency playlist: blocking reload, each new part as it is listed, a buffer that plays in real
/// time and begins PART-HOLD-BACK before the end of the playlist, no earlier. It knows the playlist at several edges, as a player does that is steered, and takes the next
/// one when its own does not answer. It notes how long it stood still.
/// </summary>
internal sealed class SwarmPlayer
{
    private static readonly TimeSpan RetryAfter = TimeSpan.FromMilliseconds(100);

    private readonly HttpClient http;
    private readonly IReadOnlyList<Uri> edges;
    private readonly int home;
    private readonly Func<string, HlsMediaPlaylist> parse;
    private readonly Lock gate = new();
    private readonly Stopwatch clock = new();
    private int edge;
    private double buffered;
    private double standing;
    private double longest;
    private double lowest = double.MaxValue;
    private double stepBegan;
    private int parts;

    /// <param name="http">Shared by all.</param>
    /// <param name="edges">The same playlist at each edge.</param>
    /// <param name="home">At which it begins.</param>
    /// <param name="parse">Reads a playlist's text.</param>
    public SwarmPlayer(HttpClient http, IReadOnlyList<Uri> edges, int home = 0, Func<string, HlsMediaPlaylist>? parse = null)
    {
        this.http = http;
        this.parse = parse ?? HlsMediaPlaylist.Parse;
        this.edges = edges;
        this.home = edge = home;
    }

    /// <summary>Parts that came so far.</summary>
    public int Parts => Volatile.Read(ref parts);

    /// <summary>The longest time without a picture since the step began, the present one included.</summary>
    public TimeSpan LongestStall
    {
        get
        {
            lock (gate)
                return TimeSpan.FromSeconds(Math.Max(longest, StandingStill));
        }
    }

    /// <summary>The least that was left in its buffer when something came since the step began.</summary>
    public TimeSpan LowestBuffer
    {
        get
        {
            lock (gate)
                return TimeSpan.FromSeconds(Math.Clamp(lowest, 0, 1000));
        }
    }

    /// <summary>Where it plays, for how many parts, and what it could not get last.</summary>
    public string Place => $"at {edges[Volatile.Read(ref edge)].Authority}, {Parts} parts, {LastFault}";

    /// <summary>What it could not get, in words.</summary>
    public string? LastFault { get; private set; }

    // Without a picture right now, as far as this step knows of it.
    private double StandingStill => clock.IsRunning ? Math.Min(clock.Elapsed.TotalSeconds - standing - buffered, clock.Elapsed.TotalSeconds - stepBegan) : 0;

    /// <summary>Stalls count from here on.</summary>
    public void BeginStep()
    {
        lock (gate)
            (longest, lowest, stepBegan) = (0, double.MaxValue, clock.Elapsed.TotalSeconds);
    }

    /// <summary>It goes on at the edge where it began.</summary>
    public void Return() => Volatile.Write(ref edge, home);

    /// <summary>Plays until it is told to end.</summary>
    public async Task PlayAsync(CancellationToken token)
    {
        HlsMediaPlaylist? known = null;
        (int Segment, int Part)? last = null;
        var failures = 0;
        while (!token.IsCancellationRequested)
        {
            var at = Volatile.Read(ref edge);
            try
            {
                var query = known is null ? "" : $"?_HLS_msn={known.NextSegment}&_HLS_part={known.OpenParts.Count}";
                var text = await http.GetStringAsync(new Uri(edges[at], edges[at].AbsolutePath + query), token);
                known = parse(text);
                var listed = known.Segments.SelectMany(segment => segment.Parts).Concat(known.OpenParts).ToList();
                // It begins with the newest segment that can be decoded from its start.
                // Afterwards only what comes behind the last one counts: an edge may be behind the one before.
                var news = last is { } taken ? listed.Where(part => NumberOf(part).CompareTo(taken) > 0) : listed.Skip(Math.Max(0, listed.FindLastIndex(part => part.IsIndependent)));
                foreach (var part in news)
                {
                    await http.GetByteArrayAsync(new Uri(edges[at], part.Uri), token);
                    last = NumberOf(part);
                    Take(part.Duration);
                }
                Start(known.PartHoldBack);
                failures = 0;
            }
            catch (Exception fault) when (fault is HttpRequestException or IOException or OperationCanceledException && !token.IsCancellationRequested)
            {
                LastFault = $"{edges[at].Authority}: {fault.Message}";
                // An edge that answers, whatever it says, is kept.
                if (fault is not HttpRequestException { StatusCode: not null })
                    Interlocked.CompareExchange(ref edge, (at + 1) % edges.Count, at);
                if (++failures >= edges.Count || fault is HttpRequestException { StatusCode: not null })
                    await Task.Delay(RetryAfter, CancellationToken.None);
            }
            catch (OperationCanceledException)
            {
                return;
            }
        }
    }

    /// <summary>From its name, <c>SEGMENT.PART.m4s</c>.</summary>
    private static (int Segment, int Part) NumberOf(HlsPart part)
    {
        var numbers = part.Uri.Split('.');
        return (int.Parse(numbers[0], CultureInfo.InvariantCulture), int.Parse(numbers[1], CultureInfo.InvariantCulture));
    }

    /// <summary>A part came.</summary>
    private void Take(double seconds)
    {
        lock (gate)
        {
            var left = buffered - (clock.Elapsed.TotalSeconds - standing);
            if (clock.IsRunning)
                lowest = Math.Min(lowest, left);
            if (clock.IsRunning && left < 0)
            {
                longest = Math.Max(longest, StandingStill);
                standing -= left;
            }
            buffered += seconds;
        }
        Interlocked.Increment(ref parts);
    }

    /// <summary>Everything that was listed has come: it seeks to where it should begin, and plays.</summary>
    private void Start(double holdBack)
    {
        lock (gate)
        {
            if (clock.IsRunning || buffered < holdBack)
                return;
            buffered = holdBack;
            clock.Start();
        }
    }
}
