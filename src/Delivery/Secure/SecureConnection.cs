using System.Buffers;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using Millrace.Timeline;

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
    private byte[] input = [];
    private int filled;
    private Task<int>? arrival;
    private volatile Stage stage = Stage.Handshake;
    private long since;
    private long taken;
    private volatile bool isCut;

    // What the request in hand is answered with, or waits for.
    private int headLength;
    private bool withBody;
    private bool closes;
    private MediaAnswer answer;
    private MediaHold? hold;

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
    }

    private enum Next
    {
        More,
        Foreign,
        Answer,
        Hold,
    }

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
            isHanded = listener.Decisions is null || tls.NegotiatedApplicationProtocol == SslApplicationProtocol.Http2
                ? HandOver() : await ServeAsync().ConfigureAwait(false);
        }
        catch (Exception end) when (end is IOException or SocketException or ObjectDisposedException)
        {
            // It was cut, by its client or by the clock.
        }
        finally
        {
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
        isCut = true;
        wire.Dispose();
    }

    /// <summary>Once a second: time-outs.</summary>
    public void OnTick(long now)
    {
        var elapsed = listener.Time.GetElapsedTime(Volatile.Read(ref since), now);
        switch (stage)
        {
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

    private async Task<bool> ServeAsync()
    {
        Enter(Stage.Idle);
        while (!isCut)
        {
            switch (filled == 0 ? Next.More : Look())
            {
                case Next.Foreign:
                    return HandOver();
                case Next.More:
                    if (!await ReadAsync().ConfigureAwait(false))
                        return false;
                    continue;
                case Next.Hold when !await HoldAsync().ConfigureAwait(false):
                    return false;
            }
            // A running segment's length is not known: Kestrel sends it in chunks.
            if (answer.IsRunning)
                return HandOver();
            Enter(Stage.Sending);
            var isWhole = await SendAsync().ConfigureAwait(false);
            answer = default;
            if (!isWhole || closes)
            {
                if (isWhole)
                    await tls.ShutdownAsync().ConfigureAwait(false);
                return false;
            }
            Consume();
        }
        return false;
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

    private Next Look()
    {
        switch (RequestHead.TryRead(input.AsSpan(0, filled), out var head))
        {
            case HeadStatus.Foreign:
                return Next.Foreign;
            case HeadStatus.Incomplete:
                return filled > RequestHead.MaxBytes ? Next.Foreign : Next.More;
        }
        var text = ArrayPool<char>.Shared.Rent(RequestHead.MaxBytes);
        try
        {
            return Decide(head, head.ToRequest(text));
        }
        finally
        {
            ArrayPool<char>.Shared.Return(text);
        }
    }

    // As DirectConnection.Serve: the same requests are Kestrel's.
    private Next Decide(in RequestHead head, in MediaRequest request)
    {
        headLength = head.Length;
        withBody = !head.IsHead;
        closes = head.Closes || listener.IsDraining;
        if (!MediaPath.TryParse(request.Path, out var path) || path.Object == MediaObject.None || path.IsAside)
            return Next.Foreign;
        if (listener.Decisions!.Find(path, out _) is not { } broadcast)
            return Next.Foreign;
        broadcast.Touch();
        return MediaDecisions.TryAnswer(request, path, broadcast, out answer, out hold) ? Next.Answer : Next.Hold;
    }

    /// <summary>Waits for what the request is about; false when its client left meanwhile.</summary>
    private async ValueTask<bool> HoldAsync()
    {
        Enter(Stage.Held);
        var held = hold!;
        using var limit = new CancellationTokenSource(held.Limit, listener.Time);
        var waiting = held.WaitAsync(limit.Token).AsTask();
        if (!waiting.IsCompleted && filled == headLength)
        {
            await Task.WhenAny(waiting, Arrival()).ConfigureAwait(false);
            if (!waiting.IsCompleted && !await IsStillThereAsync().ConfigureAwait(false))
            {
                await limit.CancelAsync().ConfigureAwait(false);
                await waiting.ConfigureAwait(false);
                return false;
            }
        }
        After(held, await waiting.ConfigureAwait(false));
        hold = null;
        return true;
    }

    // Something arrived while the request was held: the end, or the next request, which waits its turn.
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

    private void After(MediaHold held, TimelineWait wait)
    {
        RequestHead.TryRead(input.AsSpan(0, filled), out var head);
        var text = ArrayPool<char>.Shared.Rent(RequestHead.MaxBytes);
        answer = MediaDecisions.After(head.ToRequest(text), held, wait);
        ArrayPool<char>.Shared.Return(text);
    }

    /// <summary>False when the response could not be finished.</summary>
    private async ValueTask<bool> SendAsync()
    {
        DeliveryMetrics.CountResponse(answer.Kind, answer.Status);
        writer.Begin(answer, closes);
        var isWhole = true;
        if (withBody && answer.HasBody)
        {
            if (answer.Segment is { } segment)
            {
                isWhole = await SendAsync(segment, answer.From, answer.To).ConfigureAwait(false);
            }
            else
            {
                foreach (var piece in answer.Pieces)
                    await writer.AddAsync(piece).ConfigureAwait(false);
            }
        }
        await writer.EndAsync().ConfigureAwait(false);
        if (!isWhole || wire.IsBroken)
            return false;
        if (withBody && answer.HasBody)
            DeliveryMetrics.SentBytes.Add(answer.ContentLength ?? 0);
        return true;
    }

    private async ValueTask<bool> SendAsync(StoredSegment segment, int from, int to)
    {
        while (from < to)
        {
            // Gone meanwhile: the reader was slower than the window.
            if (await segment.Rendition.OpenAsync(segment, from, to).ConfigureAwait(false) is not { } piece)
                return false;
            using (piece)
            {
                if (piece.File is not null)
                {
                    await SendFileAsync(piece).ConfigureAwait(false);
                }
                else
                {
                    foreach (var slice in piece.Slices)
                        await writer.AddAsync(slice).ConfigureAwait(false);
                }
            }
            if (writer.IsBroken)
                return false;
            from += piece.Length;
        }
        return true;
    }

    private async ValueTask SendFileAsync(SegmentBytes piece)
    {
        for (var done = 0; done < piece.Length && !writer.IsBroken;)
        {
            var room = await writer.RoomAsync().ConfigureAwait(false);
            var wanted = Math.Min(room.Length, piece.Length - done);
            var offset = piece.FileOffset + done;
            // A disk that has to turn for it holds up no thread that serves others.
            var isNear = LinuxCalls.IsCached(piece.File!.DangerousGetHandle(), offset + wanted - 1);
            var read = isNear
                ? RandomAccess.Read(piece.File!, room.Span[..wanted], offset)
                : await RandomAccess.ReadAsync(piece.File!, room[..wanted], offset).ConfigureAwait(false);
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
