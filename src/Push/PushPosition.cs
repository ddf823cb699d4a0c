using System.Text.Json;
using System.Text.Json.Serialization;

namespace Millrace.Push;

/// <summary>What of a broadcast an origin has: its answer to every request.</summary>
/// <param name="Periods">Periods begun.</param>
/// <param name="IsSuspended">The newest one's publisher is gone.</param>
/// <param name="IsEnded">The broadcast is over.</param>
/// <param name="Renditions">What comes next in each rendition of the newest period, by index.</param>
/// <param name="Stored">
/// What of it would be there after a crash, which is behind: from there on a pusher keeps what it sent. Null when the origin
/// does not say: every complete segment.
/// </param>
public sealed record PushPosition(
    int Periods, bool IsSuspended, bool IsEnded, IReadOnlyList<PushPlace> Renditions, PushPosition? Stored = null)
{
    /// <summary>Of a broadcast that is over.</summary>
    public static PushPosition Over { get; } = new(0, false, true, []);

    /// <summary>The same without the parts of segments that run.</summary>
    public PushPosition WithoutRunning() => this with { Renditions = [.. Renditions.Select(place => place with { Part = 0 })], Stored = null };

    /// <summary>As JSON in UTF-8.</summary>
    public byte[] ToJson() => JsonSerializer.SerializeToUtf8Bytes(this, PushJson.Default.PushPosition);

    /// <summary>Reads an origin's answer; null when it is none.</summary>
    public static PushPosition? TryParse(ReadOnlySpan<byte> json)
    {
        try
        {
            var read = JsonSerializer.Deserialize(json, PushJson.Default.PushPosition);
            return read is not null && IsSound(read) && (read.Stored is null || IsSound(read.Stored)) ? read : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private static bool IsSound(PushPosition read) =>
        read is { Renditions: not null, Periods: >= 0 and <= PushLimits.MaxPeriods, Renditions.Count: <= PushLimits.MaxRenditions };
}

/// <summary>What comes next in a rendition.</summary>
/// <param name="Segment">Media sequence number of the running segment, or of the next one.</param>
/// <param name="Part">Index in it.</param>
/// <param name="HasInit">Its init segment is there; a derived rendition's comes with its encoder.</param>
public readonly record struct PushPlace(long Segment, int Part, bool HasInit = true)
{
    /// <summary>It is at the beginning of that segment.</summary>
    public bool IsAt(long segment) => Segment == segment && Part == 0;
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(PushPosition))]
internal sealed partial class PushJson : JsonSerializerContext;
