using System.Globalization;

namespace Millrace.Delivery;

/// <summary>What a Range header asks for, of an object of known length (RFC 9110 §14).</summary>
/// <param name="From">First byte.</param>
/// <param name="To">The byte behind the last one.</param>
internal readonly record struct ByteRange(int From, int To)
{
    /// <summary>How a header was understood.</summary>
    public enum Kind
    {
        /// <summary>No header, another unit, several ranges, or nonsense: the whole object is sent (§14.2 allows it).</summary>
        Ignored,
        /// <summary>One range that the object has.</summary>
        Satisfiable,
        /// <summary>One range beyond the object: 416.</summary>
        Unsatisfiable,
    }

    /// <summary>Reads a header's value.</summary>
    public static Kind Parse(ReadOnlySpan<char> header, int length, out ByteRange range)
    {
        var kind = Parse(header, length, out var from, out var to);
        range = new ByteRange((int)from, (int)to);
        return kind;
    }

    /// <summary>The same for what is larger: first byte, and the byte behind the last one.</summary>
    public static Kind Parse(ReadOnlySpan<char> header, long length, out long from, out long to)
    {
        (from, to) = (0, length);
        if (!header.StartsWith("bytes=", StringComparison.OrdinalIgnoreCase) || header.Contains(','))
            return Kind.Ignored;
        var text = header[6..].Trim();
        var dash = text.IndexOf('-');
        if (dash < 0)
            return Kind.Ignored;
        var first = text[..dash];
        var last = text[(dash + 1)..];
        if (first.IsEmpty)
        {
            if (!TryParse(last, out var suffix))
                return Kind.Ignored;
            from = Math.Max(0, length - suffix);
            return suffix == 0 || length == 0 ? Kind.Unsatisfiable : Kind.Satisfiable;
        }
        if (!TryParse(first, out var begin))
            return Kind.Ignored;
        var end = length;
        if (!last.IsEmpty)
        {
            if (!TryParse(last, out end) || end < begin)
                return Kind.Ignored;
            end = Math.Min(end + 1, length);
        }
        if (begin >= length)
            return Kind.Unsatisfiable;
        (from, to) = (begin, end);
        return Kind.Satisfiable;
    }

    // However many digits there are, the number is beyond every object, and does not overflow when one is added.
    private static bool TryParse(ReadOnlySpan<char> text, out long number)
    {
        const int MaxDigits = 15;
        number = 0;
        if (text.IsEmpty || text.ContainsAnyExceptInRange('0', '9'))
            return false;
        var digits = text.TrimStart('0');
        number = digits.Length > MaxDigits ? long.MaxValue / 2 : digits.IsEmpty ? 0 : long.Parse(digits, NumberStyles.None, CultureInfo.InvariantCulture);
        return true;
    }
}
