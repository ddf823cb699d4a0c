using Microsoft.Win32.SafeHandles;

namespace Millrace.Delivery;

/// <summary>A run of a file as a stream that can be read and sought in; tells each time that something was read of it.</summary>
internal sealed class FileRange(SafeFileHandle file, long offset, long length, Action read) : Stream
{
    public override bool CanRead => true;

    public override bool CanSeek => true;

    public override bool CanWrite => false;

    public override long Length => length;

    public override long Position { get; set; }

    public override int Read(Span<byte> buffer)
    {
        read();
        var count = RandomAccess.Read(file, buffer[..(int)Math.Min(buffer.Length, length - Position)], offset + Position);
        Position += count;
        return count;
    }

    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        read();
        var count = await RandomAccess.ReadAsync(file, buffer[..(int)Math.Min(buffer.Length, length - Position)], offset + Position, cancellationToken).ConfigureAwait(false);
        Position += count;
        return count;
    }

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override long Seek(long offset, SeekOrigin origin) => Position = origin switch
    {
        SeekOrigin.Begin => offset,
        SeekOrigin.Current => Position + offset,
        _ => length + offset,
    };

    public override void Flush()
    {
    }

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
}
