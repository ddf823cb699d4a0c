using Millrace.Media;

namespace Millrace.Cmaf;

/// <summary>Writes sample entries with their codec configuration (ISO/IEC 14496-12 §8.5.2, §12.1.3, §12.2.3, and each codec's binding).</summary>
internal static class SampleEntryWriter
{
    public static void Write(BoxWriter writer, TrackFormat format, bool hasInBandSets)
    {
        switch (format)
        {
            case VideoFormat video:
                WriteVideo(writer, video, hasInBandSets);
                break;
            case AudioFormat audio:
                WriteAudio(writer, audio);
                break;
        }
    }

    private static void WriteVideo(BoxWriter writer, VideoFormat format, bool hasInBandSets)
    {
        var (entryType, configurationType) = format.Codec switch
        {
            Codec.Avc => (hasInBandSets ? "avc3" : "avc1", "avcC"),
            Codec.Hevc => ("hvc1", "hvcC"),
            Codec.Av1 => ("av01", "av1C"),
            Codec.Vp9 => ("vp09", "vpcC"),
            _ => throw new ArgumentException("No video codec.", nameof(format)),
        };
        var entry = writer.Begin(entryType);
        writer.Zeros(6);
        writer.UInt16(1);
        writer.Zeros(16);
        writer.UInt16(format.Width);
        writer.UInt16(format.Height);
        // 72 dpi, one frame per sample, no compressor name, colour without alpha.
        writer.UInt32(0x480000);
        writer.UInt32(0x480000);
        writer.UInt32(0);
        writer.UInt16(1);
        writer.Zeros(32);
        writer.UInt16(0x18);
        writer.UInt16(-1);

        var configuration = writer.Begin(configurationType);
        writer.Bytes(format.Configuration.Span);
        writer.End(configuration);
        if (format.Color is { } color)
        {
            var colr = writer.Begin("colr");
            writer.Type("nclx");
            writer.UInt16(color.Primaries);
            writer.UInt16(color.Transfer);
            writer.UInt16(color.Matrix);
            writer.Byte(color.FullRange ? 0x80 : 0);
            writer.End(colr);
        }
        if (format.SampleAspectRatio is { Horizontal: > 0, Vertical: > 0 } ratio)
        {
            var pasp = writer.Begin("pasp");
            writer.UInt32((uint)ratio.Horizontal);
            writer.UInt32((uint)ratio.Vertical);
            writer.End(pasp);
        }
        if (format.Hdr is { MasteringDisplay.Length: 24 } mastering)
        {
            var mdcv = writer.Begin("mdcv");
            writer.Bytes(mastering.MasteringDisplay.Span);
            writer.End(mdcv);
        }
        if (format.Hdr is { ContentLight.Length: 4 } light)
        {
            var clli = writer.Begin("clli");
            writer.Bytes(light.ContentLight.Span);
            writer.End(clli);
        }
        writer.End(entry);
    }

    private static void WriteAudio(BoxWriter writer, AudioFormat format)
    {
        var entry = writer.Begin(format.Codec switch
        {
            Codec.Aac or Codec.Mp3 => "mp4a",
            Codec.Opus => "Opus",
            Codec.Flac => "fLaC",
            Codec.Ac3 => "ac-3",
            Codec.Eac3 => "ec-3",
            _ => throw new ArgumentException("No audio codec.", nameof(format)),
        });
        writer.Zeros(6);
        writer.UInt16(1);
        writer.Zeros(8);
        writer.UInt16(format.Channels);
        writer.UInt16(16);
        writer.Zeros(4);
        // 16.16; a rate that does not fit stands in the codec's own configuration only.
        writer.UInt32(format.SampleRate <= ushort.MaxValue ? (uint)format.SampleRate << 16 : 0);

        var configuration = format.Configuration.Span;
        switch (format.Codec)
        {
            case Codec.Aac:
                WriteElementaryStream(writer, 0x40, configuration);
                break;
            case Codec.Mp3:
                // ISO/IEC 14496-1 table 5: MPEG-1 audio (ISO/IEC 11172-3) or, below 32 kHz, MPEG-2 audio (ISO/IEC 13818-3).
                WriteElementaryStream(writer, format.SampleRate >= 32000 ? 0x6B : 0x69, default);
                break;
            case Codec.Opus:
                WriteBox(writer, "dOps", configuration);
                break;
            case Codec.Flac:
                var dfla = writer.BeginFull("dfLa");
                writer.Bytes(configuration);
                writer.End(dfla);
                break;
            case Codec.Ac3:
                WriteBox(writer, "dac3", configuration);
                break;
            default:
                WriteBox(writer, "dec3", configuration);
                break;
        }
        writer.End(entry);
    }

    private static void WriteBox(BoxWriter writer, string type, ReadOnlySpan<byte> content)
    {
        var box = writer.Begin(type);
        writer.Bytes(content);
        writer.End(box);
    }

    /// <summary>The <c>esds</c> box (ISO/IEC 14496-14 §6.7.2) with its descriptors (ISO/IEC 14496-1 §7.2.6).</summary>
    private static void WriteElementaryStream(BoxWriter writer, int objectType, ReadOnlySpan<byte> specificInfo)
    {
        // Each descriptor: tag, length in one byte while it is below 128 (the limit on AudioSpecificConfig keeps it so).
        var specific = specificInfo.IsEmpty ? 0 : 2 + specificInfo.Length;
        var decoder = 13 + specific;
        var esds = writer.BeginFull("esds");
        writer.Byte(3);
        writer.Byte(3 + 2 + decoder + 3);
        // ES_ID is 0 in files, and there are no flags.
        writer.UInt16(0);
        writer.Byte(0);
        writer.Byte(4);
        writer.Byte(decoder);
        writer.Byte(objectType);
        // Audio stream, upstream 0, reserved 1.
        writer.Byte(5 << 2 | 1);
        writer.Zeros(3);
        writer.UInt32(0);
        writer.UInt32(0);
        if (!specificInfo.IsEmpty)
        {
            writer.Byte(5);
            writer.Byte(specificInfo.Length);
            writer.Bytes(specificInfo);
        }
        // SLConfigDescriptor, predefined 2: for use in MP4 files.
        writer.Byte(6);
        writer.Byte(1);
        writer.Byte(2);
        writer.End(esds);
    }
}
