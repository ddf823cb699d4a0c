using System.Buffers;
using System.Threading.Channels;
using Microsoft.Extensions.Logging;

namespace Millrace.Server.Rtmp;

/// <summary>
/// A connection over a <see cref="Stream"/>: RTMPS, and plain RTMP where there is no epoll. One task reads into a
/// rented buffer, one task writes what was queued.
/// </summary>
internal sealed class StreamTransport : ITransport, IDisposable
{
    private const int BufferBytes = 64 * 1024;

    /// <summary>Queued answers a peer may leave unread; each is a control message of at most a few kilobytes.</summary>
    private const int MaxQueuedAnswers = 64;

    private readonly Stream stream;
    private readonly RtmpConnection connection;
    private readonly TimeProvider time;
    private readonly ILogger logger;
    private readonly CancellationTokenSource closing = new();
    private readonly Channel<byte[]> answers =
        Channel.CreateBounded<byte[]>(new BoundedChannelOptions(MaxQueuedAnswers) { SingleReader = true });

    public StreamTransport(Stream stream, RtmpConnection connection, TimeProvider time, ILogger logger)
    {
        this.stream = stream;
        this.connection = connection;
        this.time = time;
        this.logger = logger;
        connection.Attach(this);
    }

    public bool Send(ReadOnlySpan<byte> bytes) => answers.Writer.TryWrite(bytes.ToArray());

    public void Close()
    {
        answers.Writer.TryComplete();
        closing.Cancel();
    }

    /// <summary>Serves the connection until either side ends it, then disposes the stream.</summary>
    public async Task RunAsync(CancellationToken stopping)
    {
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(stopping, closing.Token);
        await using var sweeper = time.CreateTimer(
            static state => ((RtmpConnection)state!).CheckTimeouts(), connection, TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(1));
        try
        {
            var writing = WriteAsync(ending.Token);
            await ReadAsync(ending.Token);
            answers.Writer.TryComplete();
            await writing;
        }
        catch (Exception end) when (end is OperationCanceledException or IOException or ObjectDisposedException)
        {
            // The peer went away or we closed: both are how connections end.
        }
        catch (Exception fault) when (fault is not OutOfMemoryException)
        {
            logger.ConnectionFailed(fault);
        }
        finally
        {
            connection.Dispose();
            await stream.DisposeAsync();
        }
    }

    /// <summary>After <see cref="RunAsync"/> ended.</summary>
    public void Dispose() => closing.Dispose();

    private async Task ReadAsync(CancellationToken cancellationToken)
    {
        var buffer = ArrayPool<byte>.Shared.Rent(BufferBytes);
        try
        {
            while (true)
            {
                var received = await stream.ReadAsync(buffer, cancellationToken);
                if (received == 0)
                    return;
                connection.Receive(buffer.AsSpan(0, received));
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    private async Task WriteAsync(CancellationToken cancellationToken)
    {
        await foreach (var answer in answers.Reader.ReadAllAsync(cancellationToken))
        {
            await stream.WriteAsync(answer, cancellationToken);
            await stream.FlushAsync(cancellationToken);
        }
    }
}
