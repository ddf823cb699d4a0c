namespace Millrace.Timeline;

/// <summary>
/// A named range of time with attributes: a cue point, an advertisement, a chapter (EXT-X-DATERANGE,
/// draft-pantos-hls-rfc8216bis §4.4.5.1). Immutable; a later one with the same id replaces it.
/// </summary>
/// <param name="Id">Unique in the broadcast; holds no quotation mark and no control character.</param>
/// <param name="Start">When it begins.</param>
public sealed record DateRange(string Id, DateTimeOffset Start)
{
    /// <summary>CLASS: ranges of one class share their meaning, or null.</summary>
    public string? Class { get; init; }

    /// <summary>Its duration, at least 0, or null while that is not known.</summary>
    public TimeSpan? Duration { get; init; }

    /// <summary>The duration it is expected to have, at least 0, or null.</summary>
    public TimeSpan? PlannedDuration { get; init; }

    /// <summary>It lasts until the next range of its class begins. Needs <see cref="Class"/>, excludes <see cref="Duration"/>.</summary>
    public bool EndOnNext { get; init; }

    /// <summary>
    /// Further attributes in order: <c>X-…</c> names of <c>[A-Z0-9-]</c>, or SCTE35-CMD, SCTE35-OUT, SCTE35-IN.
    /// </summary>
    public IReadOnlyList<DateRangeAttribute> Attributes { get; init; } = [];

    /// <summary>When it ends, or null while that is not known.</summary>
    public DateTimeOffset? End => Duration is { } duration ? Start + duration : null;

    /// <summary>What is wrong with it, in words for people; null when it can stand in a playlist.</summary>
    public string? Fault()
    {
        if (Id.Length == 0 || !IsQuotable(Id))
            return "the id of a date range is not empty and holds no quotation mark or control character";
        if (Class is not null && !IsQuotable(Class))
            return "the class of a date range holds no quotation mark or control character";
        if (Duration < TimeSpan.Zero || PlannedDuration < TimeSpan.Zero)
            return "a date range has no negative duration";
        if (EndOnNext && (Class is null || Duration is not null))
            return "a date range that ends on the next one has a class and no duration";
        foreach (var attribute in Attributes)
        {
            if (attribute.Fault() is { } fault)
                return fault;
        }
        return null;
    }

    internal static bool IsQuotable(string text)
    {
        foreach (var c in text)
        {
            if (c == '"' || char.IsControl(c) || char.IsSurrogate(c))
                return false;
        }
        return true;
    }
}

/// <summary>One further attribute of a <see cref="DateRange"/>.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Value">A text, written in quotation marks, or a hexadecimal sequence (<c>0x…</c>), written as it is.</param>
/// <param name="IsHexadecimal">The value is a hexadecimal sequence.</param>
public readonly record struct DateRangeAttribute(string Name, string Value, bool IsHexadecimal = false)
{
    internal string? Fault()
    {
        if (Name is not ("SCTE35-CMD" or "SCTE35-OUT" or "SCTE35-IN") && !Name.StartsWith("X-", StringComparison.Ordinal))
            return "an attribute of a date range is SCTE35-CMD, SCTE35-OUT, SCTE35-IN or begins with X-";
        foreach (var c in Name)
        {
            if (c is not (>= 'A' and <= 'Z' or >= '0' and <= '9' or '-'))
                return "the name of an attribute is of A-Z, 0-9 and -";
        }
        if (!IsHexadecimal)
            return DateRange.IsQuotable(Value) ? null : "an attribute's text holds no quotation mark or control character";
        if (Value.Length < 4 || Value.Length % 2 != 0 || !Value.StartsWith("0x", StringComparison.OrdinalIgnoreCase))
            return "a hexadecimal sequence is 0x and whole bytes";
        foreach (var c in Value.AsSpan(2))
        {
            if (!char.IsAsciiHexDigit(c))
                return "a hexadecimal sequence is 0x and whole bytes";
        }
        return null;
    }
}

/// <summary>A date range where it stands in playlists.</summary>
/// <param name="Range">The range.</param>
/// <param name="Segment">
/// Media sequence number of the leader's running segment when it was added or last changed: it is listed in front of that
/// segment, so that lists only grow at their end, and a delta update leaves it out with that segment.
/// </param>
public sealed record PlacedDateRange(DateRange Range, long Segment);

/// <summary>A date range that left the playlists.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Segment">Media sequence number of the leader's running segment when it left.</param>
public sealed record RemovedDateRange(string Id, long Segment);
