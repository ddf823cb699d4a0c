using System.Buffers;
using System.Net.Sockets;

namespace Millrace.Delivery;

/// <summary>
/// A TLS connection's bytes on the wire. While a response is gathered, the records that <c>SslStream</c> writes one by one
/// leave in few large sends: a send costs the kernel more than the copy that it saves.
/// </summary>
/// <remarks>
/// One reads and one writes at a time, as of any stream. Owns the socket. A write that fails is not thrown but remembered
/// (<see cref="IsBroken"/>), and takes no token: half a record must not be followed by anything, so only the socket's end ends it.
/// </remarks>
internal sealed class GatheredStream(Socket socket) : Stream
{
    // Four records of 16 KiB with their frames.
    private const int RoomBytes = 66 * 1024;

    private byte[]? room;
    private int filled;

    /// <summary>Whether writes wait for <see cref="FlushAsync"/>, or for the room to be full.</summary>
    public bool Gathers { get; set; }

    /// <summary>Bytes that the kernel has taken.</summary>
    public long Sent { get; private set; }

    /// <summary>What is written goes nowhere any more.</summary>
    public bool IsBroken { get; private set; }

    public override bool CanRead => true;

    public override bool CanWrite => true;

    public override bool CanSeek => false;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
        socket.ReceiveAsync(buffer, cancellationToken);

    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (!Gathers && filled == 0)
            return SendAsync(buffer);
        room ??= ArrayPool<byte>.Shared.Rent(RoomBytes);
        if (buffer.Length > room.Length - filled)
            return SpillAsync(buffer);
        buffer.Span.CopyTo(room.AsSpan(filled));
        filled += buffer.Length;
        return ValueTask.CompletedTask;
    }

    public override Task FlushAsync(CancellationToken cancellationToken) => room is null ? Task.CompletedTask : EmptyAsync();

    protected override void Dispose(bool disposing)
    {
        try
        {
            socket.Shutdown(SocketShutdown.Both);
        }
        catch (Exception gone) when (gone is SocketException or ObjectDisposedException)
        {
            // The peer was first.
        }
        socket.Dispose();
        base.Dispose(disposing);
    }

    private async ValueTask SpillAsync(ReadOnlyMemory<byte> buffer)
    {
        await SendAsync(room.AsMemory(0, filled));
        filled = 0;
        if (buffer.Length > room!.Length)
        {
            await SendAsync(buffer);
            return;
        }
        buffer.Span.CopyTo(room);
        filled = buffer.Length;
    }

    private async Task EmptyAsync()
    {
        await SendAsync(room.AsMemory(0, filled));
        ArrayPool<byte>.Shared.Return(room!);
        room = null;
        filled = 0;
    }

    private async ValueTask SendAsync(ReadOnlyMemory<byte> bytes)
    {
        try
        {
            while (!bytes.IsEmpty && !IsBroken)
            {
                var sent = await socket.SendAsync(bytes);
                Sent += sent;
                bytes = bytes[sent..];
            }
        }
        catch (Exception gone) when (gone is SocketException or ObjectDisposedException)
        {
            IsBroken = true;
        }
    }

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override void Flush() => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();
}
