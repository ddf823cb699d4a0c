using System.Globalization;
using Millrace.Media;

namespace Millrace.Transcoding;

/// <summary>Decides which renditions a source gets. A pure function of its arguments.</summary>
public static class Ladder
{
    // The heights of `auto`, and what 25 to 30 frames a second of AVC veryfast need there to look well.
    private static readonly (int Height, long Bits)[] Usual =
        [(2160, 14_000_000), (1440, 8_000_000), (1080, 4_500_000), (720, 2_500_000), (480, 1_200_000), (360, 700_000), (160, 230_000)];

    // A rung must be so much smaller than the source, in height and in bitrate, to be of use to whom the source is too much.
    private const double NearHeight = 0.8;
    private const double NearBits = 0.7;

    // Half more frames than usual need not half more bits.
    private const double HighRateBits = 1.4;

    /// <summary>The renditions for a source.</summary>
    /// <param name="source">What is known of it.</param>
    /// <param name="options">What the operator wants; valid by <see cref="TranscodingOptions.Check"/>.</param>
    /// <param name="channel">The channel's name, for its own ladder; null takes the common one.</param>
    public static LadderPlan Derive(SourceFacts source, TranscodingOptions options, string? channel = null)
    {
        ArgumentNullException.ThrowIfNull(source);
        ArgumentNullException.ThrowIfNull(options);
        var notes = new List<string>();
        if (!LadderText.TryParse(options.LadderOf(channel), out var mode, out var specs, out var faults))
            notes.AddRange(faults.Select(fault => "Transcoding:Ladder: " + fault));
        var rungs = new List<VideoRung>();
        string? reason = null;
        if (source.Video is { } video && Fits(source, video, notes, out var picture))
        {
            reason = NormalizeReason(source, video, options.Source, mode);
            if (reason is not null)
                rungs.Add(TopRung(source, picture));
            foreach (var spec in mode == LadderMode.Auto ? AutoSpecs(source, picture) : specs)
            {
                if (spec.Height > picture.Most)
                    notes.Add(Text($"{NameOf(spec.Codec, spec.Height)} is left out: the source has only {(picture.Most < picture.ShortSide ? $"pixels for {picture.Most}" : $"{picture.ShortSide}")} rows."));
                else if (rungs.Find(rung => rung.Name == NameOf(spec.Codec, spec.Height)) is null)
                    rungs.Add(Make(spec, picture.At(spec.Height), (1, 1), source));
            }
            rungs.Sort(reason is null ? 0 : 1, Math.Max(0, rungs.Count - (reason is null ? 0 : 1)),
                Comparer<VideoRung>.Create((a, b) => (b.Height * b.Width).CompareTo(a.Height * a.Width) is var bySize && bySize != 0 ? bySize : b.BitsPerSecond.CompareTo(a.BitsPerSecond)));
        }
        // Browsers play AAC and Opus everywhere, FLAC nearly so; the others here or there.
        var audio = mode != LadderMode.Off && source.Audio is { Codec: not (Codec.Aac or Codec.Opus) }
            ? new AudioRung("aac", 128_000, new AudioFormat(Codec.Aac, "mp4a.40.2", [], AudioRung.SampleRate, 2, 1024))
            : null;
        return new LadderPlan(source, rungs, audio, reason, notes);
    }

    internal static string NameOf(Codec codec, int height) => codec switch
    {
        Codec.Hevc => Text($"hevc-{height}p"),
        Codec.Av1 => Text($"av1-{height}p"),
        _ => Text($"{height}p"),
    };

    /// <summary>The source's size in square pixels, with the rows that it has.</summary>
    /// <param name="Width">Columns, as they are shown.</param>
    /// <param name="Height">Rows.</param>
    /// <param name="Columns">Columns that it has: fewer where its pixels are wider than high.</param>
    /// <param name="Aspect">Its pixels' width and height.</param>
    private readonly record struct Picture(double Width, double Height, int Columns, (int Horizontal, int Vertical) Aspect)
    {
        public int ShortSide => (int)Math.Round(Math.Min(Width, Height));

        /// <summary>The largest short side at which neither columns nor rows are more than the source's.</summary>
        public int Most => Math.Min(ShortSide, (int)(Math.Min(Width, Height) * Columns / Width));

        /// <summary>Even sizes with this short side and the same shape, within the source's own.</summary>
        public (int Width, int Height) At(int shortSide)
        {
            var factor = shortSide / Math.Min(Width, Height);
            return (Even(Width * factor, Columns), Even(Height * factor, (int)Height));
        }

        /// <summary>Even sizes with the source's own pixels, all of them where its short side is no more than that.</summary>
        public (int Width, int Height) Whole(int most)
        {
            var factor = Math.Min(1, most / Math.Min(Columns, Height));
            return (Even(Columns * factor, Columns), Even(Height * factor, (int)Height));
        }

        private static int Even(double size, int most) =>
            Math.Max(2, Math.Min((int)Math.Round(size / 2, MidpointRounding.AwayFromZero), most / 2) * 2);
    }

    private static bool Fits(SourceFacts source, VideoFormat video, List<string> notes, out Picture picture)
    {
        var (horizontal, vertical) = video.SampleAspectRatio;
        var aspect = horizontal > 0 && vertical > 0 ? (double)horizontal / vertical : 1;
        picture = new Picture(video.Width * aspect, video.Height, video.Width, horizontal > 0 && vertical > 0 ? (horizontal, vertical) : (1, 1));
        var ratio = picture.Width / picture.Height;
        if (ratio is > 8 or < 0.125 || picture.Most < 32)
        {
            notes.Add(Text($"No renditions are made of a picture of {video.Width}×{video.Height} with pixels of {horizontal}:{vertical}."));
            return false;
        }
        if (video.Color is { } color && color.VideoRange != "SDR")
        {
            notes.Add(Text($"No renditions are made of HDR video ({color.VideoRange}): encoded in 8 bits without tone mapping its colours would be wrong."));
            return false;
        }
        return true;
    }

    private static string? NormalizeReason(SourceFacts source, VideoFormat video, SourceMode mode, LadderMode ladder)
    {
        if (mode == SourceMode.Passthrough || ladder == LadderMode.Off)
            return null;
        if (mode == SourceMode.Normalize)
            return "Transcoding:Source is normalize.";
        if (!BrowsersPlay(video))
            return Text($"Browsers cannot be relied on to play its codec ({video.CodecString}).");
        if (source.HasUnusableKeyframes)
            return "Players cannot switch at its key frames.";
        // A tenth of leeway: encoders place key frames by their frame count.
        if (source.GopSeconds > source.TargetDurationSeconds * 1.1)
            return Text($"Its key frames are {source.GopSeconds:0.0} s apart, more than a segment may last ({source.TargetDurationSeconds} s).");
        return null;
    }

    // HEVC depends on the machine; of AVC the 10-bit, 4:2:2 and 4:4:4 profiles (6E, 7A, F4, 2C) are in no browser.
    private static bool BrowsersPlay(VideoFormat video) => video.Codec switch
    {
        Codec.Avc => !(video.CodecString.Length >= 7 && video.CodecString.AsSpan(5, 2) is var profile
            && (profile.Equals("6e", StringComparison.OrdinalIgnoreCase) || profile.Equals("7a", StringComparison.OrdinalIgnoreCase)
                || profile.Equals("f4", StringComparison.OrdinalIgnoreCase) || profile.Equals("2c", StringComparison.OrdinalIgnoreCase))),
        Codec.Vp9 or Codec.Av1 => true,
        _ => false,
    };

    private static IEnumerable<RungSpec> AutoSpecs(SourceFacts source, Picture picture)
    {
        foreach (var (height, bits) in Usual)
        {
            var spec = new RungSpec(height, null, null, Codec.Avc, null);
            var isNear = height > picture.ShortSide * NearHeight || height > picture.Most
                || (source.VideoBitsPerSecond > 0 && BitsOf(spec, bits, source) > source.VideoBitsPerSecond * NearBits);
            // Beyond 1080 rows the source itself is the rung for those who can have it.
            if (!isNear && height <= 1080)
                yield return spec;
        }
    }

    /// <summary>The one in the source's place has its columns and rows, and its pixels' shape.</summary>
    private static VideoRung TopRung(SourceFacts source, Picture picture)
    {
        var size = picture.Whole(2160);
        var height = Math.Min(size.Width, size.Height);
        var usual = UsualBits(height);
        var bits = source.VideoBitsPerSecond > 0 ? Math.Clamp(source.VideoBitsPerSecond, Math.Min(usual, 300_000), usual * 2) : usual;
        return Make(new RungSpec(height, Rate(source), bits, Codec.Avc, null), size, picture.Aspect, source);
    }

    private static VideoRung Make(RungSpec spec, (int Width, int Height) size, (int Horizontal, int Vertical) aspect, SourceFacts source)
    {
        var (width, height) = size;
        var rate = Rate(source);
        var every = KeepsEvery(rate, spec);
        rate /= every;
        var bits = spec.BitsPerSecond ?? BitsOf(spec, UsualBits(spec.Height), source);
        var preset = spec.Preset ?? spec.Codec switch { Codec.Avc => "veryfast", Codec.Hevc => "ultrafast", _ => "8" };
        var level = CodecLevel.Of(spec.Codec, width, height, rate, bits);
        return new VideoRung(NameOf(spec.Codec, spec.Height), width, height, rate, every, bits, spec.Codec, preset, level.Announce(spec.Codec, width, height, DeclaredRate(source) / every, aspect))
        {
            Level = level,
        };
    }

    private static double Rate(SourceFacts source) => source.FramesPerSecond is > 0 and <= 1000 ? source.FramesPerSecond : 30;

    /// <summary>What the source declares, when it keeps to it; else 0, and players learn the rate that is measured.</summary>
    private static double DeclaredRate(SourceFacts source) =>
        source.Video is { DeclaredFrameRate: > 0 } video && Math.Abs(video.DeclaredFrameRate - source.FramesPerSecond) < 0.05 * source.FramesPerSecond
            ? video.DeclaredFrameRate : 0;

    /// <summary>Which share of the source's frames keeps a rung at its cap: below 720 rows 50 and 60 are halved.</summary>
    private static int KeepsEvery(double rate, RungSpec spec)
    {
        // A twentieth of leeway: 30 frames a second are seldom measured as 30.000.
        var cap = spec.MaxFramesPerSecond ?? (spec.Height < 720 ? 35 : 65);
        return Math.Max(1, (int)Math.Ceiling(rate / cap - 0.05));
    }

    private static long BitsOf(RungSpec spec, long usual, SourceFacts source)
    {
        var rate = Rate(source) / KeepsEvery(Rate(source), spec);
        var factor = (rate > 35 ? HighRateBits : 1) * spec.Codec switch { Codec.Hevc => 0.65, Codec.Av1 => 0.6, _ => 1 };
        return (long)(usual * factor);
    }

    /// <summary>Between the usual heights in a straight line.</summary>
    private static long UsualBits(int height)
    {
        for (var i = 1; i < Usual.Length; i++)
        {
            var (low, lowBits) = Usual[i];
            var (high, highBits) = Usual[i - 1];
            if (height >= high)
                return highBits;
            if (height >= low)
                return lowBits + (highBits - lowBits) * (height - low) / (high - low);
        }
        return Math.Max(100_000, Usual[^1].Bits * height / Usual[^1].Height);
    }

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
