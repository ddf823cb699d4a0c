namespace Millrace.Delivery;

/// <summary>Validators (RFC 9110 §8.8.3).</summary>
internal static class EntityTag
{
    /// <summary>Whether an <c>If-None-Match</c> names <paramref name="tag"/>: weak comparison (§13.1.2); our validators hold no comma.</summary>
    public static bool Matches(ReadOnlySpan<char> header, ReadOnlySpan<char> tag)
    {
        if (tag.StartsWith("W/"))
            tag = tag[2..];
        foreach (var range in header.Split(','))
        {
            var candidate = header[range].Trim();
            if (candidate.StartsWith("W/"))
                candidate = candidate[2..];
            if (candidate is "*" || candidate.SequenceEqual(tag))
                return true;
        }
        return false;
    }
}
