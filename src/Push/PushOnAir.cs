using System.Buffers;
using Millrace.Core;

namespace Millrace.Push;

/// <summary>What an origin has on air of a channel: everything that somebody has to know to go on with it.</summary>
/// <param name="Id">The broadcast.</param>
/// <param name="Generation">The pusher that it takes frames from now.</param>
/// <param name="Open">Its promises.</param>
/// <param name="Story">Its periods, and the encoders that began in them; empty when the origin does not know them from the beginning.</param>
/// <param name="End">Where its newest period ends at this origin.</param>
internal sealed record PushOnAir(BroadcastId Id, ulong Generation, PushOpen Open, IReadOnlyList<PushFrame> Story, PushResume End)
{
    /// <summary>An origin that has nothing on air of it.</summary>
    public static PushOnAir Nothing { get; } = new(default, 0, null!, [], null!);

    /// <summary>Reads an origin's answer; null when it is none.</summary>
    /// <param name="location">The broadcast's path at the origin: its last segment is the id.</param>
    /// <param name="body">A preamble and frames.</param>
    public static PushOnAir? TryRead(string? location, ReadOnlyMemory<byte> body)
    {
        if (!BroadcastId.TryParse(location?[(location.LastIndexOf('/') + 1)..], out var id))
            return null;
        var input = new SequenceReader<byte>(new ReadOnlySequence<byte>(body));
        if (PushFrameReader.TryReadPreamble(ref input, out var generation) != OperationStatus.Done)
            return null;
        var frames = new List<PushFrame>();
        while (!input.End)
        {
            if (PushFrameReader.TryRead(ref input, out var frame, out _) != OperationStatus.Done)
                return null;
            frames.Add(frame!);
        }
        return frames is [PushOpen open, .. var story, PushResume end] && (story.Count == 0 || story.Count(frame => frame is PushPeriod) == end.Period + 1)
            ? new PushOnAir(id, generation, open, story, end) : null;
    }

    /// <summary>
    /// The newest broadcast that origins have, and where the furthest of them are: what one of them has of a segment and another
    /// lacks is that one's alone. Null when none has anything, or none knows it from the beginning.
    /// </summary>
    /// <param name="origins">What each said; null for one that did not answer.</param>
    public static PushOnAir? Join(IReadOnlyList<PushOnAir?> origins)
    {
        PushOnAir? best = null;
        foreach (var origin in origins)
        {
            if (origin is null || origin == Nothing)
                continue;
            var order = best is null ? 1 : string.CompareOrdinal(origin.Id.Value, best.Id.Value);
            if (order > 0 || (order == 0 && (origin.End.Period > best!.End.Period || (origin.End.Period == best.End.Period && best.Story.Count == 0))))
                best = origin;
        }
        if (best is not { Story.Count: > 0 })
            return null;
        var generation = best.Generation;
        var first = best.End.FirstSegment;
        RenditionTail[] tails = [.. best.End.Renditions];
        foreach (var origin in origins)
        {
            if (origin is null || origin == Nothing || origin.Id != best.Id)
                continue;
            generation = Math.Max(generation, origin.Generation);
            // One that is behind by a period begins anew.
            if (origin.End.Period != best.End.Period || origin.End.Renditions.Count != tails.Length)
                continue;
            first = Math.Max(first, origin.End.FirstSegment);
            for (var i = 0; i < tails.Length; i++)
            {
                if (IsFurther(origin.End.Renditions[i], tails[i]))
                    tails[i] = origin.End.Renditions[i];
            }
        }
        return best with { Generation = generation, End = new PushResume(best.End.Period, first, tails) };
    }

    private static bool IsFurther(RenditionTail tail, RenditionTail than)
    {
        if (tail.NextSegment != than.NextSegment)
            return tail.NextSegment > than.NextSegment;
        if (tail.Segments is not [.., var last])
            return false;
        // With as many parts one may know of the end, and another not yet.
        return than.Segments is not [.., var other] || last.Parts > other.Parts || (last.Parts == other.Parts && last.DurationTicks > other.DurationTicks);
    }
}
