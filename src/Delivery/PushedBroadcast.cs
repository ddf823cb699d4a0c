using System.Diagnostics.CodeAnalysis;
using Millrace.Core;
using Millrace.Media;
using Millrace.Packaging;
using Millrace.Push;

namespace Millrace.Delivery;

/// <summary>
/// A broadcast that an ingest node elsewhere pushes here: how far it has come, and which request writes. The newest request
/// wins, because the one before is mostly a connection that its pusher has lost already.
/// </summary>
[SuppressMessage("Design", "CA1001", Justification = "A semaphore without a wait handle holds nothing.")]
internal sealed class PushedBroadcast
{
    /// <summary>Most bytes of one segment of one rendition: ten seconds of 200 Mbit/s; positions in a segment are 32 bits.</summary>
    internal const int MaxSegmentBytes = 256 << 20;

    // A pusher sends what gathered during a break as fast as the network goes.
    private const int BurstSeconds = 60;

    // Segments that may be on their way to the disk and are remembered one by one: minutes of a large ladder.
    private const int MaxUnwritten = 1024;

    private readonly SemaphoreSlim turn = new(1, 1);
    private readonly PushCursor cursor;
    private readonly OriginBroadcast broadcast;
    private readonly long bytesPerSecond;
    private readonly Lock storing = new();
    private readonly Queue<(long Records, PushPosition Position)> unwritten = [];
    private PushPosition stored;
    private readonly TimeProvider time;
    private CancellationTokenSource? writing;
    private PushPosition position;
    private int[] segmentBytes = [];
    private TrackFormat[] formats = [];
    private bool[] derived = [];
    // It is as an earlier run left it, and waits for its pusher.
    private bool isWaiting;
    private long allowance;
    private long countedAt;
    private long heardAt;
    private ulong generation;

    public PushedBroadcast(OriginBroadcast broadcast, long maxBitrate, TimeProvider time)
        : this(broadcast, new PushCursor(), maxBitrate, time)
    {
    }

    private PushedBroadcast(OriginBroadcast broadcast, PushCursor cursor, long maxBitrate, TimeProvider time)
    {
        this.broadcast = broadcast;
        this.cursor = cursor;
        this.time = time;
        bytesPerSecond = maxBitrate / 8;
        allowance = bytesPerSecond * BurstSeconds;
        heardAt = countedAt = time.GetTimestamp();
        position = stored = cursor.Read();
    }

    /// <summary>
    /// One of an earlier run: it goes on where its journal ends. What had come and was not recorded comes again, under the same
    /// names and with the same bytes.
    /// </summary>
    public static PushedBroadcast Recovered(OriginBroadcast broadcast, long maxBitrate, TimeProvider time)
    {
        var renditions = broadcast.CurrentRenditions;
        var places = renditions.Select(rendition => new PushPlace(rendition.NextSegment, 0, rendition.Track.HasInit));
        // Whether the publisher was there is for the pusher to say.
        var position = new PushPosition(broadcast.Timeline.Read().PeriodCount, IsSuspended: false, broadcast.IsEnded, [.. places]);
        return new PushedBroadcast(broadcast, new PushCursor(position), maxBitrate, time)
        {
            formats = [.. renditions.Select(rendition => rendition.Format)],
            derived = [.. renditions.Select(rendition => rendition.IsDerived)],
            segmentBytes = new int[renditions.Count],
            isWaiting = true,
        };
    }

    /// <summary>The broadcast at this origin.</summary>
    public OriginBroadcast Broadcast => broadcast;

    /// <summary>What is here, and what of it is on disk. Any thread.</summary>
    public PushPosition Position
    {
        get
        {
            lock (storing)
            {
                while (unwritten.TryPeek(out var next) && next.Records <= broadcast.Journal.Written)
                    stored = unwritten.Dequeue().Position;
                return Volatile.Read(ref position) with { Stored = stored };
            }
        }
    }

    /// <summary>The pusher whose frames are taken: those of one with a smaller number are refused. Any thread.</summary>
    public ulong Generation => Volatile.Read(ref generation);

    /// <summary>Lets a pusher in, unless another one has taken the broadcast over from it. In turn only, or before anybody else knows of it.</summary>
    public bool Admit(ulong pusher)
    {
        if (pusher < generation)
            return false;
        Volatile.Write(ref generation, pusher);
        return true;
    }

    /// <summary>Another pusher takes it over: all that it has to know. In turn only.</summary>
    /// <param name="nonce">What tells it from any other that does the same: 32 bits.</param>
    public byte[] TakeOver(uint nonce)
    {
        Volatile.Write(ref generation, (((generation >> 32) + 1) << 32) | nonce);
        return broadcast.Story!.Tell(broadcast, generation, PushHandover.ReadEnd(broadcast, cursor.Read().Renditions));
    }

    /// <summary>Nothing was heard of it for too long; it may be opened anew.</summary>
    public bool IsLost { get; set; }

    /// <summary>How long nothing has been heard. Any thread.</summary>
    public TimeSpan Silence => time.GetElapsedTime(Volatile.Read(ref heardAt));

    /// <summary>Something was heard. Any thread.</summary>
    public void Hear() => Volatile.Write(ref heardAt, time.GetTimestamp());

    /// <summary>Whether a repeated <see cref="PushOpen"/> names the same promises.</summary>
    public bool IsSame(PushOpen open) => open.Contract == broadcast.Opened.Contract;

    /// <summary>Waits for the turn to write, and cancels whoever has it. The caller gives it back with <see cref="Leave"/>.</summary>
    /// <param name="own">Cancelled when a later request wants the turn.</param>
    /// <param name="cancellation">Ends the wait.</param>
    public async Task EnterAsync(CancellationTokenSource own, CancellationToken cancellation)
    {
        var before = Interlocked.Exchange(ref writing, own);
        try
        {
            if (before is not null)
                await before.CancelAsync();
        }
        catch (ObjectDisposedException)
        {
            // It left meanwhile.
        }
        await turn.WaitAsync(cancellation);
    }

    /// <summary>Ends the request that has the turn: nothing more of it is taken.</summary>
    public void Expel()
    {
        try
        {
            Volatile.Read(ref writing)?.Cancel();
        }
        catch (ObjectDisposedException)
        {
            // It left meanwhile.
        }
    }

    /// <summary>Gives the turn back.</summary>
    public void Leave(CancellationTokenSource own)
    {
        Interlocked.CompareExchange(ref writing, null, own);
        turn.Release();
    }

    /// <summary>What a frame is here, and what is wrong with it if it comes next. In turn only.</summary>
    public PushStep Check(PushFrame frame, out string? fault)
    {
        fault = null;
        var step = cursor.Check(frame);
        if (step != PushStep.Next)
            return step;
        switch (frame)
        {
            case PushPart { Description: var part, Bytes: var bytes }:
                if (!IsOnTimescale(part.Rendition, part.Start))
                    fault = "A part is not on its track's timescale.";
                else if (segmentBytes[part.Rendition] > MaxSegmentBytes - bytes)
                    fault = $"A segment has more than {MaxSegmentBytes} bytes.";
                break;
            case PushResume resume:
                for (var i = 0; i < resume.Renditions.Count && fault is null; i++)
                {
                    if (resume.Renditions[i].Segments is [var told, ..] && !IsOnTimescale(i, told.Start))
                        fault = "A period's end is not on its track's timescale.";
                }
                break;
            case PushInit init:
                if (init.Format.Kind != formats[init.Rendition].Kind)
                    fault = "An init segment is of another kind of media than its rendition.";
                break;
            case PushSegmentEnd { Description: var end }:
                if (!IsOnTimescale(end.Rendition, end.Start))
                    fault = "A segment is not on its track's timescale.";
                break;
        }
        return step;
    }

    /// <summary>Does what a frame says that comes next, and takes its chunk over. In turn only. False when the broadcast was ended here.</summary>
    public bool Apply(PushFrame frame, MediaChunk? chunk)
    {
        if (broadcast.IsEnded)
        {
            chunk?.Release();
            return false;
        }
        try
        {
            Do(frame, chunk);
        }
        catch (InvalidOperationException) when (broadcast.IsEnded)
        {
            // It was ended between the two.
            return false;
        }
        cursor.Advance(frame);
        var reached = cursor.Read();
        if (frame is not (PushPart or PushBegin))
            Remember(reached);
        Volatile.Write(ref position, reached);
        return true;
    }

    /// <summary>Once the journal has come so far, the position is on disk.</summary>
    private void Remember(PushPosition reached)
    {
        lock (storing)
        {
            // A disk that takes nothing: what is left out is on disk when the next one is.
            if (unwritten.Count == MaxUnwritten)
                unwritten.Dequeue();
            unwritten.Enqueue((broadcast.Journal.Added, reached.WithoutRunning()));
        }
    }

    /// <summary>Counts bytes that came. False when they are more than the rate allows.</summary>
    public bool Allow(long bytes)
    {
        var now = time.GetTimestamp();
        var earned = (long)(time.GetElapsedTime(countedAt, now).TotalSeconds * bytesPerSecond);
        if (earned > 0)
        {
            countedAt = now;
            allowance = Math.Min(bytesPerSecond * BurstSeconds, allowance + earned);
        }
        allowance -= bytes;
        return allowance >= 0;
    }

    private void Do(PushFrame frame, MediaChunk? chunk)
    {
        switch (frame)
        {
            case PushPeriod { Description: var begun }:
                broadcast.BeginPeriod(begun);
                formats = [.. begun.Renditions.Select(rendition => rendition.Format)];
                derived = [.. begun.Renditions.Select(rendition => rendition.IsDerived)];
                isWaiting = false;
                segmentBytes = new int[begun.Renditions.Count];
                break;
            case PushInit init:
                broadcast.SetInit(init.Rendition, init.Format, init.Init);
                formats[init.Rendition] = init.Format;
                break;
            case PushBegin begin:
                broadcast.BeginSegment(begin.Rendition, begin.Segment);
                break;
            case PushPart { Description: var part }:
                GoOn(part.Rendition);
                segmentBytes[part.Rendition] += chunk!.Length;
                broadcast.AppendPart(part, chunk);
                break;
            case PushSegmentEnd { Description: var end }:
                GoOn(end.Rendition);
                segmentBytes[end.Rendition] = 0;
                broadcast.EndSegment(end);
                break;
            case PushJoin join:
                broadcast.JoinAt(join.Segment, [.. join.Renditions]);
                break;
            case PushResume resume:
                isWaiting = false;
                Array.Clear(segmentBytes);
                PushHandover.Resume(broadcast, resume, cursor.Read().Renditions);
                break;
            case PushSuspend:
                isWaiting = false;
                broadcast.Suspend();
                break;
            case PushEnd:
                broadcast.End();
                break;
        }
    }

    /// <summary>The pusher is back in the midst of a period: so is the publisher. A derived rendition's tail comes without one.</summary>
    private void GoOn(int rendition)
    {
        if (!isWaiting || derived[rendition])
            return;
        isWaiting = false;
        broadcast.Timeline.Continue();
    }

    private bool IsOnTimescale(int rendition, MediaTime start) => start.Timescale == formats[rendition].Timescale;
}
