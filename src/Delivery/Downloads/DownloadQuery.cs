using System.Globalization;

namespace Millrace.Delivery.Downloads;

/// <summary>What <c>download.mp4?from=…&amp;to=…&amp;rendition=…</c> asks for.</summary>
/// <param name="From">Seconds from the broadcast's beginning on its media's clock; null is as far back as there is.</param>
/// <param name="To">Likewise; null is as far as it has come.</param>
/// <param name="Rendition">A rendition's name, or null for the source's picture.</param>
internal readonly record struct DownloadQuery(double? From, double? To, string? Rendition)
{
    private const int MaxRenditionLength = 64;

    /// <summary>Longest number: seconds of months, with milliseconds.</summary>
    private const int MaxNumberLength = 12;

    /// <summary>Takes a query apart. What else it holds is of no consequence. False: what is wrong with it, as a sentence.</summary>
    public static bool TryParse(ReadOnlySpan<char> query, out DownloadQuery parsed, out string? fault)
    {
        parsed = default;
        fault = null;
        double? from = null, to = null;
        string? rendition = null;
        foreach (var range in query.Split('&'))
        {
            var pair = query[range];
            var equals = pair.IndexOf('=');
            if (equals < 0)
                continue;
            var value = pair[(equals + 1)..];
            switch (pair[..equals])
            {
                case "from" when TryParseSeconds(value, out var seconds):
                    from = seconds;
                    break;
                case "to" when TryParseSeconds(value, out var seconds):
                    to = seconds;
                    break;
                case "from" or "to":
                    fault = "from and to are seconds from the broadcast's beginning, such as 90 or 90.5.";
                    return false;
                case "rendition" when value.Length is > 0 and <= MaxRenditionLength:
                    rendition = value.ToString();
                    break;
                case "rendition":
                    fault = "rendition is the name of one.";
                    return false;
            }
        }
        if (from >= to)
        {
            fault = "to lies behind from.";
            return false;
        }
        parsed = new DownloadQuery(from, to, rendition);
        return true;
    }

    private static bool TryParseSeconds(ReadOnlySpan<char> text, out double seconds)
    {
        seconds = 0;
        return text.Length is > 0 and <= MaxNumberLength
            && double.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out seconds);
    }
}
