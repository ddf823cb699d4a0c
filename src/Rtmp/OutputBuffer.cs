using System.Buffers;

namespace Millrace.Rtmp;

/// <summary>Bytes that wait to be sent: grows on demand, and forgets its memory when a burst has gone out.</summary>
internal sealed class OutputBuffer : IBufferWriter<byte>
{
    private const int KeepBytes = 4096;

    private byte[] bytes = [];
    private int start;
    private int end;

    public int Length => end - start;

    public ReadOnlyMemory<byte> Pending => bytes.AsMemory(start, end - start);

    public void Consume(int count)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)count, (uint)Length, nameof(count));
        start += count;
        if (start < end)
            return;
        start = end = 0;
        if (bytes.Length > KeepBytes)
            bytes = [];
    }

    public void Advance(int count)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)count, (uint)(bytes.Length - end), nameof(count));
        end += count;
    }

    public Memory<byte> GetMemory(int sizeHint = 0)
    {
        Reserve(Math.Max(sizeHint, 1));
        return bytes.AsMemory(end);
    }

    public Span<byte> GetSpan(int sizeHint = 0)
    {
        Reserve(Math.Max(sizeHint, 1));
        return bytes.AsSpan(end);
    }

    private void Reserve(int count)
    {
        if (bytes.Length - end >= count)
            return;
        var length = Length;
        if (start > 0 && bytes.Length - length >= count)
        {
            bytes.AsSpan(start, length).CopyTo(bytes);
        }
        else
        {
            var larger = new byte[Math.Max(512, Math.Max(bytes.Length * 2, length + count))];
            bytes.AsSpan(start, length).CopyTo(larger);
            bytes = larger;
        }
        start = 0;
        end = length;
    }
}
