using System.Globalization;

namespace Millrace.Media;

/// <summary>Reads AudioSpecificConfigs (ISO/IEC 14496-3 §1.6.2.1).</summary>
public static class AacConfiguration
{
    /// <summary>Most bytes: two of substance, some for SBR, a program config element with its comment, and they fit a descriptor.</summary>
    private const int MaxBytes = 96;

    private const int Main = 1;
    private const int LowComplexity = 2;
    private const int LongTermPrediction = 4;
    private const int Sbr = 5;
    private const int ParametricStereo = 29;

    private static ReadOnlySpan<int> Rates =>
        [96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350];

    /// <summary>Reads an AudioSpecificConfig of AAC Main, LC or LTP, with explicit SBR and parametric stereo or without.</summary>
    /// <param name="config">The sequence header's body.</param>
    /// <param name="format">The format in the core coder's rate, or null on failure.</param>
    /// <param name="fault">Why it can't be read; null on success.</param>
    /// <remarks><code>
    /// | type:5 [31 → type−32:6] | rate:4 [15 → Hz:24] | channels:4 | [type 5, 29: rate, core type] |
    /// | 960 samples:1 | core coder:1 [→ delay:14] | extension:1 | [channels 0: program config element] |
    /// </code></remarks>
    public static bool TryRead(ReadOnlySpan<byte> config, out AudioFormat? format, out string? fault)
    {
        format = null;
        fault = null;
        if (config.Length > MaxBytes)
            return Broken("configuration is too large", out fault);
        var bits = new BitReader(config);
        var type = ReadObjectType(ref bits);
        var rate = ReadRate(ref bits);
        var channelConfiguration = (int)bits.Bits(4);
        var core = type;
        if (type is Sbr or ParametricStereo)
        {
            ReadRate(ref bits);
            core = ReadObjectType(ref bits);
        }
        if (core is not (Main or LowComplexity or LongTermPrediction))
            return Broken(string.Create(CultureInfo.InvariantCulture, $"object type {core} is not supported"), out fault);
        var samples = bits.Flag() ? 960 : 1024;
        if (bits.Flag())
            bits.Skip(14);
        bits.Skip(1);
        var channels = channelConfiguration switch
        {
            0 => CountChannels(ref bits),
            <= 6 => channelConfiguration,
            7 or 12 or 14 => 8,
            11 => 7,
            _ => 0,
        };
        if (bits.IsOverrun)
            return Broken("configuration ends early", out fault);
        if (rate is < 7350 or > 96000)
            return Broken("sample rate", out fault);
        if (channels is < 1 or > 8)
            return Broken("channels", out fault);
        var codecString = string.Create(CultureInfo.InvariantCulture, $"mp4a.40.{type}");
        format = new AudioFormat(Codec.Aac, codecString, config.ToArray(), rate, channels, samples);
        return true;
    }

    /// <summary>channelConfiguration of a config that was read before; 0 stands for a program config element.</summary>
    internal static int ChannelConfiguration(ReadOnlySpan<byte> config)
    {
        var bits = new BitReader(config);
        ReadObjectType(ref bits);
        ReadRate(ref bits);
        return (int)bits.Bits(4);
    }

    private static int ReadObjectType(ref BitReader bits)
    {
        var type = (int)bits.Bits(5);
        return type == 31 ? 32 + (int)bits.Bits(6) : type;
    }

    private static int ReadRate(ref BitReader bits)
    {
        var index = (int)bits.Bits(4);
        return index == 15 ? (int)bits.Bits(24) : index < Rates.Length ? Rates[index] : 0;
    }

    /// <summary>Counts the channels of a program config element (§4.4.1.1).</summary>
    private static int CountChannels(ref BitReader bits)
    {
        bits.Skip(10);
        var elements = (int)(bits.Bits(4) + bits.Bits(4) + bits.Bits(4));
        var lowFrequency = (int)bits.Bits(2);
        bits.Skip(3 + 4);
        bits.Skip(bits.Flag() ? 4 : 0);
        bits.Skip(bits.Flag() ? 4 : 0);
        bits.Skip(bits.Flag() ? 3 : 0);
        var channels = lowFrequency;
        for (var i = 0; i < elements; i++)
        {
            channels += bits.Flag() ? 2 : 1;
            bits.Skip(4);
        }
        bits.Skip(lowFrequency * 4);
        return channels;
    }

    private static bool Broken(string what, out string? fault)
    {
        fault = "AAC: " + what;
        return false;
    }
}
