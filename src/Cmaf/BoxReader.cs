using System.Buffers.Binary;

namespace Millrace.Cmaf;

/// <summary>Walks the boxes that lie one behind the other in some bytes (ISO/IEC 14496-12 §4.2). Throws on nothing that they hold.</summary>
/// <remarks><code>| size:32 | type:32 | [size 1: large size:64] | [type uuid: 128] | content… |   size 0: to the end</code></remarks>
public ref struct BoxReader
{
    private readonly ReadOnlySpan<byte> data;
    private int next;

    /// <param name="data">Whole boxes.</param>
    public BoxReader(ReadOnlySpan<byte> data) => this.data = data;

    /// <summary>The box's type, its four characters from the most significant byte on; see <see cref="BoxType"/>.</summary>
    public uint Type { get; private set; }

    /// <summary>Where the box begins.</summary>
    public int Offset { get; private set; }

    /// <summary>Where its content begins.</summary>
    public int ContentOffset { get; private set; }

    /// <summary>What is in the box.</summary>
    public ReadOnlySpan<byte> Content { get; private set; }

    /// <summary>A box's size is less than its header or more than there is; <see cref="MoveNext"/> gave false.</summary>
    public bool IsBroken { get; private set; }

    /// <summary>Advances to the next box; false at the end or when it is broken.</summary>
    public bool MoveNext()
    {
        var rest = data[next..];
        if (rest.IsEmpty || IsBroken)
            return false;
        if (rest.Length < 8)
            return Break();
        var header = 8;
        ulong size = BinaryPrimitives.ReadUInt32BigEndian(rest);
        if (size == 1)
        {
            header = 16;
            if (rest.Length < header)
                return Break();
            size = BinaryPrimitives.ReadUInt64BigEndian(rest[8..]);
        }
        else if (size == 0)
        {
            size = (ulong)rest.Length;
        }
        if (size < (ulong)header || size > (ulong)rest.Length)
            return Break();
        Type = BinaryPrimitives.ReadUInt32BigEndian(rest[4..]);
        Offset = next;
        ContentOffset = next + header;
        Content = rest[header..(int)size];
        next += (int)size;
        return true;
    }

    /// <summary>The content of the first box of a type; false when there is none before the end or a broken box.</summary>
    public static bool TryFind(ReadOnlySpan<byte> boxes, uint type, out ReadOnlySpan<byte> content)
    {
        var reader = new BoxReader(boxes);
        while (reader.MoveNext())
        {
            if (reader.Type == type)
            {
                content = reader.Content;
                return true;
            }
        }
        content = default;
        return false;
    }

    /// <summary>Follows a path of box types downwards; the depth is the path's.</summary>
    public static bool TryFind(ReadOnlySpan<byte> boxes, ReadOnlySpan<uint> path, out ReadOnlySpan<byte> content)
    {
        content = boxes;
        foreach (var type in path)
        {
            if (!TryFind(content, type, out content))
                return false;
        }
        return true;
    }

    private bool Break()
    {
        IsBroken = true;
        return false;
    }
}
