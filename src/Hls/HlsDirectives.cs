using System.Diagnostics.CodeAnalysis;
using System.Globalization;

namespace Millrace.Hls;

/// <summary>The delivery directives of a media playlist's request (draft-pantos-hls-rfc8216bis §6.2.5).</summary>
/// <param name="Segment"><c>_HLS_msn</c>: wait until the playlist holds this segment, or null.</param>
/// <param name="Part"><c>_HLS_part</c>: wait until it holds this part of that segment, or null. Never without a segment.</param>
/// <param name="Skip"><c>_HLS_skip</c>.</param>
public readonly record struct HlsDirectives(long? Segment, int? Part, PlaylistSkip Skip)
{
    /// <summary>
    /// Reads a query, without its question mark. Everything but the three directives is ignored. False when a directive is
    /// malformed, repeated or has no business: then <paramref name="fault"/> says so in a sentence for the 400's body.
    /// </summary>
    public static bool TryParse(ReadOnlySpan<char> query, out HlsDirectives directives, [NotNullWhen(false)] out string? fault)
    {
        directives = default;
        fault = null;
        long? segment = null;
        int? part = null;
        PlaylistSkip? skip = null;
        foreach (var range in query.Split('&'))
        {
            var pair = query[range];
            var equals = pair.IndexOf('=');
            var name = equals < 0 ? pair : pair[..equals];
            var value = equals < 0 ? default : pair[(equals + 1)..];
            switch (name)
            {
                case "_HLS_msn":
                    if (segment is not null || !TryParseNumber(value, long.MaxValue, out var number))
                        return Fail("_HLS_msn is one decimal number.", out fault);
                    segment = number;
                    break;
                case "_HLS_part":
                    if (part is not null || !TryParseNumber(value, int.MaxValue - 1, out number))
                        return Fail("_HLS_part is one decimal number.", out fault);
                    part = (int)number;
                    break;
                case "_HLS_skip":
                    if (skip is not null || value is not ("YES" or "v2"))
                        return Fail("_HLS_skip is YES or v2.", out fault);
                    skip = value is "v2" ? PlaylistSkip.SegmentsAndDateRanges : PlaylistSkip.Segments;
                    break;
            }
        }
        if (part is not null && segment is null)
            return Fail("_HLS_part needs _HLS_msn.", out fault);
        directives = new HlsDirectives(segment, part, skip ?? PlaylistSkip.None);
        return true;
    }

    private static bool TryParseNumber(ReadOnlySpan<char> text, long max, out long number) =>
        long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out number) && number <= max;

    private static bool Fail(string reason, out string fault)
    {
        fault = reason;
        return false;
    }
}
