namespace Millrace.Media;

/// <summary>
/// Looks at coded pictures as publishers send them, and brings them into the form of a CMAF sample. Reads headers only,
/// allocates nothing, and throws on nothing that a publisher sends.
/// </summary>
public static class VideoAccessUnit
{
    /// <summary>Inspects one access unit, the body of a CodedFrames tag.</summary>
    /// <param name="format">The track's format at this moment.</param>
    /// <param name="payload">The body.</param>
    public static VideoInspection Inspect(VideoFormat format, ReadOnlySpan<byte> payload)
    {
        ArgumentNullException.ThrowIfNull(format);
        if (payload.IsEmpty)
            return VideoInspection.Broken("empty access unit");
        return format.Codec switch
        {
            Codec.Avc or Codec.Hevc => NalUnits.Inspect(format, payload),
            Codec.Av1 => Av1Units.Inspect(format, payload),
            _ => Vp9Frame.Inspect(format, payload),
        };
    }

    /// <summary>Writes the sample for a payload whose inspection asks for it.</summary>
    /// <param name="format">The format that it was inspected with.</param>
    /// <param name="payload">The same payload.</param>
    /// <param name="output">At least <see cref="VideoInspection.SampleLength"/> bytes.</param>
    /// <returns>Bytes written, equal to <see cref="VideoInspection.SampleLength"/>.</returns>
    public static int Rewrite(VideoFormat format, ReadOnlySpan<byte> payload, Span<byte> output)
    {
        ArgumentNullException.ThrowIfNull(format);
        switch (format.Codec)
        {
            case Codec.Avc or Codec.Hevc:
                return NalUnits.Rewrite(format, payload, output);
            case Codec.Av1:
                return Av1Units.Rewrite(payload, output);
            default:
                payload.CopyTo(output);
                return payload.Length;
        }
    }

    /// <summary>The format that an access unit's own sequence header declares (<see cref="VideoInspection.ChangesFormat"/>).</summary>
    /// <param name="current">The format so far; what the access unit does not carry is taken from it.</param>
    /// <param name="payload">The body that was inspected.</param>
    /// <param name="format">The new format, or null.</param>
    /// <param name="fault">Why there is none; null on success.</param>
    public static bool TryReadFormat(VideoFormat current, ReadOnlySpan<byte> payload, out VideoFormat? format, out string? fault)
    {
        ArgumentNullException.ThrowIfNull(current);
        return current.Codec switch
        {
            Codec.Avc or Codec.Hevc => NalUnits.TryReadFormat(current, payload, out format, out fault),
            Codec.Av1 => Av1Units.TryReadFormat(payload, out format, out fault),
            _ => Vp9Configuration.TryRead(current.Configuration.Span, payload, out format, out fault),
        };
    }
}
