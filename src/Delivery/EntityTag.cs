namespace Millrace.Delivery;

/// <summary>Validators (RFC 9110 §8.8.3).</summary>
internal static class EntityTag
{
    /// <summary>Whether an <c>If-None-Match</c> names <paramref name="tag"/>: weak comparison (§13.1.2); our validators hold no comma.</summary>
    public static bool Matches(ReadOnlySpan<char> header, ReadOnlySpan<char> tag) => IsNamed(header, Opaque(tag), isStrong: false);

    /// <summary>Whether an <c>If-Match</c> names <paramref name="tag"/>, or whatever there is: strong comparison (§13.1.1), in which a weak validator is none.</summary>
    public static bool MatchesStrongly(ReadOnlySpan<char> header, ReadOnlySpan<char> tag) => IsNamed(header, tag.StartsWith("W/") ? default : tag, isStrong: true);

    private static bool IsNamed(ReadOnlySpan<char> header, ReadOnlySpan<char> tag, bool isStrong)
    {
        foreach (var range in header.Split(','))
        {
            var candidate = header[range].Trim();
            if (!isStrong)
                candidate = Opaque(candidate);
            if (candidate is "*" || (!tag.IsEmpty && candidate.SequenceEqual(tag)))
                return true;
        }
        return false;
    }

    // A validator without the sign that it is weak.
    private static ReadOnlySpan<char> Opaque(ReadOnlySpan<char> tag) => tag.StartsWith("W/") ? tag[2..] : tag;
}
