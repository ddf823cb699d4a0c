using System.Globalization;
using Millrace.Core;
using Millrace.Media;

namespace Millrace.Transcoding;

/// <summary>Where a restarted child goes on: it is fed from an earlier key frame, and gives out only what comes behind.</summary>
/// <param name="Video">Presentation time of the last picture that was given out; null gives out all.</param>
/// <param name="Audio">Presentation time at which the audio that was given out ends; null gives out all.</param>
/// <param name="Origin">Presentation time of the very first picture that was given out: forced key frames keep their distance to it.</param>
public readonly record struct ContinueAfter(MediaTime? Video, MediaTime? Audio, MediaTime? Origin = null);

/// <summary>
/// The command line of one child: fragmented MP4 in on standard input, every rung as a track of one fragmented MP4 on standard
/// output, frame by frame. A pure function of its arguments; docs/decisions has the measurements behind it.
/// </summary>
public static class FfmpegArguments
{
    /// <summary>
    /// Seconds that are added to every time on the way in and taken off on the way out: an audio encoder's first frame lies
    /// before its input's begin, and no time in a file can be negative.
    /// </summary>
    internal const int LeadSeconds = 10;

    /// <summary>The arguments, one a string, without the program.</summary>
    /// <param name="plan">Not empty.</param>
    /// <param name="encoders">Software or a hardware profile.</param>
    /// <param name="continueAfter">For a restart.</param>
    public static IReadOnlyList<string> Build(LadderPlan plan, EncoderProfile encoders, ContinueAfter continueAfter = default)
    {
        ArgumentNullException.ThrowIfNull(plan);
        ArgumentNullException.ThrowIfNull(encoders);
        if (plan.IsEmpty)
            throw new ArgumentException("There is nothing to make.", nameof(plan));
        var usesDevice = plan.Video.Any(rung => encoders.IsInHardware(rung.Codec));
        var arguments = new List<string>
        {
            "-hide_banner", "-nostats", "-loglevel", "level+warning", "-copyts",
        };
        if (usesDevice)
            arguments.AddRange(encoders.DeviceOptions);
        // One decoder thread: each further one keeps a frame back. The probe ends with the first frame, not after seconds.
        arguments.AddRange(["-f", "mp4", "-probesize", "500000", "-fpsprobesize", "0", "-threads", "1", "-i", "pipe:0"]);
        arguments.AddRange(["-filter_complex", Filters(plan, encoders, continueAfter)]);
        for (var i = 0; i < plan.Video.Count; i++)
            arguments.AddRange(["-map", Text($"[v{i}]")]);
        if (plan.Audio is not null)
            arguments.AddRange(["-map", "[a]"]);
        if (plan.Video.Count > 0)
        {
            arguments.AddRange(["-fps_mode", "passthrough", "-enc_time_base:v", Text($"1/{VideoFormat.VideoTimescale}"), "-force_key_frames:v", plan.IsNormalized
                ? Text($"expr:if(isnan(prev_forced_t),1,gt({Cell("t", plan, continueAfter)},{Cell("prev_forced_t", plan, continueAfter)}))")
                : "source"]);
            for (var i = 0; i < plan.Video.Count; i++)
                arguments.AddRange(EncoderOptions(i, plan.Video[i], encoders.EncoderOf(plan.Video[i].Codec)));
        }
        if (plan.Audio is { } audio)
            arguments.AddRange(["-c:a", "aac", "-b:a", Text($"{audio.BitsPerSecond}")]);
        arguments.AddRange(
        [
            "-map_metadata", "-1", "-f", "mp4",
            // A fragment ends with its track's next frame. (frag_every_frame ends it with any track's, and then guesses times.)
            // skip_trailer: without it the muxer remembers every fragment for an index at the end. libaom tells its
            // configuration with its first frame, so moov waits for that.
            "-movflags", "+empty_moov+default_base_moof+frag_custom+frag_discont+skip_trailer"
                + (plan.Video.Any(rung => rung.Codec == Codec.Av1) ? "+delay_moov" : ""),
            "-frag_duration", "1", "-use_editlist", "0",
        ]);
        if (plan.Video.Count > 0)
            arguments.AddRange(["-video_track_timescale", Text($"{VideoFormat.VideoTimescale}")]);
        // Pictures wait for sound, and sound for pictures, half a second at most. Rungs of one source have nothing to wait for.
        if (plan.Audio is not null && plan.Video.Count > 0)
            arguments.AddRange(["-max_interleave_delta", "500000", "-max_muxing_queue_size", "4096"]);
        arguments.AddRange(
        [
            "-avoid_negative_ts", "disabled", "-muxdelay", "0", "-muxpreload", "0", "-flush_packets", "1", "pipe:1",
        ]);
        return arguments;
    }

    /// <summary>The encoder of one rung and everything that is said to it.</summary>
    internal static List<string> EncoderOptions(int index, VideoRung rung, VideoEncoder encoder)
    {
        var arguments = new List<string> { Text($"-c:v:{index}"), encoder.Name };
        if (encoder.TakesPreset is { } preset)
            arguments.AddRange([Text($"-{preset}:v:{index}"), rung.Preset]);
        foreach (var (option, value) in encoder.Options)
        {
            arguments.Add(Text($"-{option}:v:{index}"));
            arguments.Add(value.Replace("{level}", rung.Level.Text, StringComparison.Ordinal)
                .Replace("{threads}", Text($"{Threads(rung)}"), StringComparison.Ordinal));
        }
        if (encoder.Level == LevelForm.Text)
            arguments.AddRange([Text($"-level:v:{index}"), rung.Level.Text]);
        else if (encoder.Level == LevelForm.Number)
            arguments.AddRange([Text($"-level:v:{index}"), Text($"{(rung.Codec == Codec.Hevc ? rung.Level.Number * 3 : rung.Level.Number)}")]);
        // Key frames come where they are told, and nowhere else: no limit on the distance that a stream could reach.
        arguments.AddRange([Text($"-g:v:{index}"), "9999", Text($"-bf:v:{index}"), "0"]);
        foreach (var option in (ReadOnlySpan<string>)["b", "maxrate", "bufsize"])
            arguments.AddRange([Text($"-{option}:v:{index}"), Text($"{rung.BitsPerSecond}")]);
        return arguments;
    }

    // More threads make slices of a picture, which costs bits; one carries 480p at 60 frames a second on any machine of today.
    private static int Threads(VideoRung rung) => (rung.Width * rung.Height) switch { <= 500_000 => 1, <= 1_000_000 => 2, _ => 4 };

    private static string Filters(LadderPlan plan, EncoderProfile encoders, ContinueAfter continueAfter)
    {
        var chains = new List<string>();
        if (plan.Video.Count > 0)
        {
            // 1. What was given out already ends here, in front of everything that costs.
            var after = continueAfter.Video is { } video ? Text($"trim=start_pts={video.In(VideoFormat.VideoTimescale).Ticks + LeadSeconds * VideoFormat.VideoTimescale + 1}") : null;
            // 2. Scaled once per size.
            var sizes = plan.Video.Select((rung, index) => (rung, index)).GroupBy(item => (item.rung.Width, item.rung.Height, item.rung.Announced.SampleAspectRatio)).ToList();
            chains.Add(Chain("[0:v:0]", [after, sizes.Count > 1 ? Text($"split={sizes.Count}") : null],
                string.Concat(sizes.Select((_, size) => Text($"[s{size}]")))));
            for (var size = 0; size < sizes.Count; size++)
            {
                var rungs = sizes[size].ToList();
                var every = rungs[0].rung.KeepsEvery;
                var same = rungs.TrueForAll(item => item.rung.KeepsEvery == every);
                var (width, height, (horizontal, vertical)) = sizes[size].Key;
                var scale = Text($"scale={width}:{height},setsar={(horizontal == vertical ? "1" : $"{horizontal}/{vertical}")}");
                if (rungs.Count == 1)
                {
                    chains.Add(Chain(Text($"[s{size}]"), [Thinning(plan, every, continueAfter), scale, Last(rungs[0].rung, encoders)], Text($"[v{rungs[0].index}]")));
                    continue;
                }
                // 3. Rungs of one size part behind it.
                chains.Add(Chain(Text($"[s{size}]"), [same ? Thinning(plan, every, continueAfter) : null, scale, Text($"split={rungs.Count}")],
                    string.Concat(rungs.Select(item => Text($"[w{item.index}]")))));
                foreach (var (rung, index) in rungs)
                    chains.Add(Chain(Text($"[w{index}]"), [same ? null : Thinning(plan, rung.KeepsEvery, continueAfter), Last(rung, encoders)], Text($"[v{index}]")));
            }
        }
        if (plan.Audio is not null)
        {
            var timescale = plan.Source.Audio!.Timescale;
            var after = continueAfter.Audio is { } audio ? Text($"atrim=start_pts={audio.In(timescale).Ticks + LeadSeconds * timescale}") : null;
            // async=1 fills holes with silence, so that the frames of AAC keep their times.
            chains.Add(Chain("[0:a:0]", [after, Text($"aresample={AudioRung.SampleRate}:async=1"), "aformat=sample_fmts=fltp:channel_layouts=stereo"], "[a]"));
        }
        return string.Join(';', chains);
    }

    private static string Last(VideoRung rung, EncoderProfile encoders) =>
        encoders.IsInHardware(rung.Codec) ? encoders.LastFilter : EncoderProfile.Software.LastFilter;

    /// <summary>Drops frames by their times, so that those that stay keep theirs; never a key frame, nor one that becomes one.</summary>
    private static string? Thinning(LadderPlan plan, int every, ContinueAfter continueAfter)
    {
        if (every <= 1)
            return null;
        var key = plan.IsNormalized ? $"gt({Cell("t-start_t", plan, continueAfter)},{Cell("prev_selected_t-start_t", plan, continueAfter)})" : "key";
        // In quotes, because commas part filters.
        return Text($"select='isnan(prev_selected_t)+{key}+gte(t-prev_selected_t,{(every - 0.5) / Rate(plan):0.######})'");
    }

    /// <summary>
    /// Which segment a time is in that counts from the child's first picture. A restarted child's first picture comes one frame
    /// behind the last one that was given out, or nearly so; all rungs have the same one.
    /// </summary>
    private static string Cell(string time, LadderPlan plan, ContinueAfter continueAfter)
    {
        var phase = continueAfter is { Video: { } last, Origin: { } origin } ? (last - origin).Seconds + 1 / Rate(plan) : 0;
        // A little more, for times that are not quite what they should be.
        return Text($"floor(({time}+{phase % plan.Source.SegmentSeconds + 0.0005:0.####})/{plan.Source.SegmentSeconds:0.######})");
    }

    private static double Rate(LadderPlan plan) => plan.Source.FramesPerSecond is > 0 and <= 1000 ? plan.Source.FramesPerSecond : 30;

    private static string Chain(string input, IEnumerable<string?> filters, string output) =>
        input + string.Join(',', filters.OfType<string>().DefaultIfEmpty("null")) + output;

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
