using System.Buffers.Binary;
using Millrace.Media;
using Millrace.Rtmp;

namespace Millrace.Ingest;

/// <summary>
/// <c>colorInfo</c> of a video Metadata packet (Enhanced RTMP v2, "Metadata Frame"), turned into the boxes' form.
/// </summary>
internal static class HdrColorInfo
{
    /// <summary>
    /// Reads the packet's AMF; false when it holds no colorInfo. One without content takes back what an earlier one said:
    /// both are null then.
    /// </summary>
    public static bool TryRead(ReadOnlySpan<byte> body, out ColorDescription? color, out HdrMetadata? hdr)
    {
        color = null;
        hdr = null;
        var found = false;
        var reader = new Amf0Reader(body, RtmpLimits.Default.Amf);
        if (!reader.TryReadAll(out var values))
            return false;
        for (var i = 0; i + 1 < values.Count; i += 2)
        {
            if (!values[i].TryGetString(out var name) || name != "colorInfo")
                continue;
            found = true;
            if (values[i + 1]["colorConfig"] is { } config)
                color = ReadColor(config);
            hdr = new HdrMetadata(ReadMasteringDisplay(values[i + 1]["hdrMdcv"]), ReadContentLight(values[i + 1]["hdrCll"]));
            if (hdr.MasteringDisplay.IsEmpty && hdr.ContentLight.IsEmpty)
                hdr = null;
        }
        return found;
    }

    private static ColorDescription? ReadColor(AmfValue config)
    {
        var primaries = Number(config, "colorPrimaries");
        var transfer = Number(config, "transferCharacteristics");
        var matrix = Number(config, "matrixCoefficients");
        if (primaries is not (>= 0 and <= 255) || transfer is not (>= 0 and <= 255) || matrix is not (>= 0 and <= 255))
            return null;
        return new ColorDescription((byte)primaries, (byte)transfer, (byte)matrix, FullRange: false);
    }

    /// <summary>ISO/IEC 14496-12 §12.1.6: primaries in the order green, blue, red in 0.00002, luminances in 0.0001 cd/m².</summary>
    private static byte[] ReadMasteringDisplay(AmfValue? source)
    {
        if (source is null)
            return [];
        Span<byte> box = stackalloc byte[24];
        ReadOnlySpan<string> points =
            ["greenX", "greenY", "blueX", "blueY", "redX", "redY", "whitePointX", "whitePointY"];
        for (var i = 0; i < points.Length; i++)
        {
            if (Number(source, points[i]) is not { } value || value is < 0 or > 1.3)
                return [];
            BinaryPrimitives.WriteUInt16BigEndian(box[(2 * i)..], (ushort)Math.Round(value * 50_000));
        }
        if (Number(source, "maxLuminance") is not { } brightest || brightest is <= 0 or > 100_000
            || Number(source, "minLuminance") is not { } darkest || darkest is < 0 or > 100_000)
        {
            return [];
        }
        BinaryPrimitives.WriteUInt32BigEndian(box[16..], (uint)Math.Round(brightest * 10_000));
        BinaryPrimitives.WriteUInt32BigEndian(box[20..], (uint)Math.Round(darkest * 10_000));
        return box.ToArray();
    }

    /// <summary>ISO/IEC 14496-12 §12.1.7: MaxCLL and MaxFALL in cd/m².</summary>
    private static byte[] ReadContentLight(AmfValue? source)
    {
        if (source is null || Number(source, "maxCLL") is not { } light || light is < 0 or > 65535
            || Number(source, "maxFall") is not { } average || average is < 0 or > 65535)
        {
            return [];
        }
        Span<byte> box = stackalloc byte[4];
        BinaryPrimitives.WriteUInt16BigEndian(box, (ushort)light);
        BinaryPrimitives.WriteUInt16BigEndian(box[2..], (ushort)average);
        return box.ToArray();
    }

    private static double? Number(AmfValue properties, string name) =>
        properties[name] is { } value && value.TryGetNumber(out var number) && double.IsFinite(number) ? number : null;
}
