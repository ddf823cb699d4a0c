using System.ComponentModel.DataAnnotations;

namespace Millrace.Transcoding;

/// <summary>Further renditions beside the publisher's own: section <c>Transcoding</c>. Read when a broadcast goes on air.</summary>
public sealed class TranscodingOptions
{
    /// <summary>
    /// The renditions to make: <c>off</c>, <c>auto</c>, or a list such as <c>720p30@2500k,480p@1200k/veryfast,hevc:360p@500k</c>
    /// (<see cref="LadderText"/>). Default <c>auto</c>: a viewer on a bad network is the rule, and the node's budget decides
    /// how much of it there is room for.
    /// </summary>
    public string Ladder { get; set; } = "auto";

    /// <summary>
    /// Channels with a ladder of their own, each <c>CHANNEL=LADDER</c>, where a list's rungs are joined by <c>+</c>:
    /// <c>radio=off</c>, <c>talk=480p@900k+160p</c>. Default none.
    /// </summary>
    public IReadOnlyList<string> Channels { get; set; } = [];

    /// <summary>
    /// What becomes of the publisher's own video: <c>passthrough</c>, <c>normalize</c> (encoded again, key frames at every
    /// segment) or <c>auto</c>. Default <c>auto</c>: encoding again costs quality and half a core, so only where viewers
    /// would otherwise have no picture or no place to switch.
    /// </summary>
    public SourceMode Source { get; set; } = SourceMode.Auto;

    /// <summary>
    /// The encoders: <c>none</c> (software), <c>auto</c> (the first that works) or one of <c>nvenc</c>, <c>vaapi</c>,
    /// <c>qsv</c>, <c>videotoolbox</c>. Default <c>none</c>: the same picture on every machine; hardware encoders differ.
    /// </summary>
    public string Hardware { get; set; } = "none";

    /// <summary>
    /// Path of the ffmpeg that makes renditions, thumbnails, sprite sheets and the demo; empty (default) takes the one on the PATH.
    /// </summary>
    public string Ffmpeg { get; set; } = "";

    /// <summary>
    /// How long ffmpeg may say nothing while media flows in before it is killed and started again. 1 s to 1 min, default
    /// 4 s: a loaded machine starts an encoder in two, and a player's buffer of about six lives through it.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:01", "00:01:00")]
    public TimeSpan HangTimeout { get; set; } = TimeSpan.FromSeconds(4);

    /// <summary>
    /// Media that may wait for ffmpeg before some is dropped up to a key frame. 1 s to 1 min, default 8 s: a hang with the
    /// restart behind it (<see cref="HangTimeout"/>, then about two seconds) loses nothing.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:01", "00:01:00")]
    public TimeSpan MaxBacklog { get; set; } = TimeSpan.FromSeconds(8);

    /// <summary>
    /// Bytes of a broadcast's media kept for ffmpeg: what waits, and what a restart is fed again. 1 MiB to 1 GiB, default
    /// 32 MiB: 8 s of 20 Mbit/s with the GOP before it. The payloads are shared with the source rendition while it has them.
    /// </summary>
    [Range(1L << 20, 1L << 30)]
    public long MaxBufferBytes { get; set; } = 32L << 20;

    /// <summary>
    /// Pixels that this node encodes each second, over all broadcasts. 0 to 10^12; 0 (default) measures it once by a short
    /// calibration and keeps the result. A broadcast that does not fit gets fewer rungs, or only its source.
    /// </summary>
    [Range(0L, 1_000_000_000_000L)]
    public long MaxPixelsPerSecond { get; set; }

    /// <summary>Anything is to be made for some channel.</summary>
    public bool IsWanted => !Ladder.Equals("off", StringComparison.OrdinalIgnoreCase) || Channels.Count > 0;

    /// <summary>The ladder's text for a channel: its own from <see cref="Channels"/>, or <see cref="Ladder"/>.</summary>
    public string LadderOf(string? channel)
    {
        if (channel is not null)
        {
            foreach (var entry in Channels)
            {
                var equals = entry.IndexOf('=', StringComparison.Ordinal);
                if (equals > 0 && entry.AsSpan(0, equals).Trim().Equals(channel, StringComparison.OrdinalIgnoreCase))
                    return entry[(equals + 1)..].Trim();
            }
        }
        return Ladder;
    }

    /// <summary>What ranges cannot say: each fault begins with its key. Empty when the options can be used.</summary>
    public IEnumerable<string> Check()
    {
        foreach (var fault in LadderText.Faults(Ladder))
            yield return $"Transcoding:Ladder: {fault}";
        var seen = new HashSet<string>(StringComparer.OrdinalIgnoreCase);
        foreach (var entry in Channels)
        {
            var equals = entry.IndexOf('=', StringComparison.Ordinal);
            if (equals <= 0)
            {
                yield return $"Transcoding:Channels: '{entry}' is not CHANNEL=LADDER.";
                continue;
            }
            var channel = entry[..equals].Trim();
            if (!Core.ChannelName.TryParse(channel, out _))
                yield return $"Transcoding:Channels: '{channel}' is no channel name.";
            else if (!seen.Add(channel))
                yield return $"Transcoding:Channels: '{channel}' has two ladders.";
            foreach (var fault in LadderText.Faults(entry[(equals + 1)..]))
                yield return $"Transcoding:Channels: {channel}: {fault}";
        }
        if (Hardware.ToLowerInvariant() is not ("none" or "auto") && EncoderProfile.Find(Hardware) is null)
            yield return $"Transcoding:Hardware: '{Hardware}' is not one of none, auto, {string.Join(", ", EncoderProfile.Hardware.Select(profile => profile.Name))}.";
        if (MaxBacklog < HangTimeout)
            yield return $"Transcoding:MaxBacklog: is below Transcoding:HangTimeout, so that every hang would lose media.";
    }
}

/// <summary>What becomes of the publisher's own video.</summary>
public enum SourceMode
{
    /// <summary>Viewers get it untouched, whatever it is.</summary>
    Passthrough,
    /// <summary>It is always encoded again.</summary>
    Normalize,
    /// <summary>It is encoded again when viewers could not play it or not switch at its key frames.</summary>
    Auto,
}
