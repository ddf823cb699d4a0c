namespace Millrace.Media;

/// <summary>Reads FLAC stream headers (RFC 9639 §8) into the content of <c>dfLa</c>.</summary>
public static class FlacConfiguration
{
    private const int StreamInfoBytes = 34;

    /// <summary>Reads <c>fLaC</c> and the STREAMINFO block behind it; further metadata blocks are left out.</summary>
    /// <param name="header">The sequence start's body, with the signature or, as some send it, without.</param>
    /// <param name="format">The format, or null on failure.</param>
    /// <param name="fault">Why it can't be read; null on success.</param>
    /// <remarks><code>
    /// | "fLaC" | last:1 | type 0:7 | length 34:24 | minBlock:16 | maxBlock:16 | minFrame:24 | maxFrame:24 |
    /// | rate:20 | channels−1:3 | bits−1:5 | samples:36 | md5:128 |
    /// </code></remarks>
    public static bool TryRead(ReadOnlySpan<byte> header, out AudioFormat? format, out string? fault)
    {
        format = null;
        fault = null;
        if (header.StartsWith("fLaC"u8))
            header = header[4..];
        if (header.Length < 4 + StreamInfoBytes || (header[0] & 127) != 0
            || header[1] != 0 || header[2] != 0 || header[3] != StreamInfoBytes)
        {
            return Broken("no STREAMINFO", out fault);
        }
        var info = header.Slice(4, StreamInfoBytes);
        int minBlock = info[0] << 8 | info[1], maxBlock = info[2] << 8 | info[3];
        var rate = info[10] << 12 | info[11] << 4 | info[12] >> 4;
        var channels = (info[12] >> 1 & 7) + 1;
        if (minBlock < 16 || maxBlock < minBlock)
            return Broken("block size", out fault);
        if (rate is < 1 or > 655350)
            return Broken("sample rate", out fault);
        var configuration = new byte[4 + StreamInfoBytes];
        // The last and only block.
        configuration[0] = 0x80;
        configuration[3] = StreamInfoBytes;
        info.CopyTo(configuration.AsSpan(4));
        format = new AudioFormat(Codec.Flac, "fLaC", configuration, rate, channels, 0);
        return true;
    }

    private static bool Broken(string what, out string? fault)
    {
        fault = "FLAC: " + what;
        return false;
    }
}
