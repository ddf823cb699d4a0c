using System.Buffers.Binary;
using System.Text;

namespace Millrace.Cmaf;

/// <summary>Builds nested boxes whose sizes are filled in when they end. For init segments, which are rare: it allocates.</summary>
internal sealed class BoxWriter
{
    private byte[] buffer = new byte[1024];
    private int length;

    /// <summary>What was written. Valid until the next write.</summary>
    public ReadOnlySpan<byte> Written => buffer.AsSpan(0, length);

    /// <summary>Begins a box; hand the result to <see cref="End"/>.</summary>
    public int Begin(string type)
    {
        var start = length;
        UInt32(0);
        Type(type);
        return start;
    }

    /// <summary>Begins a box with version and flags (ISO/IEC 14496-12 §4.2).</summary>
    public int BeginFull(string type, byte version = 0, uint flags = 0)
    {
        var start = Begin(type);
        UInt32((uint)version << 24 | flags);
        return start;
    }

    /// <summary>Ends the box that began at <paramref name="start"/>.</summary>
    public void End(int start) => BinaryPrimitives.WriteUInt32BigEndian(buffer.AsSpan(start), (uint)(length - start));

    public void Type(string type)
    {
        var written = Encoding.Latin1.GetBytes(type, Grow(4));
        if (written != 4)
            throw new ArgumentException("A box type has four characters.", nameof(type));
    }

    public void Byte(int value) => Grow(1)[0] = (byte)value;
    public void UInt16(int value) => BinaryPrimitives.WriteUInt16BigEndian(Grow(2), (ushort)value);
    public void UInt32(uint value) => BinaryPrimitives.WriteUInt32BigEndian(Grow(4), value);
    public void UInt64(ulong value) => BinaryPrimitives.WriteUInt64BigEndian(Grow(8), value);
    public void Bytes(ReadOnlySpan<byte> bytes) => bytes.CopyTo(Grow(bytes.Length));
    public void Zeros(int count) => Grow(count).Clear();

    private Span<byte> Grow(int count)
    {
        if (buffer.Length - length < count)
            Array.Resize(ref buffer, Math.Max(buffer.Length * 2, length + count));
        var span = buffer.AsSpan(length, count);
        length += count;
        return span;
    }
}
