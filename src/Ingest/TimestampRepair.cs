using Millrace.Media;

namespace Millrace.Ingest;

/// <summary>Where a picture stands.</summary>
/// <param name="DecodeTime">In 1/90000 s on the session's clock; rises strictly. The session's first message is 0; what began earlier is negative.</param>
/// <param name="CompositionOffset">Presentation minus decode time in 1/90000 s.</param>
public readonly record struct VideoTiming(long DecodeTime, int CompositionOffset);

/// <summary>Where an audio frame stands.</summary>
/// <param name="DecodeTime">In samples on the session's clock.</param>
/// <param name="Duration">In samples; where the next frame begins unless there is a hole.</param>
public readonly record struct AudioTiming(long DecodeTime, uint Duration);

/// <summary>
/// Makes one publish session's timestamps whole: once, here, and each repair is counted. RTMP carries whole milliseconds
/// modulo 2^32 on a clock that some encoders restart, step or run apart from their sound card.
/// </summary>
/// <remarks>
/// <para>Pure state, one owner, one session.</para>
/// <para>
/// Video keeps its milliseconds. Audio is counted in samples, so that millisecond rounding never shows: frames stand
/// exactly one frame apart. The count is compared with the clock; a hole moves it on by whole frames, audio that runs
/// ahead loses whole frames, and drift is steered away a sample per frame once it exceeds <see cref="SteerAbove"/>.
/// </para>
/// </remarks>
public sealed class TimestampRepair
{
    /// <summary>Milliseconds between count and clock from which whole frames are skipped or left out. Below the 40 ms that lip sync allows.</summary>
    public const int ResyncAbove = 33;

    /// <summary>Milliseconds between count and clock from which the audio is steered: above rounding and usual jitter.</summary>
    public const int SteerAbove = 12;

    /// <summary>Milliseconds at which steering ends.</summary>
    public const int SteerUntil = 2;

    /// <summary>Frames over which the latest-stamped counts: encoders that stamp in bursts give several frames one timestamp.</summary>
    private const int Window = 16;

    private readonly TimestampLine video = new();
    private readonly TimestampLine audio = new();
    private readonly long[] errors = new long[Window];
    private RepairCounters counters;
    private long lastDecodeTime = long.MinValue;
    private long lastVideo;
    private long interval = 33;
    private bool counting;
    private uint rate;
    private long next;
    private int measured;
    private int toDrop;
    private int steering;

    /// <summary>What was repaired so far.</summary>
    public RepairCounters Counters => counters;

    /// <summary>Seconds by which the audio's own count lags the clock; negative when it runs ahead.</summary>
    public double AudioError => rate == 0 || measured == 0 ? 0 : (double)Envelope() / rate;

    /// <summary>Places a picture.</summary>
    /// <param name="timestamp">The message's timestamp: decode time.</param>
    /// <param name="compositionTime">Milliseconds from decode to presentation, as FLV has them.</param>
    /// <param name="nanoseconds">Added to the presentation time (Enhanced RTMP, ModEx TimestampOffsetNano).</param>
    public VideoTiming Video(uint timestamp, int compositionTime, int nanoseconds)
    {
        var time = video.Next(timestamp, audio, interval, ref counters, out _);
        if (time - lastVideo is > 0 and <= 1000)
            interval = time - lastVideo;
        lastVideo = time;
        var decodeTime = time * (VideoFormat.VideoTimescale / 1000);
        var presentation = decodeTime + compositionTime * (VideoFormat.VideoTimescale / 1000L) + nanoseconds * 9L / 100_000;
        if (decodeTime <= lastDecodeTime)
        {
            counters.Reordered++;
            decodeTime = lastDecodeTime + 1;
        }
        lastDecodeTime = decodeTime;
        return new VideoTiming(decodeTime, (int)(presentation - decodeTime));
    }

    /// <summary>Places an audio frame; false when it is left out.</summary>
    /// <param name="timestamp">The message's timestamp.</param>
    /// <param name="nanoseconds">Added to it.</param>
    /// <param name="sampleRate">Samples per second; a change starts the count anew.</param>
    /// <param name="samples">Samples of the frame, at least 1.</param>
    /// <param name="timing">Where it stands.</param>
    public bool TryAudio(uint timestamp, int nanoseconds, uint sampleRate, uint samples, out AudioTiming timing)
    {
        var time = audio.Next(timestamp, video, Math.Max(1, samples * 1000L / sampleRate), ref counters, out var moved);
        // Exact in 64 bits for 200 years of nanoseconds at 48 kHz through 128-bit intermediates.
        var target = (long)(((Int128)time * 1_000_000 + nanoseconds) * sampleRate / 1_000_000_000);
        timing = default;
        if (!counting || rate != sampleRate)
        {
            counting = true;
            rate = sampleRate;
            next = target;
            Forget();
        }
        if (moved)
            Forget();
        var error = target - next;
        var resync = ResyncAbove * (long)rate / 1000;
        var whole = WholeFrames(error, samples);
        if (error > resync && whole > 0)
        {
            counters.AudioHoles++;
            next += whole * samples;
            error -= whole * samples;
            Forget();
        }
        else if (moved && error < -resync)
        {
            toDrop = (int)-whole;
        }
        errors[measured++ % Window] = error;
        var envelope = Envelope();
        if (toDrop == 0 && measured >= Window && envelope < -resync)
            toDrop = (int)-WholeFrames(envelope, samples);
        if (toDrop > 0)
        {
            toDrop--;
            counters.AudioDropped++;
            Forget();
            return false;
        }
        timing = new AudioTiming(next, Steer(envelope, samples));
        next += timing.Duration;
        return true;
    }

    private uint Steer(long envelope, uint samples)
    {
        if (measured < Window)
            return samples;
        if (steering == 0 && Math.Abs(envelope) > SteerAbove * (long)rate / 1000)
            steering = Math.Sign(envelope);
        else if (steering * envelope < SteerUntil * (long)rate / 1000)
            steering = 0;
        if (steering == 0)
            return samples;
        counters.AudioSteered++;
        return (uint)(samples + steering * Math.Max(1, samples / 1024));
    }

    private long Envelope()
    {
        var largest = long.MinValue;
        var count = Math.Min(measured, Window);
        for (var i = 0; i < count; i++)
            largest = Math.Max(largest, errors[i]);
        return count == 0 ? 0 : largest;
    }

    private void Forget()
    {
        measured = 0;
        steering = 0;
    }

    private static long WholeFrames(long error, uint samples) =>
        (long)Math.Round((double)error / samples, MidpointRounding.AwayFromZero);
}
