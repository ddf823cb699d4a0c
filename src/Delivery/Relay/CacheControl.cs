using System.Globalization;

namespace Millrace.Delivery.Relay;

/// <summary>The directives of a response's <c>Cache-Control</c> that a shared cache obeys (RFC 9111 §5.2.2, RFC 8246).</summary>
/// <param name="MaxAge">Seconds of freshness: <c>s-maxage</c>, else <c>max-age</c>; null when neither is there.</param>
/// <param name="NoStore"><c>no-store</c> or <c>private</c>.</param>
/// <param name="NoCache"><c>no-cache</c>: to be validated before each use.</param>
/// <param name="MustRevalidate"><c>must-revalidate</c>, <c>proxy-revalidate</c>: never to be used stale.</param>
/// <param name="Immutable"><c>immutable</c>.</param>
internal readonly record struct CacheControl(int? MaxAge, bool NoStore, bool NoCache, bool MustRevalidate, bool Immutable)
{
    /// <summary>Reads a header's value. Unknown and malformed directives are passed over.</summary>
    public static CacheControl Parse(ReadOnlySpan<char> header)
    {
        int? maxAge = null, shared = null;
        bool noStore = false, noCache = false, mustRevalidate = false, immutable = false;
        foreach (var range in header.Split(','))
        {
            var item = header[range].Trim();
            var equals = item.IndexOf('=');
            var name = equals < 0 ? item : item[..equals].TrimEnd();
            var value = equals < 0 ? default : item[(equals + 1)..].Trim().Trim('"');
            if (Is(name, "no-store") || Is(name, "private"))
                noStore = true;
            else if (Is(name, "no-cache"))
                noCache = true;
            else if (Is(name, "must-revalidate") || Is(name, "proxy-revalidate"))
                mustRevalidate = true;
            else if (Is(name, "immutable"))
                immutable = true;
            else if (Is(name, "max-age"))
                maxAge = Seconds(value);
            else if (Is(name, "s-maxage"))
                shared = Seconds(value);
        }
        return new CacheControl(shared ?? maxAge, noStore, noCache, mustRevalidate, immutable);
    }

    private static bool Is(ReadOnlySpan<char> name, ReadOnlySpan<char> other) => name.Equals(other, StringComparison.OrdinalIgnoreCase);

    // What does not fit counts as very long (RFC 9111 §1.2.2); what is no number counts as stale (§4.2.1).
    private static int Seconds(ReadOnlySpan<char> text)
    {
        if (text.IsEmpty || text.ContainsAnyExceptInRange('0', '9'))
            return 0;
        return int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var seconds) ? seconds : int.MaxValue;
    }
}
