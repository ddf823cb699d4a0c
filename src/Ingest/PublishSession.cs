using Millrace.Core;
using Millrace.Media;
using Millrace.Rtmp;

namespace Millrace.Ingest;

/// <summary>
/// One publisher's media on its way into a broadcast: FLV tags are read, codec configurations become formats, timestamps
/// are repaired, pictures are looked at, and what is left are access units.
/// </summary>
/// <remarks>
/// Made by <see cref="BroadcastDirectory.Publish"/>. The methods are called by one thread at a time, the connection's. Each
/// returns null as long as the stream goes on; else the reason, which the shell sends and then closes. After
/// <see cref="Close"/> or a rejection everything is ignored.
/// </remarks>
public sealed class PublishSession : IDisposable
{
    /// <summary>
    /// Most milliseconds between decoding and showing a picture. 10 s: reordering over 16 pictures at two a second stays
    /// below, and whatever else is cut at presentation times waits that long.
    /// </summary>
    private const int MaxCompositionTime = 10_000;

    private const long DamageWindow = 10 * TimeSpan.TicksPerSecond;

    private readonly BroadcastDirectory directory;
    private readonly IngestOptions options;
    private readonly MediaArena arena;
    private readonly Action<PublishRejection> onEvicted;
    private readonly TimestampRepair repair = new();
    private readonly BitrateMeter bitrate = new();
    private readonly MediaPace pace = new();
    private readonly ReferenceWatch references = new();
    private IngestCounters counters;
    private PublishRejection? ended;
    private VideoFormat? video;
    private VideoFormat? declared;
    private AudioFormat? audio;
    private byte[]? videoConfiguration;
    private byte[]? audioConfiguration;
    private Codec? videoCodec;
    private Codec? audioCodec;
    private (ColorDescription? Color, HdrMetadata? Hdr) hdr;
    private long pacedBytes;
    private long damageSince;
    private int damage;
    private long lastReceivedAt;

    internal PublishSession(
        BroadcastDirectory directory, Broadcast broadcast, IngestOptions options, MediaBlockPool pool, long now, Action<PublishRejection> onEvicted)
    {
        this.directory = directory;
        this.options = options;
        this.onEvicted = onEvicted;
        Broadcast = broadcast;
        arena = new MediaArena(pool);
        lastReceivedAt = now;
    }

    /// <summary>What it publishes to.</summary>
    public Broadcast Broadcast { get; }

    /// <summary>When the last message came, in UTC ticks. Read by any thread.</summary>
    public long LastReceivedAt => Volatile.Read(ref lastReceivedAt);

    internal ref readonly IngestCounters Counters => ref counters;

    internal RepairCounters Repairs => repair.Counters;

    internal double AudioError => repair.AudioError;

    internal long BitsPerSecond => bitrate.BitsPerSecond;

    /// <summary>Damaged access units of the ten seconds that count against the limit now.</summary>
    internal int RecentDamage => LastReceivedAt - damageSince > DamageWindow ? 0 : damage;

    /// <summary>Reference pictures that did not come, within the last <see cref="ReferenceWatch.MemorySeconds"/>.</summary>
    internal int RecentMissing => references.Recent(LastReceivedAt);

    /// <summary>Takes the body of a video message. The reference passes to the session.</summary>
    /// <param name="payload">The FLV video tag.</param>
    /// <param name="timestamp">RTMP milliseconds.</param>
    /// <param name="receivedAt">When its last byte came, in UTC ticks.</param>
    public PublishRejection? OnVideo(MediaBuffer payload, uint timestamp, long receivedAt)
    {
        try
        {
            return Begin(payload.Length, receivedAt) ?? ReadVideo(payload, timestamp, receivedAt);
        }
        finally
        {
            payload.Release();
        }
    }

    /// <summary>Takes the body of an audio message. The reference passes to the session.</summary>
    /// <param name="payload">The FLV audio tag.</param>
    /// <param name="timestamp">RTMP milliseconds.</param>
    /// <param name="receivedAt">When its last byte came, in UTC ticks.</param>
    public PublishRejection? OnAudio(MediaBuffer payload, uint timestamp, long receivedAt)
    {
        try
        {
            return Begin(payload.Length, receivedAt) ?? ReadAudio(payload, timestamp, receivedAt);
        }
        finally
        {
            payload.Release();
        }
    }

    /// <summary>Takes a data message.</summary>
    public PublishRejection? OnData(scoped in DataMessage message, long receivedAt)
    {
        if (Begin(message.Raw.Length, receivedAt) is { } over)
            return over;
        counters.DataMessages++;
        var data = StreamData.From(message);
        if (data is StreamMetadata metadata)
            Broadcast.Expect(this, metadata);
        directory.Report(Broadcast, data);
        return null;
    }

    /// <summary>The connection is gone, or the publisher ended its stream. May be called more than once.</summary>
    public void Close()
    {
        ended ??= new PublishRejection(PublishRejectionReason.ShuttingDown, "The stream was ended.");
        directory.Close(this);
        arena.Dispose();
    }

    /// <inheritdoc cref="Close"/>
    public void Dispose() => Close();

    /// <summary>Tells the shell that the broadcast belongs to someone else now. Called by any thread, outside of locks.</summary>
    internal void Evict(PublishRejection reason) => onEvicted(reason);

    private PublishRejection? Begin(int bytes, long receivedAt)
    {
        if (ended is not null)
            return ended;
        Volatile.Write(ref lastReceivedAt, receivedAt);
        counters.Bytes += bytes;
        bitrate.Add(bytes, receivedAt);
        return bitrate.BitsPerSecond > options.MaxBitrate ? TooMuch() : null;
    }

    /// <summary>Holds an access unit's time against clock and bytes, before anything is made of it.</summary>
    private PublishRejection? KeepPace(long milliseconds, long receivedAt)
    {
        // All that came since the last one: an access unit holds the memory of what stands around it, ignored or not.
        pace.Add(milliseconds, counters.Bytes - pacedBytes, receivedAt);
        pacedBytes = counters.Bytes;
        if (pace.IsAhead)
        {
            return ended = new PublishRejection(PublishRejectionReason.BrokenMedia,
                "The timestamps run minutes ahead of the clock: send in real time (ffmpeg: -re).");
        }
        return pace.BitsPerSecond > options.MaxBitrate ? TooMuch() : null;
    }

    private PublishRejection TooMuch() =>
        ended = new PublishRejection(PublishRejectionReason.BitrateTooHigh, string.Create(
            System.Globalization.CultureInfo.InvariantCulture,
            $"More than {options.MaxBitrate / 1e6:0.###} Mbit/s over {BitrateMeter.Window.TotalSeconds:0} s: lower the encoder's bitrate."));

    private PublishRejection? ReadVideo(MediaBuffer payload, uint timestamp, long receivedAt)
    {
        var bytes = payload.Span;
        if (!FlvVideoTag.TryRead(bytes, out var tag, out var fault))
            return Refuse(fault);
        if (!tag.TryGetTrack(bytes, 0, out tag))
        {
            counters.Ignored++;
            return null;
        }
        var body = bytes.Slice(tag.BodyOffset, tag.BodyLength);
        switch (tag.Kind)
        {
            case FlvPacketKind.SequenceStart:
                videoCodec = tag.Codec;
                videoConfiguration = body.ToArray();
                if (CodecConfiguration.NeedsFirstFrame(tag.Codec))
                {
                    video = null;
                    return null;
                }
                return ReadVideoFormat(body, default);
            case FlvPacketKind.Metadata:
                if (!HdrColorInfo.TryRead(body, out var color, out var metadata))
                    return null;
                hdr = (color, metadata);
                return video is null ? null : SetVideo(declared!);
            case FlvPacketKind.CodedFrames when body.Length > 0:
                break;
            default:
                counters.Ignored++;
                return null;
        }

        // Codecs without a configuration of their own begin with a key frame.
        if (video is null && CodecConfiguration.NeedsFirstFrame(tag.Codec) && tag.FrameType == FlvFrameType.Key)
        {
            if (videoCodec != tag.Codec)
                videoConfiguration = null;
            videoCodec = tag.Codec;
            if (ReadVideoFormat(videoConfiguration, body) is { } refused)
                return refused;
        }
        if (video is null || videoCodec != tag.Codec)
        {
            counters.BeforeConfiguration++;
            return null;
        }
        return ReadPicture(payload, tag, timestamp, receivedAt);
    }

    private PublishRejection? ReadPicture(MediaBuffer payload, in FlvVideoTag tag, uint timestamp, long receivedAt)
    {
        var body = payload.Span.Slice(tag.BodyOffset, tag.BodyLength);
        var look = VideoAccessUnit.Inspect(video!, body);
        if (look.Fault is not null)
            return Damaged(look.Fault, receivedAt);
        if (look.ChangesFormat && look.IsRandomAccess)
        {
            if (!VideoAccessUnit.TryReadFormat(declared!, body, out var changed, out var unread) || changed is null)
                return Damaged(unread ?? "unreadable sequence header", receivedAt);
            if (!changed.Equals(video) && SetVideo(changed) is { } refused)
                return refused;
        }
        if (!look.HasPicture || look.SampleLength == 0)
        {
            counters.Ignored++;
            return null;
        }
        if (Math.Abs(tag.CompositionTimeMilliseconds) > MaxCompositionTime)
            return Damaged("composition time of more than ten seconds", receivedAt);
        var timing = repair.Video(timestamp, tag.CompositionTimeMilliseconds, tag.NanosecondOffset);
        if (KeepPace(timing.DecodeTime / (VideoFormat.VideoTimescale / 1000), receivedAt) is { } over)
            return over;
        MediaBuffer sample;
        if (look.NeedsRewrite)
        {
            sample = arena.Allocate(look.SampleLength, out var writable);
            VideoAccessUnit.Rewrite(video!, body, writable.Span);
        }
        else
        {
            sample = payload.Slice(tag.BodyOffset + look.SampleOffset, look.SampleLength);
        }
        counters.VideoUnits++;
        counters.MissingPictures += references.Add(look, body, receivedAt);
        Broadcast.NotePicture(
            this, (double)timing.DecodeTime / VideoFormat.VideoTimescale, look.IsRandomAccess,
            !look.IsRandomAccess && (look.IsRecoveryPoint || tag.FrameType == FlvFrameType.Key), look.IsSkippedLeading);
        Append(MediaKind.Video, new AccessUnit(sample, timing.DecodeTime, timing.CompositionOffset, 0, look.IsRandomAccess, receivedAt)
        {
            IsRecoveryPoint = look.IsRecoveryPoint,
        });
        return null;
    }

    private PublishRejection? ReadVideoFormat(ReadOnlySpan<byte> configuration, ReadOnlySpan<byte> firstFrame)
    {
        if (!CodecConfiguration.TryRead(videoCodec!.Value, configuration, firstFrame, out var format, out var fault) || format is not VideoFormat read)
            return BrokenConfiguration(videoCodec.Value, fault);
        return SetVideo(read);
    }

    /// <summary>Takes over the format that the bit stream declares, with the colour that came beside it.</summary>
    private PublishRejection? SetVideo(VideoFormat format)
    {
        var before = video;
        declared = format;
        // The metadata packet has no word for the range of values: the bit stream's holds.
        var color = hdr.Color is { } beside ? beside with { FullRange = format.Color is { FullRange: true } } : hdr.Color;
        references.Begin(format);
        video = hdr.Hdr is null && color is null ? format : format.WithHdr(hdr.Hdr, color);
        Broadcast.SetFormat(this, video);
        return before is not null && (!format.Equals(before) || Ingest.Broadcast.ColorChanged(video, before)) ? Changed() : null;
    }

    /// <summary>Each change costs a period and an init segment, for as long as the live window is: a flood of them is damage.</summary>
    private PublishRejection? Changed() => Damaged("the codec configuration changes again and again", lastReceivedAt, counted: true);

    private PublishRejection? ReadAudio(MediaBuffer payload, uint timestamp, long receivedAt)
    {
        var bytes = payload.Span;
        if (!FlvAudioTag.TryRead(bytes, out var tag, out var fault))
            return Refuse(fault);
        if (!tag.TryGetTrack(bytes, 0, out tag))
        {
            counters.Ignored++;
            return null;
        }
        var body = bytes.Slice(tag.BodyOffset, tag.BodyLength);
        switch (tag.Kind)
        {
            case FlvPacketKind.SequenceStart:
                audioCodec = tag.Codec;
                audioConfiguration = body.ToArray();
                if (CodecConfiguration.NeedsFirstFrame(tag.Codec))
                {
                    audio = null;
                    return null;
                }
                return ReadAudioFormat(body, default);
            case FlvPacketKind.CodedFrames when body.Length > 0:
                break;
            default:
                counters.Ignored++;
                return null;
        }

        if (CodecConfiguration.NeedsFirstFrame(tag.Codec) && (audio is null || audioCodec != tag.Codec))
        {
            if (audioCodec != tag.Codec)
                audioConfiguration = null;
            audioCodec = tag.Codec;
            if (!CodecConfiguration.TryRead(tag.Codec, audioConfiguration, body, out var format, out var unread))
                return Damaged(unread ?? "unreadable frame header", receivedAt);
            if (SetAudio((AudioFormat)format!) is { } refused)
                return refused;
        }
        if (audio is null || audioCodec != tag.Codec)
        {
            counters.BeforeConfiguration++;
            return null;
        }
        if (!AudioFrame.TryGetSamples(audio, body, out var samples))
            return Damaged("audio frame of no length", receivedAt);
        if (!repair.TryAudio(timestamp, tag.NanosecondOffset, audio.Timescale, (uint)samples, out var timing))
            return null;
        if (KeepPace(timing.DecodeTime * 1000 / audio.Timescale, receivedAt) is { } over)
            return over;
        counters.AudioUnits++;
        Append(MediaKind.Audio, new AccessUnit(
            payload.Slice(tag.BodyOffset, tag.BodyLength), timing.DecodeTime, 0, timing.Duration, true, receivedAt));
        return null;
    }

    private PublishRejection? ReadAudioFormat(ReadOnlySpan<byte> configuration, ReadOnlySpan<byte> firstFrame)
    {
        if (!CodecConfiguration.TryRead(audioCodec!.Value, configuration, firstFrame, out var format, out var fault) || format is not AudioFormat read)
            return BrokenConfiguration(audioCodec.Value, fault);
        return SetAudio(read);
    }

    private PublishRejection? SetAudio(AudioFormat format)
    {
        var changes = audio is not null && !format.Equals(audio);
        audio = format;
        Broadcast.SetFormat(this, format);
        return changes ? Changed() : null;
    }

    private void Append(MediaKind kind, in AccessUnit unit)
    {
        if (!Broadcast.Append(this, kind, unit))
            counters.AfterEnd++;
    }

    private PublishRejection? Refuse(in FlvFault fault)
    {
        if (fault.Kind == FlvFaultKind.UnsupportedCodec)
            return ended = new PublishRejection(PublishRejectionReason.UnsupportedCodec, $"The codec {fault.Description} is not supported.");
        counters.BadTags++;
        return fault.Kind == FlvFaultKind.UnsupportedPacket ? null : Damaged(fault.Description, lastReceivedAt, counted: true);
    }

    private PublishRejection BrokenConfiguration(Codec codec, string? fault) =>
        ended = new PublishRejection(PublishRejectionReason.BrokenConfiguration, $"The {codec} configuration cannot be used: {fault ?? "unreadable"}.");

    /// <summary>Drops one access unit; the stream lives unless there are many.</summary>
    private PublishRejection? Damaged(string fault, long receivedAt, bool counted = false)
    {
        if (!counted)
            counters.Damaged++;
        if (receivedAt - damageSince > DamageWindow)
        {
            damageSince = receivedAt;
            damage = 0;
        }
        if (++damage <= options.MaxDamagedUnits)
            return null;
        return ended = new PublishRejection(PublishRejectionReason.BrokenMedia, $"Too much damaged media: {fault}.");
    }
}
