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

    /// <summary>Whether an <c>If-Match</c> names <paramref name="tag"/>, or whatever there is: strong comparison (§13.1.1), in which a weak validator is none.</summary>
    public static bool MatchesStrongly(ReadOnlySpan<char> header, ReadOnlySpan<char> tag)
    {
        foreach (var range in header.Split(','))
        {
            var candidate = header[range].Trim();
            if (candidate is "*" || (!tag.IsEmpty && !tag.StartsWith("W/") && candidate.SequenceEqual(tag)))
                return true;
        }
        return false;
    }
}
