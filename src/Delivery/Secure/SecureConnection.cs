using System.Buffers;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using Microsoft.AspNetCore.Http;
using Millrace.Core;

namespace Millrace.Delivery;

/// <summary>
/// One HTTPS connection: the handshake, then requests for media over HTTP/1.1, answered in place, until one comes that is
/// anything else, with which the connection becomes Kestrel's. HTTP/2 is Kestrel's at once.
/// </summary>
/// <remarks>
/// Runs as one task. A connection at rest and a request that is held own no buffer of ours but the request's own bytes; a
/// response has one record of 16 KiB and what the wire gathers. The listener's clock cuts who is too slow (<see cref="OnTick"/>).
/// </remarks>
internal sealed class SecureConnection : IDisposable
{
    private const int FirstReadBytes = 2048;

    private readonly SecureListener listener;
    private readonly EndPoint? local;
    private readonly EndPoint? remote;
    private readonly GatheredStream wire;
    private readonly SslStream tls;
    private readonly SecureWriter writer;
    // Ends what waits for neither the socket nor a clock. Whoever cuts does not run what follows.
    private readonly TaskCompletionSource cut = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private byte[] input = [];
    private int filled;
    private Task<int>? arrival;
    // Ends the wait for the rest of a head.
    private volatile TaskCompletionSource? late;
    private volatile Stage stage = Stage.Handshake;
    private long since;
    private long taken;

    // What the request in hand is answered with, or waits for.
    private int headLength;
    private bool withBody;
    private bool closes;
    private MediaAnswer answer;
    private IHeldRequest? held;
    private SegmentBytes? piece;

    /// <param name="listener">Whose connection it is.</param>
    /// <param name="socket">Accepted. Owned.</param>
    public SecureConnection(SecureListener listener, Socket socket)
    {
        this.listener = listener;
        local = socket.LocalEndPoint;
        remote = socket.RemoteEndPoint;
        wire = new GatheredStream(socket);
        tls = new SslStream(wire);
        writer = new SecureWriter(tls, wire, listener.Time);
        since = listener.Time.GetTimestamp();
    }

    private enum Stage
    {
        Handshake,
        Idle,
        Head,
        Held,
        Sending,
        Starved,
    }

    private enum Next
    {
        More,
        Foreign,
        Answer,
        Hold,
        Again,
        End,
    }

    private bool IsCut => cut.Task.IsCompleted;

    /// <summary>From the handshake to the end. True when Kestrel has it now, with its place among the connections.</summary>
    public async Task<bool> RunAsync()
    {
        var isHanded = false;
        try
        {
            await tls.AuthenticateAsServerAsync(listener.Handshake()).ConfigureAwait(false);
        }
        catch (Exception fault) when (fault is not OutOfMemoryException)
        {
            // Whatever a TLS library finds to throw at a hostile hello.
            DeliveryMetrics.TlsFailures.Add(1);
            await tls.DisposeAsync().ConfigureAwait(false);
            return false;
        }
        try
        {
            isHanded = listener.Media is null || tls.NegotiatedApplicationProtocol == SslApplicationProtocol.Http2
                ? HandOver() : await ServeAsync(listener.Media).ConfigureAwait(false);
        }
        catch (Exception end) when (end is IOException or SocketException or ObjectDisposedException)
        {
            // It was cut, by its client or by the clock.
        }
        catch (Exception fault) when (fault is not OutOfMemoryException)
        {
            // The outermost loop of the connection: a bug ends the one that met it and no other.
            listener.Report(fault);
        }
        finally
        {
            held?.Leave();
            Release();
            if (!isHanded)
                await tls.DisposeAsync().ConfigureAwait(false);
            if (arrival is not null)
                await ((Task)arrival).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
        return isHanded;
    }

    /// <summary>Ends the connection, from any thread: what it waits for fails, and its task ends.</summary>
    public void Dispose()
    {
        cut.TrySetResult();
        wire.Dispose();
    }

    /// <summary>Once a second: time-outs.</summary>
    public void OnTick(long now)
    {
        var elapsed = listener.Time.GetElapsedTime(Volatile.Read(ref since), now);
        switch (stage)
        {
            case Stage.Head when elapsed >= listener.Limits.HeaderTimeout && late is { } slow:
                slow.TrySetResult();
                break;
            case Stage.Handshake or Stage.Head when elapsed >= listener.Limits.HeaderTimeout:
            case Stage.Idle when elapsed >= listener.Limits.KeepAlive || listener.IsDraining:
                Dispose();
                break;
            case Stage.Sending when elapsed >= DirectLimits.SlowWindow:
                if (wire.Sent - taken < DirectLimits.SlowBytes)
                    Dispose();
                taken = wire.Sent;
                Volatile.Write(ref since, now);
                break;
        }
    }

    private async Task<bool> ServeAsync(IMediaSource media)
    {
        Enter(Stage.Idle);
        while (!IsCut)
        {
            var next = filled == 0 ? Next.More : Look(media);
            if (next == Next.Hold)
                next = await HoldAsync().ConfigureAwait(false);
            if (next == Next.Answer)
                next = await AnswerAsync(media).ConfigureAwait(false);
            switch (next)
            {
                case Next.More when filled > 0 && !await IsInTimeAsync().ConfigureAwait(false):
                case Next.Foreign:
                    return HandOver();
                case Next.More when !await ReadAsync().ConfigureAwait(false):
                case Next.End:
                    return false;
            }
        }
        return false;
    }

    /// <summary>More of a head that has begun comes in time. False when it does not: Kestrel has words for it, and counts it.</summary>
    private async ValueTask<bool> IsInTimeAsync()
    {
        late = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await Task.WhenAny(Arrival(), late.Task).ConfigureAwait(false);
        late = null;
        if (!arrival!.IsCompleted)
            return false;
        await arrival.ConfigureAwait(false);
        arrival = null;
        return true;
    }

    /// <summary>More of the connection's bytes; false when there are no more.</summary>
    private async ValueTask<bool> ReadAsync()
    {
        if (filled == 0)
        {
            Enter(Stage.Idle);
            if (listener.IsDraining)
                return false;
            // Nothing is held while nothing comes.
            await Arrival().ConfigureAwait(false);
            arrival = null;
            Enter(Stage.Head);
        }
        if (filled == input.Length)
            Grow();
        var count = await tls.ReadAsync(input.AsMemory(filled)).ConfigureAwait(false);
        filled += count;
        return count > 0;
    }

    // One read at a time: the one that waits while a request is held is also the next request's.
    private Task<int> Arrival() => arrival ??= tls.ReadAsync(Memory<byte>.Empty).AsTask();

    private Next Look(IMediaSource media)
    {
        switch (RequestHead.TryRead(input.AsSpan(0, filled), out var head))
        {
            case HeadStatus.Foreign:
                return Next.Foreign;
            case HeadStatus.Incomplete:
                return filled > RequestHead.MaxBytes ? Next.Foreign : Next.More;
        }
        headLength = head.Length;
        withBody = !head.IsHead;
        closes = head.Closes || listener.IsDraining;
        var text = ArrayPool<char>.Shared.Rent(RequestHead.MaxBytes);
        try
        {
            return media.Begin(head.ToRequest(text), out answer, out held) switch
            {
                MediaTurn.Answered => Next.Answer,
                MediaTurn.Held => Next.Hold,
                _ => Next.Foreign,
            };
        }
        finally
        {
            ArrayPool<char>.Shared.Return(text);
        }
    }

    /// <summary>Waits for what the request is about.</summary>
    private async ValueTask<Next> HoldAsync()
    {
        Enter(Stage.Held);
        var over = new TaskWaiter();
        if (!held!.TryWait(over))
            return After();
        using var limit = held.Longest is { } longest ? new CancellationTokenSource(longest, listener.Time) : null;
        using var end = limit?.Token.UnsafeRegister(static waiter => ((TaskWaiter)waiter!).Wake(), over);
        var waiting = over.Task;
        while (!waiting.IsCompleted)
        {
            // What arrives meanwhile is the end, or the next request, which waits its turn.
            await Task.WhenAny(waiting, filled == headLength ? Arrival() : cut.Task, cut.Task).ConfigureAwait(false);
            if (waiting.IsCompleted || (!IsCut && await IsStillThereAsync().ConfigureAwait(false)))
                continue;
            return Next.End;
        }
        return After();
    }

    private async ValueTask<bool> IsStillThereAsync()
    {
        try
        {
            await arrival!.ConfigureAwait(false);
            arrival = null;
            if (filled == input.Length)
                Grow();
            var count = await tls.ReadAsync(input.AsMemory(filled)).ConfigureAwait(false);
            filled += count;
            return count > 0;
        }
        catch (Exception end) when (end is IOException or SocketException or ObjectDisposedException)
        {
            return false;
        }
    }

    /// <summary>The wait is over: the request is still where it was.</summary>
    private Next After()
    {
        var over = held!;
        held = null;
        RequestHead.TryRead(input.AsSpan(0, filled), out var head);
        var text = ArrayPool<char>.Shared.Rent(RequestHead.MaxBytes);
        try
        {
            return over.TryAnswer(head.ToRequest(text), out answer) ? Next.Answer : Next.Foreign;
        }
        finally
        {
            ArrayPool<char>.Shared.Return(text);
        }
    }

    /// <summary>Sends the answer, releases its body, and says how the connection goes on.</summary>
    private async ValueTask<Next> AnswerAsync(IMediaSource media)
    {
        var body = (IMediaBody?)answer.Segment ?? answer.Body;
        try
        {
            Enter(Stage.Sending);
            return await SendAsync(media, withBody && answer.HasBody ? body : null).ConfigureAwait(false);
        }
        finally
        {
            piece?.Dispose();
            piece = null;
            answer = default;
            body?.Release();
        }
    }

    private async ValueTask<Next> SendAsync(IMediaSource media, IMediaBody? body)
    {
        // 1. Before anything is promised: the archive may not hand it out.
        var turn = body is null ? BodyTurn.Done : await OpenAsync(body, answer.From).ConfigureAwait(false);
        if (turn == BodyTurn.Gone && answer.Segment is { } segment)
        {
            answer = MediaDecisions.NotOpened(answer.Kind, segment);
            DeliveryMetrics.CountResponse(answer.Kind, answer.Status);
            body = null;
        }

        // 2. The head, unless Kestrel has to say it.
        var hasBody = withBody && answer.HasBody;
        var isChunked = hasBody && answer.ContentLength is null;
        if (!writer.TryBegin(answer, isChunked, closes))
            return Next.Foreign;

        // 3. The body.
        var isWhole = true;
        if (body is not null)
        {
            isWhole = await SendAsync(media, body, turn, isChunked).ConfigureAwait(false);
        }
        else if (hasBody)
        {
            foreach (var text in answer.Pieces)
                await writer.AddAsync(text).ConfigureAwait(false);
            media.SentBytes.Add(answer.ContentLength ?? 0);
        }
        await writer.EndAsync().ConfigureAwait(false);
        if (!isWhole || wire.IsBroken)
            return Next.End;
        if (closes)
        {
            await tls.ShutdownAsync().ConfigureAwait(false);
            return Next.End;
        }
        Consume();
        return Next.Again;
    }

    /// <summary>The body piece by piece, as it comes; false when its end is missing.</summary>
    private async ValueTask<bool> SendAsync(IMediaSource media, IMediaBody body, BodyTurn turn, bool isChunked)
    {
        for (var from = answer.From; !writer.IsBroken && !IsCut;)
        {
            switch (turn)
            {
                case BodyTurn.Ready:
                    var opened = piece!.Value;
                    if (isChunked)
                        await writer.AddChunkAsync(opened.Length).ConfigureAwait(false);
                    await SendAsync(opened).ConfigureAwait(false);
                    from += opened.Length;
                    media.SentBytes.Add(opened.Length);
                    opened.Dispose();
                    piece = null;
                    break;
                case BodyTurn.Later:
                    // What there is goes ahead, and nothing of ours is held meanwhile.
                    await writer.FlushAsync().ConfigureAwait(false);
                    Enter(Stage.Starved);
                    await Task.WhenAny(body.WaitBeyondAsync(from), cut.Task).ConfigureAwait(false);
                    Enter(Stage.Sending);
                    break;
                case BodyTurn.Done when isChunked:
                    await writer.AddChunkAsync(0).ConfigureAwait(false);
                    return true;
                default:
                    return false;
            }
            if (from == answer.To)
                return true;
            turn = await OpenAsync(body, from).ConfigureAwait(false);
        }
        return false;
    }

    /// <summary>The next piece, if it is here or has only to be fetched.</summary>
    private async ValueTask<BodyTurn> OpenAsync(IMediaBody body, int from)
    {
        var turn = body.TryOpenNow(from, answer.To, prefersFile: false, out var opened);
        if (turn == BodyTurn.Ready)
            piece = opened;
        if (turn != BodyTurn.Cold)
            return turn;
        piece = await body.OpenAsync(from, answer.To).ConfigureAwait(false);
        return piece is null ? BodyTurn.Gone : BodyTurn.Ready;
    }

    private async ValueTask SendAsync(SegmentBytes bytes)
    {
        if (bytes.File is not null)
        {
            await SendFileAsync(bytes).ConfigureAwait(false);
            return;
        }
        foreach (var slice in bytes.Slices)
            await writer.AddAsync(slice).ConfigureAwait(false);
    }

    private async ValueTask SendFileAsync(SegmentBytes bytes)
    {
        for (var done = 0; done < bytes.Length && !writer.IsBroken;)
        {
            var room = await writer.RoomAsync().ConfigureAwait(false);
            var wanted = Math.Min(room.Length, bytes.Length - done);
            var offset = bytes.FileOffset + done;
            // A disk that has to turn for it holds up no thread that serves others.
            var isNear = LinuxCalls.IsCached(bytes.File!.DangerousGetHandle(), offset + wanted - 1);
            var read = isNear
                ? RandomAccess.Read(bytes.File!, room.Span[..wanted], offset)
                : await RandomAccess.ReadAsync(bytes.File!, room[..wanted], offset).ConfigureAwait(false);
            if (read == 0)
                throw new IOException("A spool file is shorter than what was written to it.");
            writer.Advance(read);
            done += read;
        }
    }

    /// <summary>The request is answered: what came behind it is the next one's beginning.</summary>
    private void Consume()
    {
        filled -= headLength;
        if (filled == 0)
            Release();
        else
            input.AsSpan(headLength, filled).CopyTo(input);
        Enter(filled == 0 ? Stage.Idle : Stage.Head);
    }

    private bool HandOver()
    {
        listener.HandOver(new HandedConnection(tls, wire, input.AsSpan(0, filled), arrival, listener.Pool, local, remote, listener.Left));
        Release();
        arrival = null;
        return true;
    }

    private void Grow()
    {
        var larger = ArrayPool<byte>.Shared.Rent(input.Length == 0 ? FirstReadBytes : Math.Min(2 * input.Length, RequestHead.MaxBytes + FirstReadBytes));
        input.AsSpan(0, filled).CopyTo(larger);
        var kept = filled;
        Release();
        input = larger;
        filled = kept;
    }

    private void Release()
    {
        if (input.Length > 0)
            ArrayPool<byte>.Shared.Return(input);
        input = [];
        filled = 0;
    }

    private void Enter(Stage next)
    {
        stage = next;
        taken = wire.Sent;
        Volatile.Write(ref since, listener.Time.GetTimestamp());
    }
}
