using System.Buffers;
using System.IO.Pipelines;
using Microsoft.AspNetCore.Http;
using Millrace.Core;
using Millrace.Packaging;
using Millrace.Push;

namespace Millrace.Delivery;

/// <summary>What a push request comes to.</summary>
/// <param name="Status">Of HTTP.</param>
/// <param name="Position">Where the broadcast is here; with 200 and 409.</param>
/// <param name="Reason">A sentence for the pusher; empty with a position.</param>
internal readonly record struct PushReply(int Status, PushPosition? Position, string Reason)
{
    /// <summary>A broadcast that is taken over, and all that is to be known of it; else null.</summary>
    public (BroadcastId Id, byte[] Frames)? Story { get; init; }
}

/// <summary>Reads one request's body: frames, and what they do to a broadcast. Knows HTTP's status codes and nothing else of it.</summary>
internal sealed class PushReceiver
{
    /// <summary>A pusher that sends nothing for so long has gone; its requests last 2 s.</summary>
    internal static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    // Memory is taken for what has come, not for what a frame declares.
    private const int SliceBytes = 32 * 1024;

    private readonly PushedBroadcasts broadcasts;
    private readonly MediaBlockPool pool;
    private readonly TimeProvider time;

    public PushReceiver(PushedBroadcasts broadcasts, MediaBlockPool pool, TimeProvider time)
    {
        this.broadcasts = broadcasts;
        this.pool = pool;
        this.time = time;
    }

    /// <summary>Where the broadcast is.</summary>
    public PushReply Read(ChannelName channel, BroadcastId id)
    {
        var (found, refusal) = broadcasts.Find(channel, id);
        found?.Hear();
        return found is not null ? new PushReply(StatusCodes.Status200OK, found.Position, "") : Refuse(refusal);
    }

    /// <summary>Gives what is on air of a channel to another pusher: no frame of the one before is taken any more.</summary>
    public async Task<PushReply> TakeOverAsync(ChannelName channel, PipeReader body, CancellationToken cancellation)
    {
        using var limit = new CancellationTokenSource(Patience, time);
        using var replaced = new CancellationTokenSource();
        using var all = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, replaced.Token, cancellation);
        try
        {
            var read = await body.ReadAtLeastAsync(PushFrameWriter.PreambleBytes, all.Token);
            var status = TryReadPreamble(read.Buffer, out var nonce);
            body.AdvanceTo(read.Buffer.End);
            if (status != OperationStatus.Done || nonce > uint.MaxValue)
                return new PushReply(StatusCodes.Status400BadRequest, null, "The body is a preamble, with 32 bits in the lower half of its generation.");
            var (found, refusal) = broadcasts.FindOnAir(channel);
            if (found is null)
                return Refuse(refusal);
            await found.EnterAsync(replaced, all.Token);
            try
            {
                found.Hear();
                if (found.Broadcast.IsEnded)
                    return Refuse(PushRefusal.None);
                return new PushReply(StatusCodes.Status200OK, null, "") { Story = (found.Broadcast.Id, found.TakeOver((uint)nonce)) };
            }
            finally
            {
                found.Leave(replaced);
            }
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            return new PushReply(StatusCodes.Status503ServiceUnavailable, null, "A later request of the same broadcast goes on.");
        }
    }

    private static OperationStatus TryReadPreamble(ReadOnlySequence<byte> buffer, out ulong generation)
    {
        var input = new SequenceReader<byte>(buffer);
        return PushFrameReader.TryReadPreamble(ref input, out generation);
    }

    /// <summary>Takes a body in to its end, or to the first frame that cannot be taken.</summary>
    public async Task<PushReply> ReceiveAsync(ChannelName channel, BroadcastId id, PipeReader body, CancellationToken cancellation)
    {
        using var limit = new CancellationTokenSource(Patience, time);
        using var replaced = new CancellationTokenSource();
        using var all = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, replaced.Token, cancellation);
        var reading = new Reading(this, channel, id, body, limit, replaced);
        try
        {
            return await reading.RunAsync(all.Token);
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            if (broadcasts.Find(channel, id).Refusal == PushRefusal.TakenDown)
                return Refuse(PushRefusal.TakenDown);
            return replaced.IsCancellationRequested
                ? new PushReply(StatusCodes.Status503ServiceUnavailable, null, "A later request of the same broadcast goes on.")
                : new PushReply(StatusCodes.Status408RequestTimeout, null, $"Nothing came for {Patience.TotalSeconds:0} s.");
        }
        finally
        {
            reading.Dispose();
        }
    }

    private static PushReply Refuse(PushRefusal refusal) => refusal switch
    {
        PushRefusal.None => new PushReply(StatusCodes.Status404NotFound, null, "The broadcast is not known here."),
        PushRefusal.Ended => new PushReply(StatusCodes.Status200OK, PushPosition.Over, ""),
        PushRefusal.TakenDown => new PushReply(StatusCodes.Status451UnavailableForLegalReasons, null, "The broadcast was taken down."),
        PushRefusal.Leaving => new PushReply(StatusCodes.Status503ServiceUnavailable, null, "What was here of the broadcast is being deleted."),
        PushRefusal.Superseded => new PushReply(StatusCodes.Status410Gone, null, "The channel has a newer broadcast."),
        PushRefusal.AnothersBroadcast => new PushReply(StatusCodes.Status403Forbidden, null, "This is not a broadcast of yours."),
        PushRefusal.TakenOver => new PushReply(StatusCodes.Status423Locked, null, "Another ingest node goes on with the broadcast."),
        PushRefusal.OtherContract => new PushReply(StatusCodes.Status403Forbidden, null, "The broadcast is open under another contract."),
        _ => new PushReply(StatusCodes.Status503ServiceUnavailable, null, "Too many broadcasts are pushed here."),
    };

    /// <summary>One request's state.</summary>
    private sealed class Reading(
        PushReceiver receiver, ChannelName channel, BroadcastId id, PipeReader body, CancellationTokenSource limit, CancellationTokenSource replaced)
        : IDisposable
    {
        private readonly MediaArena arena = new(receiver.pool);
        private PushedBroadcast? broadcast;
        private ulong generation;

        public async Task<PushReply> RunAsync(CancellationToken cancellation)
        {
            var isBegun = false;
            while (true)
            {
                // 1. A whole frame, or of a part its description.
                var read = await body.ReadAsync(cancellation);
                limit.CancelAfter(Patience);
                broadcast?.Hear();
                var status = TryRead(read.Buffer, ref isBegun, out var frame, out var fault, out var used);
                body.AdvanceTo(used, status == OperationStatus.Done ? used : read.Buffer.End);
                if (status == OperationStatus.InvalidData)
                    return Fail(fault!);
                if (status == OperationStatus.NeedMoreData)
                {
                    if (!read.IsCompleted)
                        continue;
                    return read.Buffer.Length > read.Buffer.Slice(0, used).Length ? Fail("The request ends inside a frame.") : Done();
                }
                if (frame is null)
                    continue;

                // 2. What it does.
                if (await TakeAsync(frame, cancellation) is { } refused)
                    return refused;
            }
        }

        public void Dispose()
        {
            broadcast?.Leave(replaced);
            arena.Dispose();
        }

        private OperationStatus TryRead(
            ReadOnlySequence<byte> buffer, ref bool isBegun, out PushFrame? frame, out string? fault, out SequencePosition used)
        {
            frame = null;
            fault = null;
            var input = new SequenceReader<byte>(buffer);
            OperationStatus status;
            if (isBegun)
            {
                status = PushFrameReader.TryRead(ref input, out frame, out fault);
            }
            else
            {
                status = PushFrameReader.TryReadPreamble(ref input, out generation);
                isBegun = status == OperationStatus.Done;
                fault = "The request does not begin as this protocol's first version does.";
            }
            used = input.Position;
            return status;
        }

        /// <summary>Takes a frame; what ends the request, or null.</summary>
        private async Task<PushReply?> TakeAsync(PushFrame frame, CancellationToken cancellation)
        {
            // 1. The broadcast, and the turn to write it.
            if (frame is PushOpen open)
            {
                if (broadcast is not null && !open.IsAnew)
                    return Fail("A broadcast is opened once in a request.");
                broadcast?.Leave(replaced);
                broadcast = null;
                var (opened, refusal) = receiver.broadcasts.Open(channel, id, open, generation);
                return opened is null ? Refuse(refusal) : await EnterAsync(opened, cancellation);
            }
            if (broadcast is null)
            {
                var (found, refusal) = receiver.broadcasts.Find(channel, id, generation);
                if (found is null)
                    return Refuse(refusal);
                if (await EnterAsync(found, cancellation) is { } late)
                    return late;
            }

            // Of the pusher and not of the broadcast.
            if (frame is PushCaughtUp)
            {
                receiver.broadcasts.CaughtUp(id);
                return null;
            }

            // 2. What is here already is passed over; what leaves a hole, or contradicts itself, ends the request.
            var step = broadcast!.Check(frame, out var fault);
            if (step == PushStep.Hole)
                return new PushReply(StatusCodes.Status409Conflict, broadcast.Position, "");
            if (fault is not null)
                return Fail(fault);
            MediaChunk? chunk = null;
            if (frame is PushPart part)
            {
                if (!broadcast.Allow(part.Bytes))
                    return new PushReply(StatusCodes.Status429TooManyRequests, null, "The broadcast comes faster than Origin:MaxBitrate allows.");
                bool isWhole;
                (isWhole, chunk) = await ReadChunkAsync(part.Bytes, isKept: step == PushStep.Next, cancellation);
                if (!isWhole)
                    return Fail("The request ends inside a part.");
            }
            if (step == PushStep.Next && !broadcast.Apply(frame, chunk))
            {
                // It may be lost, superseded, or this node stops.
                var (_, refusal) = receiver.broadcasts.Find(channel, id);
                return refusal == PushRefusal.None ? new PushReply(StatusCodes.Status503ServiceUnavailable, null, "The broadcast was ended here.") : Refuse(refusal);
            }
            return null;
        }

        private async Task<PushReply?> EnterAsync(PushedBroadcast entered, CancellationToken cancellation)
        {
            await entered.EnterAsync(replaced, cancellation);
            broadcast = entered;
            broadcast.Hear();
            // It may have been taken over while this request waited.
            return broadcast.Admit(generation) ? null : Refuse(PushRefusal.TakenOver);
        }

        /// <summary>Reads a part's bytes. Memory follows what has come.</summary>
        private async Task<(bool IsWhole, MediaChunk? Chunk)> ReadChunkAsync(int bytes, bool isKept, CancellationToken cancellation)
        {
            var slices = new List<MediaBuffer>(isKept ? bytes / SliceBytes + 1 : 0);
            var free = Memory<byte>.Empty;
            var left = bytes;
            try
            {
                while (left > 0)
                {
                    var read = await body.ReadAsync(cancellation);
                    limit.CancelAfter(Patience);
                    broadcast!.Hear();
                    var taken = (int)Math.Min(left, read.Buffer.Length);
                    if (taken == 0 && read.IsCompleted)
                    {
                        body.AdvanceTo(read.Buffer.End);
                        return (false, null);
                    }
                    var rest = read.Buffer.Slice(0, taken);
                    while (isKept && !rest.IsEmpty)
                    {
                        if (free.IsEmpty)
                            slices.Add(arena.Allocate(Math.Min(left, SliceBytes), out free));
                        var count = (int)Math.Min(free.Length, rest.Length);
                        rest.Slice(0, count).CopyTo(free.Span);
                        free = free[count..];
                        rest = rest.Slice(count);
                        left -= count;
                    }
                    if (!isKept)
                        left -= taken;
                    PushedMetrics.ReceivedBytes.Add(taken);
                    body.AdvanceTo(read.Buffer.GetPosition(taken));
                }
                if (!isKept)
                    return (true, null);
                var chunk = new MediaChunk([.. slices]);
                slices.Clear();
                return (true, chunk);
            }
            finally
            {
                foreach (var slice in slices)
                    slice.Release();
            }
        }

        private PushReply Done() => broadcast is null
            ? new PushReply(StatusCodes.Status400BadRequest, null, "The request says nothing.")
            : new PushReply(StatusCodes.Status200OK, broadcast.Position, "");

        private static PushReply Fail(string reason) => new(StatusCodes.Status400BadRequest, null, reason);
    }
}
