namespace Millrace.Media;

/// <summary>Walks the OBUs of AV1 temporal units in the low-overhead format (AV1 specification §5.2; AV1 in ISOBMFF §2.4).</summary>
internal static class Av1Units
{
    public const int SequenceHeader = 1;
    private const int TemporalDelimiter = 2;
    private const int FrameHeader = 3;
    private const int TileGroup = 4;
    private const int Frame = 6;
    private const int TileList = 8;

    /// <summary>Most OBUs of one temporal unit: more than any tile layout needs.</summary>
    public const int MaxUnits = 4096;

    /// <summary>Takes the next OBU.</summary>
    /// <param name="rest">What is left; advances.</param>
    /// <param name="type">obu_type.</param>
    /// <param name="unit">The OBU with its header.</param>
    /// <param name="payload">Its payload.</param>
    /// <returns>False at the end, or with <paramref name="rest"/> not empty when it is broken.</returns>
    public static bool TryRead(scoped ref ReadOnlySpan<byte> rest, out int type, out ReadOnlySpan<byte> unit, out ReadOnlySpan<byte> payload)
    {
        type = 0;
        unit = payload = default;
        if (rest.IsEmpty || (rest[0] & 0x80) != 0)
            return false;
        type = rest[0] >> 3 & 15;
        var position = (rest[0] & 4) != 0 ? 2 : 1;
        if (position > rest.Length)
            return false;
        var length = (long)rest.Length - position;
        // Without a size the OBU is the last one.
        if ((rest[0] & 2) != 0)
        {
            length = 0;
            for (var i = 0; ; i++)
            {
                if (i == 8 || position >= rest.Length)
                    return false;
                var part = rest[position++];
                length |= (long)(part & 127) << (i * 7);
                if ((part & 128) == 0)
                    break;
            }
            if (length > rest.Length - position)
                return false;
        }
        payload = rest.Slice(position, (int)length);
        unit = rest[..(position + (int)length)];
        rest = rest[unit.Length..];
        return true;
    }

    public static VideoInspection Inspect(VideoFormat format, ReadOnlySpan<byte> payload)
    {
        var rest = payload;
        var count = 0;
        int offset = 0, removed = 0;
        bool hasPicture = false, hasHeader = false, isKey = false, changes = false;
        while (TryRead(ref rest, out var type, out var unit, out var content))
        {
            if (++count > MaxUnits)
                return VideoInspection.Broken("too many OBUs");
            switch (type)
            {
                case TemporalDelimiter when offset + unit.Length == payload.Length - rest.Length:
                    // At the beginning, where it belongs: a slice leaves it out.
                    offset += unit.Length;
                    break;
                case TemporalDelimiter or TileList:
                    removed += unit.Length;
                    break;
                case SequenceHeader:
                    hasHeader = true;
                    changes |= !Av1Configuration.Describes(format.Configuration.Span, content);
                    break;
                case Frame or FrameHeader when !hasPicture:
                    hasPicture = true;
                    isKey = IsShownKeyFrame(content);
                    break;
                case TileGroup:
                    hasPicture = true;
                    break;
            }
        }
        if (!rest.IsEmpty)
            return VideoInspection.Broken("OBU is longer than its temporal unit");
        return new VideoInspection
        {
            HasPicture = hasPicture,
            IsRandomAccess = isKey && hasHeader,
            ChangesFormat = changes,
            NeedsRewrite = removed > 0,
            SampleOffset = removed > 0 ? 0 : offset,
            SampleLength = payload.Length - offset - removed,
        };
    }

    public static int Rewrite(ReadOnlySpan<byte> payload, Span<byte> output)
    {
        var written = 0;
        while (TryRead(ref payload, out var type, out var unit, out _))
        {
            if (type is TemporalDelimiter or TileList)
                continue;
            unit.CopyTo(output[written..]);
            written += unit.Length;
        }
        return written;
    }

    public static bool TryReadFormat(ReadOnlySpan<byte> payload, out VideoFormat? format, out string? fault)
    {
        while (TryRead(ref payload, out var type, out _, out var content))
        {
            if (type == SequenceHeader)
                return Av1Configuration.TryBuild(content, out format, out fault);
        }
        format = null;
        fault = "AV1: no sequence header";
        return false;
    }

    /// <summary>show_existing_frame 0, frame_type KEY_FRAME, show_frame 1 (§5.9.2).</summary>
    private static bool IsShownKeyFrame(ReadOnlySpan<byte> frameHeader) =>
        !frameHeader.IsEmpty && (frameHeader[0] & 0xF0) == 0x10;
}
