using System.Buffers.Binary;

namespace Millrace.Media;

/// <summary>Reads Opus identification headers (RFC 7845 §5.1) into the content of <c>dOps</c> (Opus in ISOBMFF §4.3.2).</summary>
public static class OpusConfiguration
{
    /// <summary>Opus is always timed at 48 kHz (RFC 6716 §2), whatever the input was.</summary>
    public const int SampleRate = 48000;

    private const int HeadBytes = 19;

    /// <summary>Reads an OpusHead; an empty one means stereo, as Enhanced RTMP allows.</summary>
    /// <param name="head">The sequence start's body.</param>
    /// <param name="format">The format, or null on failure.</param>
    /// <param name="fault">Why it can't be read; null on success.</param>
    /// <remarks><code>
    /// | "OpusHead" | version:8 | channels:8 | preSkip:16le | inputRate:32le | gain:16le | family:8 |
    /// [family ≠ 0: | streams:8 | coupled:8 | mapping:8 × channels |]
    /// </code></remarks>
    public static bool TryRead(ReadOnlySpan<byte> head, out AudioFormat? format, out string? fault)
    {
        format = null;
        fault = null;
        if (head.IsEmpty)
        {
            byte[] stereo = [0, 2, 0, 0, 0, 0, 0xBB, 0x80, 0, 0, 0];
            format = new AudioFormat(Codec.Opus, "opus", stereo, SampleRate, 2, 0);
            return true;
        }
        if (head.Length < HeadBytes || !head.StartsWith("OpusHead"u8))
            return Broken("not an identification header", out fault);
        // The upper four bits are the incompatible part of the version.
        if (head[8] >> 4 != 0)
            return Broken("unknown version", out fault);
        int channels = head[9];
        int family = head[18];
        if (channels is < 1 or > 8 || (family == 0 && channels > 2))
            return Broken("channels", out fault);
        var table = family == 0 ? 0 : 2 + channels;
        if (head.Length < HeadBytes + table)
            return Broken("channel mapping is cut off", out fault);
        if (table != 0)
        {
            int streams = head[HeadBytes], coupled = head[HeadBytes + 1];
            if (streams == 0 || coupled > streams || streams + coupled > 255)
                return Broken("channel mapping", out fault);
            foreach (var index in head.Slice(HeadBytes + 2, channels))
            {
                if (index != 255 && index >= streams + coupled)
                    return Broken("channel mapping", out fault);
            }
        }

        // dOps has the same fields, big-endian and with version 0.
        var configuration = new byte[11 + table];
        configuration[1] = (byte)channels;
        BinaryPrimitives.WriteUInt16BigEndian(configuration.AsSpan(2), BinaryPrimitives.ReadUInt16LittleEndian(head[10..]));
        BinaryPrimitives.WriteUInt32BigEndian(configuration.AsSpan(4), BinaryPrimitives.ReadUInt32LittleEndian(head[12..]));
        BinaryPrimitives.WriteUInt16BigEndian(configuration.AsSpan(8), BinaryPrimitives.ReadUInt16LittleEndian(head[16..]));
        configuration[10] = (byte)family;
        head.Slice(HeadBytes, table).CopyTo(configuration.AsSpan(11));
        format = new AudioFormat(Codec.Opus, "opus", configuration, SampleRate, channels, 0);
        return true;
    }

    /// <summary>Reads the content of a <c>dOps</c> box, as in a file.</summary>
    public static bool TryReadBox(ReadOnlySpan<byte> box, out AudioFormat? format, out string? fault)
    {
        format = null;
        if (box.Length < 11 || box[0] != 0)
            return Broken("dOps is cut off", out fault);
        Span<byte> head = stackalloc byte[HeadBytes + 2 + 8];
        if (box.Length > head.Length - 8)
            return Broken("dOps is too large", out fault);
        head.Clear();
        "OpusHead"u8.CopyTo(head);
        head[8] = 1;
        head[9] = box[1];
        BinaryPrimitives.WriteUInt16LittleEndian(head[10..], BinaryPrimitives.ReadUInt16BigEndian(box[2..]));
        BinaryPrimitives.WriteUInt32LittleEndian(head[12..], BinaryPrimitives.ReadUInt32BigEndian(box[4..]));
        BinaryPrimitives.WriteUInt16LittleEndian(head[16..], BinaryPrimitives.ReadUInt16BigEndian(box[8..]));
        box[10..].CopyTo(head[18..]);
        return TryRead(head[..(8 + box.Length)], out format, out fault);
    }

    private static bool Broken(string what, out string? fault)
    {
        fault = "Opus: " + what;
        return false;
    }
}
