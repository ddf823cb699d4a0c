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
    /// <param name="notes">What is left out and why, in sentences.</param>
    internal TranscodingBudget.Reservation? Reserve(ChannelName channel, SourceFacts facts, int shed, out IReadOnlyList<string> notes)
    {
        notes = [];
        if (ffmpeg is null)
            return null;
        var plan = Derive(channel, facts);
        var said = plan.Notes.ToList();
        for (; shed > 0 && plan.WithoutMostExpensive() is { } smaller; shed--)
            plan = smaller;
        var reservation = plan.IsEmpty ? null : budget.Reserve(plan);
        var left = plan.Video.Count - (reservation?.Plan.Video.Count ?? 0);
        if (!plan.IsEmpty && left > 0)
        {
            said.Add(string.Create(CultureInfo.InvariantCulture,
                $"{left} of {plan.Video.Count} renditions are not made: the node's budget of {budget.PixelsPerSecond / 1e6:0} million pixels a second (Transcoding:MaxPixelsPerSecond) has no room for them."));
        }
        notes = said;
        return reservation;
    }

    /// <summary>Whether the budget has room for what a plan lost.</summary>
    internal bool HasRoom(LadderPlan wanted, LadderPlan? made) => budget.Used - (made?.PixelsPerSecond ?? 0) + wanted.PixelsPerSecond <= budget.PixelsPerSecond;

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

    /// <summary>Waits until every child whose period is over has ended. The broadcasts have ended before.</summary>
    public void Dispose()
    {
        Task[] left;
        lock (gate)
            left = [.. retiring];
        Task.WaitAll(left);
    }
}
