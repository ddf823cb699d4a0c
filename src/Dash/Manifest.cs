using System.Buffers;
using Millrace.Core;
using Millrace.Media;
using Millrace.Timeline;

namespace Millrace.Dash;

/// <summary>
/// Writes the manifest of a broadcast: ISO/IEC 23009-1 live profile with SegmentTimeline, low latency while it is on air,
/// static once it is over. A pure function of its arguments: the same snapshot gives the same bytes.
/// </summary>
/// <remarks>
/// The running segment is listed with a predicted duration, which the next manifest corrects; it is fetched part by part as it
/// is made (availabilityTimeComplete="false"). Period@start is wall-clock time since the fixed availabilityStartTime, so a
/// publisher's absence leaves a hole between two Periods and the live edge stays at now.
/// </remarks>
public static class Manifest
{
    /// <summary>
    /// The derived rendition that a broadcast's first manifest should be held for, or null: it may be about to bring the first
    /// segment, and is known to have none of it otherwise. A player that joins before does not look for it until the next Period.
    /// </summary>
    public static RenditionSnapshot? AwaitedBy(BroadcastSnapshot broadcast)
    {
        if (broadcast.IsEnded || broadcast.IsSuspended || broadcast.PeriodCount != 1)
            return null;
        var period = broadcast.Periods[0];
        foreach (var rendition in broadcast.Renditions)
        {
            if (rendition.Track is { Format: not null, IsDerived: true } && rendition.Name != period.Leader
                && rendition.Running is null && rendition.NextSegment == period.FirstSegment)
            {
                return rendition;
            }
        }
        return null;
    }

    /// <summary>The manifest as bytes that the caller owns.</summary>
    public static byte[] Write(BroadcastSnapshot broadcast, ManifestOptions options)
    {
        var output = new ArrayBufferWriter<byte>(4096);
        Write(broadcast, options, output);
        return output.WrittenSpan.ToArray();
    }

    /// <summary>Appends the manifest to <paramref name="output"/>. Throws unless <see cref="BroadcastSnapshot.HasMedia"/>.</summary>
    public static void Write(BroadcastSnapshot broadcast, ManifestOptions options, IBufferWriter<byte> output)
    {
        var periods = ManifestPeriod.Cut(broadcast, options.Window);
        // A window full of gaps: better an old segment than no manifest.
        if (periods.Count == 0)
            periods = ManifestPeriod.Cut(broadcast, null);
        if (periods.Count == 0)
            throw new InvalidOperationException("A broadcast without media has no manifest.");
        var writer = new Utf8Writer(output);
        var origin = broadcast.Periods[0].WallClock;
        WriteHeader(ref writer, broadcast, options, periods, origin);
        foreach (var period in periods)
            WritePeriod(ref writer, broadcast, options, period, origin);
        if (!broadcast.IsEnded)
            WriteTiming(ref writer, options);
        if (options.Steering is { } steering)
            WriteSteering(ref writer, steering);
        writer.Write("</MPD>\n"u8);
        writer.Flush();
    }

    private static void WriteHeader(
        ref Utf8Writer writer, BroadcastSnapshot broadcast, ManifestOptions options, List<ManifestPeriod> periods,
        DateTimeOffset origin)
    {
        var target = TimeSpan.FromSeconds(broadcast.Contract.TargetDuration);
        writer.Write("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<MPD xmlns=\"urn:mpeg:dash:schema:mpd:2011\""u8);
        writer.Write(" profiles=\"urn:mpeg:dash:profile:isoff-live:2011\" type=\""u8);
        if (broadcast.IsEnded)
        {
            writer.Write("static\" mediaPresentationDuration=\""u8);
            writer.WriteDuration(EndOf(periods) - origin);
        }
        else
        {
            writer.Write("dynamic\" availabilityStartTime=\""u8);
            writer.Write(origin);
            // When the content last changed; taken from the media, for the same snapshot gives the same bytes.
            writer.Write("\" publishTime=\""u8);
            writer.Write(EndOf(periods));
            // Half a segment: late enough to be cheap, soon enough that a new segment is known while it still runs.
            writer.Write("\" minimumUpdatePeriod=\""u8);
            writer.WriteDuration(target / 2);
            if (options.Window is { } window)
            {
                writer.Write("\" timeShiftBufferDepth=\""u8);
                writer.WriteDuration(window);
            }
            writer.Write("\" suggestedPresentationDelay=\""u8);
            writer.WriteDuration(target * 3);
        }
        writer.Write("\" maxSegmentDuration=\""u8);
        writer.WriteDuration(target);
        writer.Write("\" minBufferTime=\""u8);
        writer.WriteDuration(target);
        writer.Write("\">\n"u8);
        if (options.Steering is { } steering)
            WriteLocations(ref writer, steering, isLive: !broadcast.IsEnded);
        if (broadcast.IsEnded)
            return;
        var latency = (long)(options.Latency ?? target + 3 * broadcast.Contract.PartTarget.ToTimeSpan()).TotalMilliseconds;
        writer.Write("<ServiceDescription id=\"0\"><Latency referenceId=\"0\" target=\""u8);
        writer.Write(latency);
        writer.Write("\" min=\""u8);
        writer.Write(latency * 3 / 4);
        writer.Write("\" max=\""u8);
        writer.Write(latency * 2);
        writer.Write("\"/><PlaybackRate min=\"0.96\" max=\"1.04\"/></ServiceDescription>\n"u8);
    }

    /// <summary>Where the media lies, and while it grows the manifest: first where this one came from, then the others.</summary>
    private static void WriteLocations(ref Utf8Writer writer, ManifestSteering steering, bool isLive)
    {
        writer.Write("<BaseURL serviceLocation=\""u8);
        writer.Write(steering.Own);
        writer.Write("\">./</BaseURL>\n"u8);
        foreach (var location in steering.Locations)
        {
            writer.Write("<BaseURL serviceLocation=\""u8);
            writer.Write(location.Name);
            writer.Write("\">"u8);
            writer.Write(location.BaseUrl);
            writer.Write("</BaseURL>\n"u8);
        }
        if (!isLive)
            return;
        writer.Write("<Location serviceLocation=\""u8);
        writer.Write(steering.Own);
        writer.Write("\">manifest.mpd</Location>\n"u8);
        foreach (var location in steering.Locations)
        {
            writer.Write("<Location serviceLocation=\""u8);
            writer.Write(location.Name);
            writer.Write("\">"u8);
            writer.Write(location.ManifestUrl);
            writer.Write("</Location>\n"u8);
        }
    }

    private static void WriteSteering(ref Utf8Writer writer, ManifestSteering steering)
    {
        writer.Write("<ContentSteering defaultServiceLocation=\""u8);
        writer.Write(steering.Own);
        writer.Write("\" queryBeforeStart=\"true\">"u8);
        writer.Write(steering.ServerUrl);
        writer.Write("</ContentSteering>\n"u8);
    }

    private static void WritePeriod(
        ref Utf8Writer writer, BroadcastSnapshot broadcast, ManifestOptions options, ManifestPeriod period, DateTimeOffset origin)
    {
        writer.Write("<Period id=\"p"u8);
        writer.Write(period.Run.FirstSegment);
        writer.Write("\" start=\""u8);
        writer.WriteDuration(period.WallClock - origin);
        writer.Write("\">\n"u8);
        // Representations of one set can be switched: same kind, same coding.
        var sets = new List<TrackFormat>();
        foreach (var track in period.Tracks)
        {
            if (!sets.Exists(known => IsSwitchable(known, Format(track))))
                sets.Add(Format(track));
        }
        for (var id = 0; id < sets.Count; id++)
            WriteAdaptationSet(ref writer, broadcast, options, period, sets, id);
        writer.Write("</Period>\n"u8);
    }

    private static void WriteAdaptationSet(
        ref Utf8Writer writer, BroadcastSnapshot broadcast, ManifestOptions options, ManifestPeriod period, List<TrackFormat> sets, int id)
    {
        var format = sets[id];
        var isAudio = format.Kind == MediaKind.Audio;
        writer.Write("<AdaptationSet id=\""u8);
        writer.Write(id);
        writer.Write(isAudio ? "\" contentType=\"audio\" mimeType=\"audio/mp4\""u8 : "\" contentType=\"video\" mimeType=\"video/mp4\""u8);
        writer.Write(" segmentAlignment=\"true\""u8);
        if (format is VideoFormat first)
            WriteBounds(ref writer, period, first);
        if (period.Tracks.TrueForAll(track => !IsSwitchable(Format(track), format) || track.Segments.TrueForAll(segment => segment.IsIndependent)))
            writer.Write(" startWithSAP=\"1\""u8);
        writer.Write(">\n"u8);
        WriteSwitching(ref writer, sets, id);
        if (!broadcast.IsEnded)
        {
            // The prft box of every chunk says the same, by the same clock. Its own UTCTiming says how to read the time
            // (§5.12.2): without one Shaka Player takes it for an NTP number, and live for the year 1900.
            writer.Write("<ProducerReferenceTime id=\"0\" type=\"encoder\" inband=\"true\" wallClockTime=\""u8);
            writer.Write(period.WallClock);
            writer.Write("\" presentationTime=\""u8);
            writer.Write(period.Run.Start.In(format.Timescale).Ticks);
            writer.Write("\">"u8);
            WriteClock(ref writer, options);
            writer.Write("</ProducerReferenceTime>\n"u8);
        }
        foreach (var track in period.Tracks)
        {
            if (IsSwitchable(Format(track), format))
                WriteRepresentation(ref writer, broadcast, options, period, track.Rendition, track.Segments);
        }
        writer.Write("</AdaptationSet>\n"u8);
    }

    /// <summary>Of a set with a choice: its largest picture, and the shape that they share.</summary>
    private static void WriteBounds(ref Utf8Writer writer, ManifestPeriod period, VideoFormat first)
    {
        int count = 0, width = 0, height = 0;
        foreach (var track in period.Tracks)
        {
            if (!IsSwitchable(Format(track), first))
                continue;
            var video = (VideoFormat)Format(track);
            count++;
            (width, height) = (Math.Max(width, video.Width), Math.Max(height, video.Height));
        }
        if (count < 2)
            return;
        var (horizontal, vertical) = ((long)first.Width * first.SampleAspectRatio.Horizontal, (long)first.Height * first.SampleAspectRatio.Vertical);
        var (divisor, rest) = (horizontal, vertical);
        while (rest > 0)
            (divisor, rest) = (rest, divisor % rest);
        writer.Write(" maxWidth=\""u8);
        writer.Write(width);
        writer.Write("\" maxHeight=\""u8);
        writer.Write(height);
        writer.Write("\" par=\""u8);
        writer.Write(horizontal / divisor);
        writer.Write(":"u8);
        writer.Write(vertical / divisor);
        writer.Write("\""u8);
    }

    /// <summary>
    /// The other video sets, whose segments have the same numbers and begin within a frame of this one's (DASH-IF IOP, switching
    /// across Adaptation Sets).
    /// </summary>
    private static void WriteSwitching(ref Utf8Writer writer, List<TrackFormat> sets, int id)
    {
        var isFirst = true;
        for (var other = 0; other < sets.Count; other++)
        {
            if (other == id || sets[id].Kind != MediaKind.Video || sets[other].Kind != MediaKind.Video)
                continue;
            writer.Write(isFirst ? "<SupplementalProperty schemeIdUri=\"urn:mpeg:dash:adaptation-set-switching:2016\" value=\""u8 : ","u8);
            writer.Write(other);
            isFirst = false;
        }
        if (!isFirst)
            writer.Write("\"/>\n"u8);
    }

    private static void WriteRepresentation(
        ref Utf8Writer writer, BroadcastSnapshot broadcast, ManifestOptions options, ManifestPeriod period,
        RenditionSnapshot rendition, List<Segment> segments)
    {
        var track = segments[0].Track;
        writer.Write("<Representation id=\""u8);
        writer.Write(rendition.Name);
        writer.Write("\" bandwidth=\""u8);
        writer.Write(Math.Max(1, rendition.Rates.PeakBitsPerSecond));
        writer.Write("\" codecs=\""u8);
        writer.Write(track.Format!.CodecString);
        switch (track.Format)
        {
            case VideoFormat video:
                writer.Write("\" width=\""u8);
                writer.Write(video.Width);
                writer.Write("\" height=\""u8);
                writer.Write(video.Height);
                writer.Write("\" sar=\""u8);
                writer.Write(video.SampleAspectRatio.Horizontal);
                writer.Write(":"u8);
                writer.Write(video.SampleAspectRatio.Vertical);
                if (rendition.Rates.FramesPerSecond > 0)
                {
                    writer.Write("\" frameRate=\""u8);
                    writer.WriteFrameRate(rendition.Rates.FramesPerSecond);
                }
                writer.Write("\">\n"u8);
                break;
            case AudioFormat audio:
                writer.Write("\" audioSamplingRate=\""u8);
                writer.Write(audio.SampleRate);
                writer.Write("\">\n<AudioChannelConfiguration schemeIdUri=\"urn:mpeg:dash:23003:3:audio_channel_configuration:2011\" value=\""u8);
                // ChannelConfiguration of ISO/IEC 23091-3: 1 to 6 count channels, 11 is 6.1, 12 is 7.1.
                writer.Write(audio.Channels switch { 7 => 11, 8 => 12, var channels => channels });
                writer.Write("\"/>\n"u8);
                break;
        }
        WriteTemplate(ref writer, broadcast, options, period, track, segments);
        writer.Write("</Representation>\n"u8);
    }

    private static void WriteTemplate(
        ref Utf8Writer writer, BroadcastSnapshot broadcast, ManifestOptions options, ManifestPeriod period, PeriodTrack track,
        List<Segment> segments)
    {
        var timescale = track.Format!.Timescale;
        writer.Write("<SegmentTemplate timescale=\""u8);
        writer.Write(timescale);
        writer.Write("\" presentationTimeOffset=\""u8);
        writer.Write(period.Run.Start.In(timescale).Ticks);
        writer.Write("\" startNumber=\""u8);
        writer.Write(segments[0].Number);
        writer.Write("\" initialization=\""u8);
        writer.Write(options.BasePath);
        writer.Write("$RepresentationID$/"u8);
        writer.Write(track.Init);
        writer.Write("-init.mp4\" media=\""u8);
        writer.Write(options.BasePath);
        writer.Write("$RepresentationID$/$Number$.m4s\""u8);
        if (!broadcast.IsEnded)
        {
            writer.Write(" availabilityTimeOffset=\""u8);
            writer.WriteDecimal(AvailabilityOffset(broadcast.Contract, segments), 3);
            writer.Write("\" availabilityTimeComplete=\"false\""u8);
        }
        writer.Write(">\n<SegmentTimeline>\n"u8);
        SegmentTimeline.Write(ref writer, segments, broadcast.Contract);
        writer.Write("</SegmentTimeline>\n</SegmentTemplate>\n"u8);
    }

    /// <summary>How long before its end a segment can be asked for, in milliseconds: once its first part is there.</summary>
    private static long AvailabilityOffset(TimelineContract contract, List<Segment> segments)
    {
        var shortest = (double)contract.TargetDuration;
        foreach (var segment in segments)
        {
            // A broadcast's first segment is as short as its first GOP and says nothing about those to come.
            if (segment.IsComplete && segment.Number > segment.Track.Period.FirstSegment)
                shortest = Math.Min(shortest, segment.Duration.Seconds);
        }
        return Math.Max(0, (long)((shortest - contract.PartTarget.Seconds) * 1000));
    }

    private static void WriteTiming(ref Utf8Writer writer, ManifestOptions options)
    {
        WriteClock(ref writer, options);
        writer.Write("\n"u8);
        if (options.Now is not { } now)
            return;
        writer.Write("<UTCTiming schemeIdUri=\"urn:mpeg:dash:utc:direct:2014\" value=\""u8);
        writer.Write(now);
        writer.Write("\"/>\n"u8);
    }

    private static void WriteClock(ref Utf8Writer writer, ManifestOptions options)
    {
        writer.Write("<UTCTiming schemeIdUri=\"urn:mpeg:dash:utc:http-iso:2014\" value=\""u8);
        writer.Write(options.TimeUrl);
        writer.Write("\"/>"u8);
    }

    private static TrackFormat Format((RenditionSnapshot Rendition, List<Segment> Segments) track) => track.Segments[0].Track.Format!;

    private static bool IsSwitchable(TrackFormat one, TrackFormat other) => one.Kind == other.Kind && one.Codec == other.Codec;

    private static DateTimeOffset EndOf(List<ManifestPeriod> periods)
    {
        var end = periods[^1].WallClock;
        foreach (var (_, segments) in periods[^1].Tracks)
        {
            if (periods[^1].Period.WallClockAt(segments[^1].End) is var last && last > end)
                end = last;
        }
        return end;
    }
}
