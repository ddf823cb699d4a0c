namespace Millrace.Delivery;

/// <summary>Chooses an encoding for a text (RFC 9110 §12.5.3).</summary>
internal static class AcceptEncoding
{
    /// <summary>The smallest that the client takes: brotli, gzip, or as it is. A weight of zero refuses.</summary>
    /// <param name="header">The header's value.</param>
    /// <param name="most">Nothing beyond it: a text that comes gzipped is not compressed again.</param>
    public static ContentCoding Choose(ReadOnlySpan<char> header, ContentCoding most = ContentCoding.Brotli)
    {
        var best = ContentCoding.Identity;
        foreach (var range in header.Split(','))
        {
            var item = header[range].Trim();
            var semicolon = item.IndexOf(';');
            var name = (semicolon < 0 ? item : item[..semicolon]).TrimEnd();
            var coding = name switch
            {
                _ when name.Equals("br", StringComparison.OrdinalIgnoreCase) => ContentCoding.Brotli,
                _ when name.Equals("gzip", StringComparison.OrdinalIgnoreCase) => ContentCoding.Gzip,
                _ => ContentCoding.Identity,
            };
            if (coding > best && coding <= most && (semicolon < 0 || !IsZero(item[(semicolon + 1)..])))
                best = coding;
        }
        return best;
    }

    /// <summary>The smallest of which the client takes the larger ones too: who answers in the end may make less than it takes.</summary>
    public static ContentCoding ChooseWithLesser(ReadOnlySpan<char> header)
    {
        var best = Choose(header);
        return best == ContentCoding.Brotli && Choose(header, ContentCoding.Gzip) != ContentCoding.Gzip ? ContentCoding.Identity : best;
    }

    // q=0, q=0.0, q=0.00, q=0.000
    private static bool IsZero(ReadOnlySpan<char> parameter)
    {
        var text = parameter.Trim();
        return text.StartsWith("q=", StringComparison.OrdinalIgnoreCase) && text[2..].TrimStart('0').TrimStart('.').TrimStart('0').IsEmpty;
    }
}
