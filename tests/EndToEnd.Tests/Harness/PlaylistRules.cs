namespace Millrace.EndToEnd.Tests.Harness;

/// <summary>What draft-pantos-hls-rfc8216bis and DESIGN ask of a live playlist, and of one that follows another.</summary>
internal static class PlaylistRules
{
    private const double Rounding = 0.0011;

    /// <summary>One text by itself.</summary>
    /// <param name="playlist">The text.</param>
    /// <param name="mayBreak">Its encoder may have died in mid-segment: a segment lasts up to the next one and holds what came of it.</param>
    public static void Check(HlsMediaPlaylist playlist, bool mayBreak = false)
    {
        try
        {
            CheckHead(playlist);
            CheckSegments(playlist);
            CheckParts(playlist, mayBreak);
        }
        catch (Exception fault) when (fault is not InvalidDataException)
        {
            throw new InvalidDataException($"{fault.Message}\n{playlist.Text}", fault);
        }
    }

    /// <summary>A later text of the same playlist: nothing said before is taken back (§6.2.1).</summary>
    public static void CheckSuccessor(HlsMediaPlaylist before, HlsMediaPlaylist after)
    {
        try
        {
            Assert.Equal(before.TargetDuration, after.TargetDuration);
            Assert.Equal(before.PartTarget, after.PartTarget);
            Assert.Equal(before.ServerControl, after.ServerControl);
            Assert.Equal(before.Version, after.Version);
            Assert.True(after.MediaSequence >= before.MediaSequence, $"The media sequence went from {before.MediaSequence} to {after.MediaSequence}.");
            Assert.True(Position(after) >= Position(before), "The playlist went backwards.");

            foreach (var old in before.Segments.Where(segment => segment.Number >= after.MediaSequence + after.Skipped))
            {
                var now = after.Segment(old.Number);
                Assert.Equal(old.Uri, now.Uri);
                Assert.Equal(old.Duration, now.Duration);
                Assert.Equal(old.IsDiscontinuity, now.IsDiscontinuity);
                Assert.Equal(old.IsGap, now.IsGap);
                Assert.Equal(old.Map, now.Map ?? (after.Skipped > 0 ? old.Map : null));
                if (old.ProgramDateTime is { } then && now.ProgramDateTime is { } date)
                    Assert.Equal(then, date);
                if (now.Parts.Count > 0)
                    Assert.Equal(old.Parts, now.Parts);
            }

            // Parts of the segment that was running are still its first parts.
            var running = after.NextSegment > before.NextSegment
                ? after.Segment(before.NextSegment).Parts
                : after.OpenParts;
            if (running.Count > 0 || after.NextSegment == before.NextSegment)
            {
                Assert.True(running.Count >= before.OpenParts.Count, "Parts went away.");
                Assert.Equal(before.OpenParts, running.Take(before.OpenParts.Count));
            }

            // A hint is a promise; only where the segment turned out to end there it may come to nothing.
            if (before.Hint is { } hint && Position(after) > Position(before) && after.NextSegment == before.NextSegment)
                Assert.Contains(hint, after.OpenParts.Select(part => part.Uri));
            else if (before.Hint is { } last && before.OpenParts.Count == 0 && after.NextSegment == before.NextSegment + 1 && running.Count > 0)
                Assert.Equal(last, running[0].Uri);

            // §6.2.2: the discontinuity sequence counts the tags that left the window.
            var left = before.Segments.Where(segment => segment.Number < after.MediaSequence).Count(segment => segment.IsDiscontinuity);
            if (before.Skipped == 0 && after.MediaSequence <= before.NextSegment)
                Assert.Equal(before.DiscontinuitySequence + left, after.DiscontinuitySequence);
        }
        catch (Exception fault) when (fault is not InvalidDataException)
        {
            throw new InvalidDataException($"{fault.Message}\n--- before\n{before.Text}\n--- after\n{after.Text}", fault);
        }
    }

    private static long Position(HlsMediaPlaylist playlist) => (playlist.NextSegment * 10_000) + playlist.OpenParts.Count;

    private static void CheckHead(HlsMediaPlaylist playlist)
    {
        Assert.True(playlist.Version >= (playlist.Skipped > 0 ? 9 : 6), "EXT-X-VERSION is too low.");
        Assert.True(playlist.TargetDuration >= 1);
        Assert.True(playlist.PartTarget > 0, "PART-TARGET is missing.");
        Assert.True(playlist.CanBlockReload, "CAN-BLOCK-RELOAD is missing.");
        // §4.4.3.8: at least three target durations, at least two (better three) part targets, six target durations.
        Assert.True(playlist.HoldBack >= 3 * playlist.TargetDuration, "HOLD-BACK is too short.");
        Assert.True(playlist.PartHoldBack >= 3 * playlist.PartTarget - Rounding, "PART-HOLD-BACK is too short.");
        Assert.True(playlist.CanSkipUntil >= 6 * playlist.TargetDuration, "CAN-SKIP-UNTIL is too short.");
        if (playlist.Ended)
        {
            Assert.Null(playlist.Hint);
            Assert.Empty(playlist.OpenParts);
        }
        else
        {
            Assert.NotNull(playlist.Hint);
        }
    }

    private static void CheckSegments(HlsMediaPlaylist playlist)
    {
        var seen = new HashSet<string>();
        DateTimeOffset? expected = null;
        var first = true;
        foreach (var segment in playlist.Segments)
        {
            Assert.True(Math.Round(segment.Duration, MidpointRounding.AwayFromZero) <= playlist.TargetDuration, $"Segment {segment.Number} is longer than the target duration.");
            // A delta update leaves out the skipped segments' tags as well.
            Assert.True(segment.Map is not null || playlist.Skipped > 0, $"Segment {segment.Number} has no EXT-X-MAP.");
            Assert.True(seen.Add(segment.Uri!), $"{segment.Uri} stands twice.");
            // DESIGN: on the first segment and behind each discontinuity at least.
            if (playlist.Skipped == 0 && (first || segment.IsDiscontinuity))
                Assert.True(segment.ProgramDateTime is not null, $"Segment {segment.Number} has no EXT-X-PROGRAM-DATE-TIME.");
            if (segment.ProgramDateTime is { } date)
            {
                if (expected is { } due && !segment.IsDiscontinuity)
                    Assert.True((date - due).Duration() < TimeSpan.FromMilliseconds(50), $"Segment {segment.Number}: PROGRAM-DATE-TIME {date:O} is not where {due:O} was expected.");
                expected = date;
            }
            expected += TimeSpan.FromSeconds(segment.Duration);
            first = false;
        }
    }

    private static void CheckParts(HlsMediaPlaylist playlist, bool mayBreak)
    {
        // The last three target durations carry their parts (§4.4.4.9), the older ones need not.
        var behind = playlist.OpenParts.Sum(part => part.Duration);
        for (var index = playlist.Segments.Count - 1; index >= 0; index--)
        {
            var segment = playlist.Segments[index];
            if (segment.Parts.Count > 0)
            {
                var filled = segment.Parts.Sum(part => part.Duration);
                if (mayBreak && filled < segment.Duration)
                    continue;
                Assert.Equal(segment.Duration, filled, 0.002 * segment.Parts.Count);
                CheckLengths(playlist, segment.Parts, lastMayBeShort: true);
            }
            else if (!playlist.Ended && !segment.IsGap)
            {
                Assert.True(behind + segment.Duration >= 3 * playlist.TargetDuration - Rounding, $"Segment {segment.Number} is near the live edge and has no parts.");
            }
            behind += segment.Duration;
        }
        CheckLengths(playlist, playlist.OpenParts, lastMayBeShort: false);
        var names = playlist.Segments.SelectMany(segment => segment.Parts).Concat(playlist.OpenParts).Select(part => part.Uri).ToList();
        Assert.Equal(names.Count, names.Distinct().Count());
        Assert.DoesNotContain(playlist.Hint, names);
    }

    private static void CheckLengths(HlsMediaPlaylist playlist, IReadOnlyList<HlsPart> parts, bool lastMayBeShort)
    {
        for (var index = 0; index < parts.Count; index++)
        {
            Assert.True(parts[index].Duration <= playlist.PartTarget + Rounding, $"{parts[index].Uri} is longer than PART-TARGET.");
            // The last part of a running segment may turn out to be its last.
            if (index < parts.Count - 1)
                Assert.True(parts[index].Duration >= 0.85 * playlist.PartTarget - Rounding, $"{parts[index].Uri} is shorter than 85 % of PART-TARGET.");
            else
                Assert.True(lastMayBeShort || parts[index].Duration > 0);
        }
    }
}
