using System.Globalization;
using Millrace.Media;
using Millrace.Packaging;
using Millrace.Transcoding;

namespace Millrace.Ingest;

/// <summary>
/// The further renditions of one broadcast over its periods: plans them, feeds what makes them, and says when a period with
/// others is due. Guarded by the broadcast's lock.
/// </summary>
[System.Diagnostics.CodeAnalysis.SuppressMessage("Design", "CA1001", Justification = "Close() hands it to Ladders, which may wait for its end.")]
internal sealed class BroadcastLadder(Broadcast broadcast, Ladders? ladders)
{
    /// <summary>
    /// A ladder that was given up is tried again after this long: what broke it may have passed. Doubles with each failure that
    /// follows, up to 16 times: a source that is to be encoded again is not seen while its encoder fails.
    /// </summary>
    private static readonly TimeSpan RetryAfter = TimeSpan.FromMinutes(1);
    private const int MaxDoublings = 4;

    /// <summary>A ladder that ran so long was well: its failure is the first.</summary>
    private static readonly TimeSpan WellAfter = TimeSpan.FromMinutes(5);

    /// <summary>Random access points can be as close as the frames, each frame of audio is one, and a judgement is not cheap.</summary>
    private static readonly TimeSpan LookEvery = TimeSpan.FromSeconds(0.9);

    /// <summary>How long the budget must have had room for more before a period begins with it: what went may be about to come back.</summary>
    private static readonly TimeSpan RoomFor = TimeSpan.FromSeconds(10);

    /// <summary>Between two plans: each further rendition costs every viewer a discontinuity, and rooms come free one after the other.</summary>
    private static readonly TimeSpan PlanEvery = TimeSpan.FromSeconds(30);

    /// <summary>Of a ladder of which nothing is left: nothing is late.</summary>
    private static readonly TranscoderStatus Idle = new(TranscoderState.Running, null, TimeSpan.Zero, 1, 0, 0, 0, []);

    private PeriodLadder? current;
    private LadderPlan? wanted;
    private int leftOut;
    private TimeSpan plannedAt;
    private TimeSpan? roomSince;
    private readonly LoadJudge judge = new();
    private string? failure;
    private int withdrawn;
    private long failedAt;
    private int failures;
    private long startedAt;
    private TimeSpan? lookedAt;
    private TimeSpan? judgedAt;
    private bool isJudged;
    private int pastRestarts;
    private long pastDropped;
    private IReadOnlyList<string> pastErrors = [];
    private IReadOnlyList<string> notes = [];

    /// <summary>The period's source video is not shown to viewers: the first rung takes its place and leads.</summary>
    public bool IsNormalized => current is { Plan.IsNormalized: true };

    /// <summary>Whether a transcoder's word is still of interest.</summary>
    public bool IsCurrent(PeriodLadder ladder) => current == ladder;

    private TimeSpan RetryDelay => RetryAfter * (1 << Math.Clamp(failures - 1, 0, MaxDoublings));

    /// <summary>Plans the renditions of a period that begins; the one before is over. <see cref="Start"/> follows.</summary>
    /// <param name="facts">What is known of the source.</param>
    /// <returns>What is made: rung by rung, to be announced with the period.</returns>
    public IReadOnlyList<PeriodRendition> Plan(SourceFacts facts)
    {
        leftOut = 0;
        roomSince = null;
        isJudged = false;
        if (ladders is null || failure is not null && ladders.Elapsed(failedAt) < RetryDelay)
        {
            Close();
            return [];
        }
        failure = null;
        plannedAt = ladders.Clock;
        wanted = ladders.Derive(broadcast.Channel, facts);
        var reserved = ladders.Reserve(broadcast.Channel, facts, judge.Shed, current, out notes, out leftOut);
        Close();
        if (reserved is not { } room)
            return [];
        current = new PeriodLadder(broadcast, room);
        return current.Renditions;
    }

    /// <summary>The period has begun: what <see cref="Plan"/> announced is made from now on.</summary>
    /// <param name="tracks">The period's track of each rung.</param>
    public void Start(IReadOnlyList<int> tracks)
    {
        if (current is null)
            return;
        startedAt = ladders!.Now;
        current.Start(ladders, tracks);
    }

    /// <summary>One access unit of the source on the broadcast's clock; the payload stays the caller's.</summary>
    public void Feed(MediaKind kind, in AccessUnit unit) => current?.Feed(kind, unit);

    /// <summary>Whether another period should begin, because there should be more renditions, fewer or others.</summary>
    /// <param name="facts">What is known of the source now.</param>
    public bool WantsPeriod(SourceFacts facts)
    {
        if (ladders is null)
            return false;
        if (failure is not null && current is null)
            return ladders.Elapsed(failedAt) >= RetryDelay;
        if (current is { HasFailed: true } || isJudged)
            return true;
        var now = ladders.Clock;
        if (lookedAt is { } last && now - last < LookEvery)
            return false;
        lookedAt = now;
        return WantsOthers(facts, now) || HasFoundRoom(facts, now);
    }

    /// <summary>Whether <see cref="Judge"/> is to be called, about once a second.</summary>
    public bool IsJudgementDue =>
        ladders is not null && !isJudged && (current is not null || judge.Shed > 0) && (judgedAt is not { } last || ladders.Clock - last >= LookEvery);

    /// <summary>
    /// Judges whether this machine keeps up, at any picture: key frames can be ten seconds apart, and of two of them the first would only
    /// find that it is late. A verdict holds until the next period.
    /// </summary>
    /// <param name="facts">What is known of the source now.</param>
    public void Judge(SourceFacts facts)
    {
        var now = ladders!.Clock;
        judgedAt = now;
        // Of sound alone there is nothing to shed.
        var status = current is { Plan.Video.Count: > 0 } ? current.Status ?? Idle : Idle;
        var hasRoom = judge.Shed > 0 && ladders.HasRoomForMore(broadcast.Channel, facts, judge.Shed - 1, current?.Plan);
        switch (judge.Look(now, status, hasRoom))
        {
            case LoadVerdict.Shed:
                isJudged = true;
                ladders.Shed(broadcast.Channel, status);
                break;
            case LoadVerdict.Restore:
                isJudged = true;
                ladders.Tell(broadcast.Channel, LadderEventKind.Restored, "this machine keeps up again");
                break;
        }
    }

    /// <summary>
    /// Whether the source is not what the ladder was planned for: it needs to be encoded again, or needs it no longer, or its bitrate
    /// leaves room for fewer renditions below it, or for more.
    /// </summary>
    private bool WantsOthers(SourceFacts facts, TimeSpan now)
    {
        // By the frame rate of the plan: a measured one is never the same twice.
        var next = ladders!.Derive(broadcast.Channel, facts with { FramesPerSecond = wanted!.Source.FramesPerSecond });
        if (next.IsNormalized != wanted.IsNormalized)
            return true;
        // What was not made need not go, and what comes back may be one of several.
        var isChanged = next.Video.Count > wanted.Video.Count ? now - plannedAt >= PlanEvery
            : next.Video.Count < wanted.Video.Count && next.Video.Count < (current?.Plan.Video.Count ?? 0);
        if (isChanged)
        {
            ladders.Tell(broadcast.Channel, LadderEventKind.Refitted, string.Create(
                CultureInfo.InvariantCulture, $"its video is of {facts.VideoBitsPerSecond / 1e6:0.00} Mbit/s"));
        }
        return isChanged;
    }

    /// <summary>
    /// Whether the budget has had room for a while for what it had none for. Each time at least one rendition more is made, so this
    /// comes to an end; what was shed is not asked for.
    /// </summary>
    private bool HasFoundRoom(SourceFacts facts, TimeSpan now)
    {
        if (leftOut == 0 || !ladders!.HasRoomForMore(broadcast.Channel, facts, judge.Shed, current?.Plan))
        {
            roomSince = null;
            return false;
        }
        roomSince ??= now;
        if (now - roomSince < RoomFor || now - plannedAt < PlanEvery)
            return false;
        ladders.Tell(broadcast.Channel, LadderEventKind.Restored, "the node's budget has room for it");
        return true;
    }

    /// <summary>The source's media are over for now: what is on its way through the transcoder is still taken.</summary>
    public void EndPeriod() => current?.Finish();

    /// <summary>Nothing more is taken, and the child goes.</summary>
    public void Close()
    {
        if (current is null)
            return;
        if (current.Status is { } status)
        {
            pastRestarts += status.Restarts;
            pastDropped += status.DroppedUnits;
            pastErrors = status.LastErrors;
        }
        ladders!.Retire(current);
        current = null;
    }

    /// <summary>What a transcoder says of itself.</summary>
    public void Change(TranscoderState state, string? reason)
    {
        if (state == TranscoderState.Restarting)
            ladders!.Tell(broadcast.Channel, LadderEventKind.Restarting, reason ?? "ffmpeg is started again");
        if (state != TranscoderState.Failed)
            return;
        failures = ladders!.Elapsed(startedAt) < WellAfter ? failures + 1 : 1;
        failure = reason ?? "ffmpeg failed";
        withdrawn = current!.Plan.RungCount;
        failedAt = ladders.Now;
        ladders.Tell(broadcast.Channel, LadderEventKind.Failed, failure);
    }

    /// <summary>Null when this node makes no renditions.</summary>
    public LadderHealth? ReadHealth()
    {
        if (ladders is null)
            return null;
        var status = current?.Status;
        return new LadderHealth(
            status?.State ?? (failure is null ? null : TranscoderState.Failed),
            IsNormalized,
            failure ?? status?.Reason ?? ladders.FaultOf(broadcast.Channel),
            current?.Plan.NormalizeReason,
            current is null ? [] : [.. current.Plan.Video.Select(rung => new RungHealth(rung.Name, rung.Width, rung.Height, rung.BitsPerSecond)),
                .. current.Plan.Audio is { } audio ? [new RungHealth(audio.Name, 0, 0, audio.BitsPerSecond)] : (RungHealth[])[]],
            judge.Shed,
            status?.Lag ?? TimeSpan.Zero,
            status?.Speed ?? 0,
            pastRestarts + (status?.Restarts ?? 0),
            pastDropped + (status?.DroppedUnits ?? 0),
            notes,
            status?.LastErrors ?? pastErrors)
        {
            HasRecentErrors = status?.HasRecentErrors ?? false,
            OverBudget = leftOut,
            Withdrawn = failure is null ? 0 : withdrawn,
        };
    }
}
