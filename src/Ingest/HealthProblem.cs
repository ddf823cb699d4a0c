using System.Globalization;
using Millrace.Packaging;
using Millrace.Transcoding;

namespace Millrace.Ingest;

/// <summary>Something about a running broadcast that the streamer or the operator can change.</summary>
/// <param name="Code">For programs; never changes its meaning.</param>
/// <param name="Message">A sentence that says what is measured and what to do.</param>
public sealed record HealthProblem(string Code, string Message)
{
    /// <summary>How long a publisher may say nothing before that is worth a word: longer than any encoder's pause.</summary>
    private static readonly TimeSpan Silence = TimeSpan.FromSeconds(3);

    /// <summary>Between audio and its clock; people notice from about 45 ms (ITU-R BT.1359).</summary>
    private const double AudibleSeconds = 0.045;

    /// <summary>What is wrong now; empty when nothing is, or nobody publishes.</summary>
    public static IReadOnlyList<HealthProblem> Find(BroadcastHealth health, IngestOptions ingest, PackagingOptions packaging, DateTimeOffset now)
    {
        var found = new List<HealthProblem>();
        if (health.LastReceived is not { } received)
            return found;
        var silent = now - received;
        if (silent > Silence)
        {
            found.Add(new("publisher_silent", Text(
                $"Nothing has come from the encoder for {silent.TotalSeconds:0} s, though it is still connected. Its network, or the encoder, hangs.")));
            return found;
        }

        if (health.State == BroadcastState.Discovering && health.Ingest.Bytes > 0 && health.Ingest.BeforeConfiguration > 0)
            found.Add(new("no_configuration", "Media comes, but not the codec configuration in front of it. Restart the stream in the encoder."));

        var segment = packaging.SegmentDuration.TotalSeconds;
        var sinceKey = health.LastKeyFrame is { } key ? (now - key).TotalSeconds : 0;
        var gop = Math.Max(health.GopSeconds, sinceKey);
        // A tenth of leeway: encoders place key frames by their frame count.
        if (health.VideoCodec is not null && health.HasUnusableKeyFrames)
        {
            found.Add(new("key_frames_unusable", Text(
                $"Players cannot begin or switch at the encoder's key frames, because pictures around them refer to what was before. Set it to closed GOPs (x264: open-gop=0) and a key frame interval of {segment:0.#} s.")));
        }
        else if (health.VideoCodec is not null && gop > Math.Ceiling(segment) * 1.1)
        {
            found.Add(new("key_frames_rare", Text(
                $"Key frames are {gop:0.0} s apart. Viewers join and switch slowly: set the encoder's key frame interval to {segment:0.#} s.")));
        }

        // Positive: audio is ahead. Either way the one behind holds the other up, and beyond MaxInterleave it is left behind.
        var skew = health.AudioVideoSkew;
        if (health.State == BroadcastState.OnAir && health.AudioCodec is not null && health.VideoCodec is not null && Math.Abs(skew) > packaging.MaxInterleave.TotalSeconds)
        {
            found.Add(skew > 0
                ? new("video_late", Text($"The newest picture is {skew:0.0} s behind the audio. The encoder is overloaded, or its video has stopped."))
                : new("audio_late", Text($"The newest audio is {-skew:0.0} s behind the picture. Its source has stopped, or is delayed; what is missing is filled with silence.")));
        }
        if (health.Ladder is { } ladder)
            found.AddRange(Of(ladder));
        if (Math.Abs(health.AudioError) > AudibleSeconds)
        {
            found.Add(new("audio_drift", Text(
                $"The audio's own count is {Math.Abs(health.AudioError) * 1000:0} ms {(health.AudioError > 0 ? "behind" : "ahead of")} the encoder's clock. Look at the encoder's audio device and its sample rate.")));
        }
        if (health.RecentDamage > 0)
        {
            found.Add(new("damaged_media", Text(
                $"{health.RecentDamage} damaged pictures or audio frames in the last 10 s were left out; over {ingest.MaxDamagedUnits} (Ingest:MaxDamagedUnits) the publisher is closed. Restart the encoder.")));
        }
        if (health.RecentMissing > 0)
        {
            found.Add(new("pictures_missing", Text(
                $"At least {(health.RecentMissing == 1 ? "one picture" : $"{health.RecentMissing} pictures")} that others refer to did not come within the last {ReferenceWatch.MemorySeconds} s: viewers see smears until the next key frame. The encoder drops pictures that it has encoded, mostly because its network is too slow: lower its bitrate, or look at the way to it.")));
        }
        if (health.BitsPerSecond > 0.9 * ingest.MaxBitrate)
        {
            found.Add(new("bitrate_near_limit", Text(
                $"{health.BitsPerSecond / 1e6:0.0} Mbit/s come in; over {ingest.MaxBitrate / 1e6:0.#} Mbit/s (Ingest:MaxBitrate) the publisher is closed.")));
        }
        return found;
    }

    private static IEnumerable<HealthProblem> Of(LadderHealth ladder)
    {
        if (ladder.State == TranscoderState.Failed)
            yield return new("ladder_failed", $"There are no further renditions: {ladder.Reason} Viewers get the source; another attempt follows in a minute, and later ones less often.");
        else if (ladder.State is null && ladder.Reason is not null)
            yield return new("ladder_missing", $"There are no further renditions: {ladder.Reason}");
        else if (ladder.State == TranscoderState.Restarting)
            yield return new("ladder_restarting", $"The further renditions have a gap: {ladder.Reason}");
        else if (ladder.HasRecentErrors)
            yield return new("source_undecodable", $"Some of what comes cannot be decoded, and the further renditions show what ffmpeg makes of it.{(ladder.LastErrors is [.., var line] ? $" It says: {line}." : "")} Look at the encoder, and at the way to it.");
        // Sound that is made to AAC does not stand for pictures that are missing.
        if (ladder.Notes.Count > 0 && (ladder.OverBudget > 0 || !ladder.Rungs.Any(rung => rung.Height > 0)))
            yield return new("ladder_left_out", string.Join(' ', ladder.Notes));
        if (ladder.Shed > 0)
            yield return new("ladder_shed", Text($"{(ladder.Shed == 1 ? "One rendition was" : $"{ladder.Shed} renditions were")} given up, because this machine does not keep up with {(ladder.Shed == 1 ? "it" : "them")}."));
        if (ladder.NormalizeReason is { } reason)
            yield return new("source_normalized", $"The picture is encoded again for viewers. {reason}");
    }

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
