using System.Buffers;
using System.Globalization;
using System.Text;

namespace Millrace.Core;

/// <summary>
/// Writes text as UTF-8 into a buffer writer: literals, integers, decimals, times. For playlists, manifests and other text
/// that machines read; the culture never matters. Call <see cref="Flush"/> at the end.
/// </summary>
public ref struct Utf8Writer
{
    private readonly IBufferWriter<byte> output;
    private Span<byte> free;
    private int used;

    /// <summary>Writes behind what <paramref name="output"/> already holds.</summary>
    public Utf8Writer(IBufferWriter<byte> output)
    {
        this.output = output;
        free = output.GetSpan(512);
        used = 0;
    }

    /// <summary>Appends bytes as they are, usually a <c>u8</c> literal.</summary>
    public void Write(scoped ReadOnlySpan<byte> utf8)
    {
        while (utf8.Length > free.Length - used)
        {
            var fitting = free.Length - used;
            utf8[..fitting].CopyTo(free[used..]);
            utf8 = utf8[fitting..];
            used = free.Length;
            Renew(utf8.Length);
        }
        utf8.CopyTo(free[used..]);
        used += utf8.Length;
    }

    /// <summary>Appends a text.</summary>
    public void Write(string text)
    {
        Reserve(Encoding.UTF8.GetMaxByteCount(text.Length));
        used += Encoding.UTF8.GetBytes(text, free[used..]);
    }

    /// <summary>Appends an integer.</summary>
    public void Write(long value)
    {
        Reserve(20);
        value.TryFormat(free[used..], out var written, provider: CultureInfo.InvariantCulture);
        used += written;
    }

    /// <summary>Appends <c>scaled / 10^decimals</c> exactly, with a point and at least one digit behind it, without further trailing zeros.</summary>
    public void WriteDecimal(long scaled, int decimals)
    {
        if (scaled < 0)
        {
            Write("-"u8);
            scaled = -scaled;
        }
        long unit = 1;
        for (var i = 0; i < decimals; i++)
            unit *= 10;
        Write(scaled / unit);
        Reserve(decimals + 2);
        free[used++] = (byte)'.';
        var rest = scaled % unit;
        do
        {
            unit /= 10;
            free[used++] = (byte)('0' + (unit > 0 ? rest / unit % 10 : 0));
            rest = unit > 0 ? rest % unit : 0;
        }
        while (rest > 0);
    }

    /// <summary>Appends a moment as ISO 8601 in UTC with milliseconds: <c>2026-11-22T20:22:19.123Z</c>.</summary>
    public void Write(DateTimeOffset moment)
    {
        Reserve(24);
        moment.UtcDateTime.TryFormat(free[used..], out var written, "yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture);
        used += written;
    }

    /// <summary>Hands everything written to the buffer writer.</summary>
    public void Flush() => Renew(0);

    private void Reserve(int bytes)
    {
        if (bytes > free.Length - used)
            Renew(bytes);
    }

    private void Renew(int atLeast)
    {
        output.Advance(used);
        used = 0;
        free = atLeast == 0 ? default : output.GetSpan(Math.Max(atLeast, 512));
    }
}
