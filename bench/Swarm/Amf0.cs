using System.Buffers.Binary;
using System.Text;

namespace Millrace.Swarm;

/// <summary>The little of AMF0 that a publisher writes. The swarm speaks RTMP by itself, so that a fault in the server's
/// own protocol code cannot hide behind the same fault here.</summary>
internal sealed class Amf0
{
    private readonly List<byte> bytes = [];

    public Amf0 String(string value)
    {
        bytes.Add(2);
        return Text(value);
    }

    public Amf0 Number(double value)
    {
        Span<byte> number = stackalloc byte[9];
        number[0] = 0;
        BinaryPrimitives.WriteDoubleBigEndian(number[1..], value);
        bytes.AddRange(number);
        return this;
    }

    public Amf0 Null()
    {
        bytes.Add(5);
        return this;
    }

    public Amf0 Object(params (string Key, string Value)[] properties)
    {
        bytes.Add(3);
        foreach (var (key, value) in properties)
            Text(key).String(value);
        bytes.AddRange([0, 0, 9]);
        return this;
    }

    public byte[] ToArray() => [.. bytes];

    private Amf0 Text(string value)
    {
        Span<byte> length = stackalloc byte[2];
        var text = Encoding.UTF8.GetBytes(value);
        BinaryPrimitives.WriteUInt16BigEndian(length, (ushort)text.Length);
        bytes.AddRange(length);
        bytes.AddRange(text);
        return this;
    }
}
