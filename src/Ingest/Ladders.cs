using System.Globalization;
using Millrace.Core;
using Millrace.Transcoding;

namespace Millrace.Ingest;

/// <summary>
/// What this node makes further renditions with: its ffmpeg, its budget, and the transcoders whose periods are over until
/// they have ended. Thread-safe.
/// </summary>
public sealed class Ladders : IDisposable
{
    /// <summary>A killed child is gone in milliseconds, on a machine that is full in a second or two.</summary>
    private static readonly TimeSpan PatienceAtTheEnd = TimeSpan.FromSeconds(10);

    private readonly TranscodingOptions options;
    private readonly Ffmpeg? ffmpeg;
    private readonly TranscodingBudget budget;
    private readonly IngestOptions ingest;
    private readonly MediaBlockPool pool;
    private readonly TimeProvider time;
    private readonly Lock gate = new();
    private readonly HashSet<Task> retiring = [];

    /// <param name="options">What is wanted.</param>
    /// <param name="ffmpeg">What it is made with, or null.</param>
    /// <param name="fault">Why there is no ffmpeg, in a sentence; null when there is.</param>
    /// <param name="budget">How much this node may encode.</param>
    /// <param name="ingest">Which sources are too large.</param>
    /// <param name="pool">Memory for media.</param>
    /// <param name="time">The clock.</param>
    public Ladders(
        TranscodingOptions options, Ffmpeg? ffmpeg, string? fault, TranscodingBudget budget, IngestOptions ingest, MediaBlockPool pool,
        TimeProvider time)
    {
        this.options = options;
        this.ffmpeg = ffmpeg;
        this.budget = budget;
        this.ingest = ingest;
        this.pool = pool;
        this.time = time;
        Fault = fault;
    }

    /// <summary>Raised under the broadcast's lock: handlers must not block.</summary>
    public event Action<LadderEvent>? Happened;

    /// <summary>Why nothing can be made; null when it can.</summary>
    public string? Fault { get; }

    /// <summary>The same for one channel: nothing is missing where nothing is wanted.</summary>
    internal string? FaultOf(ChannelName channel) =>
        options.LadderOf(channel.Value).Equals("off", StringComparison.OrdinalIgnoreCase) ? null : Fault;

    /// <summary>Pixels a second that are reserved.</summary>
    public long BudgetUsed => budget.Used;

    /// <summary>Pixels a second that this node may encode.</summary>
    public long BudgetLimit => budget.PixelsPerSecond;

    internal long Now => time.GetTimestamp();

    internal TimeSpan Elapsed(long since) => time.GetElapsedTime(since);

    /// <summary>On a clock that only goes forward.</summary>
    internal TimeSpan Clock => time.GetElapsedTime(0);

    /// <summary>What a channel's source should get, whatever it costs.</summary>
    internal LadderPlan Derive(ChannelName channel, SourceFacts facts)
    {
        if (facts.Video is not { } video || (long)video.Width * video.Height <= ingest.MaxPixels)
            return Ladder.Derive(facts, options, channel.Value);
        var plan = Ladder.Derive(facts with { Video = null }, options, channel.Value);
        return plan with
        {
            Notes = [.. plan.Notes, string.Create(CultureInfo.InvariantCulture,
                $"No renditions are made of a picture of {video.Width}×{video.Height}: Ingest:MaxPixels is {ingest.MaxPixels}.")],
        };
    }

    /// <summary>What it gets: as much as the budget has room for; null when that is nothing.</summary>
    /// <param name="channel">Whose source.</param>
    /// <param name="facts">The source.</param>
    /// <param name="shed">Renditions to leave out, because the machine did not keep up with them.</param>
    /// <param name="instead">The ladder of the period before, whose room is given back in the same step; or null.</param>
    /// <param name="notes">What is left out and why, in sentences.</param>
    /// <param name="leftOut">Renditions for which there is no room.</param>
    internal TranscodingBudget.Reservation? Reserve(
        ChannelName channel, SourceFacts facts, int shed, PeriodLadder? instead, out IReadOnlyList<string> notes, out int leftOut)
    {
        notes = [];
        leftOut = 0;
        if (ffmpeg is null)
            return null;
        var plan = Derive(channel, facts);
        var said = plan.Notes.ToList();
        plan = Without(plan, shed);
        var reservation = plan.IsEmpty ? null : budget.Reserve(plan, instead?.Room);
        var left = plan.Video.Count - (reservation?.Plan.Video.Count ?? 0);
        leftOut = left;
        if (!plan.IsEmpty && left > 0)
        {
            said.Add(string.Create(CultureInfo.InvariantCulture,
                $"{left} of {plan.Video.Count} renditions are not made: the node's budget of {budget.PixelsPerSecond / 1e6:0} million pixels a second (Transcoding:MaxPixelsPerSecond) has no room for them."));
        }
        notes = said;
        return reservation;
    }

    /// <summary>Whether the budget would give a broadcast more than it has now.</summary>
    /// <param name="channel">Whose source.</param>
    /// <param name="facts">The source.</param>
    /// <param name="shed">Renditions to leave out, because the machine did not keep up with them.</param>
    /// <param name="made">What it has, or null.</param>
    internal bool HasRoomForMore(ChannelName channel, SourceFacts facts, int shed, LadderPlan? made) =>
        ffmpeg is not null && budget.Preview(Without(Derive(channel, facts), shed), made?.PixelsPerSecond ?? 0) is { } possible
        && (possible.Video.Count > (made?.Video.Count ?? 0) || possible.IsNormalized && made is not { IsNormalized: true });

    private static LadderPlan Without(LadderPlan plan, int shed)
    {
        for (; shed > 0 && plan.WithoutMostExpensive() is { } smaller; shed--)
            plan = smaller;
        return plan;
    }

    internal Transcoder Start(LadderPlan plan, ITranscoderSink sink) => new(plan, options, ffmpeg!, pool, sink, time);

    /// <summary>A period is over: its share of the budget is free at once, and its child is ended on a thread that may wait for it.</summary>
    internal void Retire(PeriodLadder ladder)
    {
        ladder.GiveRoomBack();
        lock (gate)
        {
            retiring.RemoveWhere(task => task.IsCompleted);
            retiring.Add(Task.Run(ladder.Dispose));
        }
    }

    internal void Tell(ChannelName channel, LadderEventKind kind, string reason) => Happened?.Invoke(new LadderEvent(channel, kind, reason));

    internal void Shed(ChannelName channel, TranscoderStatus status) => Tell(channel, LadderEventKind.Shed, string.Create(
        CultureInfo.InvariantCulture, $"this machine encodes at {status.Speed:0.00} of real time, {status.Lag.TotalSeconds:0.0} s behind"));

    /// <summary>
    /// Waits until every child whose period is over has ended, but not for ever: each has its SIGKILL, and one that hangs in the
    /// kernel must not hold the process up, whose end it does not survive. The broadcasts have ended before.
    /// </summary>
    public void Dispose()
    {
        Task[] left;
        lock (gate)
            left = [.. retiring];
        Task.WaitAll(left, PatienceAtTheEnd);
    }
}
