using System.Buffers.Binary;
using Millrace.Media;

namespace Millrace.Cmaf;

/// <summary>Reads sample entries: the twin of <see cref="SampleEntryWriter"/>.</summary>
internal static class SampleEntryReader
{
    private const int VisualBytes = 78;
    private const int AudioBytes = 28;

    /// <summary>Reads an entry's format; null and true when it is of a codec that we do not carry.</summary>
    public static bool TryRead(uint type, ReadOnlySpan<byte> entry, out TrackFormat? format, out string? fault)
    {
        format = null;
        fault = null;
        (string Box, Codec Codec)? known = Name(type) switch
        {
            "avc1" or "avc3" => ("avcC", Codec.Avc),
            "hvc1" or "hev1" => ("hvcC", Codec.Hevc),
            "av01" => ("av1C", Codec.Av1),
            "vp09" => ("vpcC", Codec.Vp9),
            "mp4a" => ("esds", Codec.Aac),
            ".mp3" => ("", Codec.Mp3),
            "Opus" => ("dOps", Codec.Opus),
            "fLaC" => ("dfLa", Codec.Flac),
            "ac-3" => ("dac3", Codec.Ac3),
            "ec-3" => ("dec3", Codec.Eac3),
            _ => null,
        };
        if (known is not var (box, codec))
            return true;
        var isVideo = codec is Codec.Avc or Codec.Hevc or Codec.Av1 or Codec.Vp9;
        var fixedBytes = isVideo ? VisualBytes : AudioBytes;
        if (entry.Length < fixedBytes)
            return Broken("sample entry is cut off", out fault);
        var configuration = default(ReadOnlySpan<byte>);
        if (box.Length != 0 && !BoxReader.TryFind(entry[fixedBytes..], BoxType.Of(box), out configuration))
            return Broken("sample entry without " + box, out fault);
        var channels = BinaryPrimitives.ReadUInt16BigEndian(entry[16..]);
        var sampleRate = BinaryPrimitives.ReadUInt16BigEndian(entry[24..]);

        VideoFormat? video = null;
        AudioFormat? audio = null;
        bool read;
        switch (codec)
        {
            case Codec.Vp9:
                read = Vp9Configuration.TryReadBox(configuration, BinaryPrimitives.ReadUInt16BigEndian(entry[24..]),
                    BinaryPrimitives.ReadUInt16BigEndian(entry[26..]), out video, out fault);
                break;
            case Codec.Aac:
                read = TryReadElementaryStream(configuration, channels, sampleRate, out audio, out fault);
                break;
            case Codec.Mp3:
                read = TryBuildMp3(channels, sampleRate, out audio, out fault);
                break;
            case Codec.Opus:
                read = OpusConfiguration.TryReadBox(configuration, out audio, out fault);
                break;
            case Codec.Flac:
                // A full box: version and flags come first.
                read = FlacConfiguration.TryRead(configuration.Length < 4 ? default : configuration[4..], out audio, out fault);
                break;
            case Codec.Ac3 or Codec.Eac3:
                read = Ac3Configuration.TryReadBox(codec, configuration, out audio, out fault);
                break;
            default:
                read = CodecConfiguration.TryRead(codec, configuration, out format, out fault);
                return read;
        }
        format = (TrackFormat?)video ?? audio;
        return read;
    }

    /// <summary>Reads <c>esds</c>: AAC, or MP3 by its object type.</summary>
    private static bool TryReadElementaryStream(ReadOnlySpan<byte> esds, int channels, int sampleRate, out AudioFormat? format, out string? fault)
    {
        format = null;
        if (esds.Length < 4)
            return Broken("esds is cut off", out fault);
        var rest = esds[4..];
        // ES_Descriptor: id, flags, and what the flags announce.
        if (!TryReadDescriptor(ref rest, 3, out var stream) || stream.Length < 3)
            return Broken("esds without stream", out fault);
        var flags = stream[2];
        stream = stream[3..];
        if ((flags & 0x80) != 0)
            stream = stream.Length < 2 ? default : stream[2..];
        if ((flags & 0x40) != 0)
            stream = stream.IsEmpty || stream.Length < 1 + stream[0] ? default : stream[(1 + stream[0])..];
        if ((flags & 0x20) != 0)
            stream = stream.Length < 2 ? default : stream[2..];
        if (!TryReadDescriptor(ref stream, 4, out var decoder) || decoder.Length < 13)
            return Broken("esds without decoder", out fault);
        switch (decoder[0])
        {
            case 0x69 or 0x6B:
                return TryBuildMp3(channels, sampleRate, out format, out fault);
            case 0x40:
                var inner = decoder[13..];
                return TryReadDescriptor(ref inner, 5, out var specific)
                    ? AacConfiguration.TryRead(specific, out format, out fault)
                    : Broken("esds without configuration", out fault);
            default:
                return Broken("esds of unknown object type", out fault);
        }
    }

    // ISO/IEC 14496-1 §8.3.3: a length of up to four times seven bits.
    private static bool TryReadDescriptor(scoped ref ReadOnlySpan<byte> rest, int tag, out ReadOnlySpan<byte> content)
    {
        content = default;
        if (rest.IsEmpty || rest[0] != tag)
            return false;
        var length = 0;
        for (var i = 1; i <= 4 && i < rest.Length; i++)
        {
            length = length << 7 | rest[i] & 127;
            if ((rest[i] & 128) != 0)
                continue;
            if (length > rest.Length - i - 1)
                return false;
            content = rest.Slice(i + 1, length);
            rest = rest[(i + 1 + length)..];
            return true;
        }
        return false;
    }

    private static bool TryBuildMp3(int channels, int sampleRate, out AudioFormat? format, out string? fault)
    {
        format = null;
        fault = null;
        if (channels is < 1 or > 2 || sampleRate is < 8000 or > 48000)
            return Broken("MP3 without channels or rate", out fault);
        format = new AudioFormat(Codec.Mp3, sampleRate >= 32000 ? "mp4a.6B" : "mp4a.69", [], sampleRate, channels, sampleRate >= 32000 ? 1152 : 576);
        return true;
    }

    private static string Name(uint type) =>
        string.Create(4, type, static (text, value) =>
        {
            for (var i = 0; i < 4; i++)
                text[i] = (char)(byte)(value >> (24 - 8 * i));
        });

    private static bool Broken(string what, out string? fault)
    {
        fault = "init segment: " + what;
        return false;
    }
}
