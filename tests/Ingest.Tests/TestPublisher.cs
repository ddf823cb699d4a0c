using System.Buffers;
using System.Buffers.Binary;
using Microsoft.Extensions.Time.Testing;
using Millrace.Core;
using Millrace.Media;
using Millrace.Packaging;
using Millrace.Packaging.Tests;
using Millrace.Rtmp;

namespace Millrace.Ingest.Tests;

/// <summary>A node's ingest with a fake clock and a sink that writes down what comes.</summary>
public sealed class TestNode : IDisposable
{
    public static readonly ChannelName Channel = Name("alice");

    public TestNode(
        IngestOptions? options = null, PackagingOptions? packaging = null, IBroadcastSinkFactory? sinks = null, Func<TestNode, Ladders>? ladders = null)
    {
        Ladders = ladders?.Invoke(this);
        Directory = new BroadcastDirectory(options ?? new IngestOptions(), packaging ?? new PackagingOptions(), sinks ?? Sink, Pool, Time, Ladders);
    }

    /// <summary>The caller's.</summary>
    public Ladders? Ladders { get; }

    public FakeTimeProvider Time { get; } = new(new DateTimeOffset(2026, 5, 1, 12, 0, 0, TimeSpan.Zero));

    public MediaBlockPool Pool { get; } = new();

    public RecordingSink Sink { get; } = new();

    public BroadcastDirectory Directory { get; }

    public TestPublisher Publish(ChannelName? channel = null)
    {
        var publisher = new TestPublisher(this);
        var (session, rejection) = Directory.Publish(channel ?? Channel, publisher.Evicted.Add);
        Assert.Null(rejection);
        publisher.Session = session!;
        return publisher;
    }

    public static ChannelName Name(string text) => ChannelName.TryParse(text, out var name) ? name : throw new ArgumentException(text);

    /// <summary>Ends everything and demands that every byte came back.</summary>
    public void DemandNothingHeld()
    {
        Directory.Dispose();
        Assert.Equal(0, Pool.UsedBytes);
    }

    public void Dispose() => Directory.Dispose();
}

/// <summary>Sends synthetic FLV messages as an encoder would.</summary>
[System.Diagnostics.CodeAnalysis.SuppressMessage("Design", "CA1001", Justification = "Close() gives the arena back.")]
public sealed class TestPublisher(TestNode node)
{
    /// <summary>libx264's avcC of 1280x720 and of 640x360.</summary>
    public static readonly byte[] Avc720 = Convert.FromHexString("01f4001fffe1001967f4001f9196805005bb0110000003001000000303c0f1832a01000568ce0f1920fff8f800");
    public static readonly byte[] Avc360 = Convert.FromHexString("01f4001effe1001967f4001e919680a02ff89c0440000003004000000f03c58ba801000568ce0f1920fff8f800");
    public static readonly byte[] Aac48 = [0x11, 0x90];
    public static readonly byte[] Aac44Mono = [0x12, 0x08];

    private readonly MediaArena arena = new(node.Pool);
    private readonly ArrayBufferWriter<byte> bytes = new();

    public PublishSession Session { get; set; } = null!;

    public List<PublishRejection> Evicted { get; } = [];

    /// <summary>The first rejection that the session gave.</summary>
    public PublishRejection? Rejection { get; private set; }

    public uint Clock { get; set; }

    public void VideoHeader(byte[] configuration, Codec codec = Codec.Avc) =>
        Video(0, w => FlvTagWriter.WriteVideo(w, codec, FlvPacketKind.SequenceStart, FlvFrameType.Key, 0, configuration, legacy: codec == Codec.Avc));

    public void AudioHeader(byte[] configuration) =>
        Audio(0, w => FlvTagWriter.WriteAudio(w, Codec.Aac, FlvPacketKind.SequenceStart, configuration, legacy: true));

    public void Picture(uint milliseconds, bool key, int composition = 0, int size = 60)
    {
        var unit = new byte[4 + size];
        BinaryPrimitives.WriteInt32BigEndian(unit, size);
        unit[4] = (byte)(key ? 0x65 : 0x41);
        RawPicture(milliseconds, key, unit, composition);
    }

    public void RawPicture(uint milliseconds, bool key, byte[] units, int composition = 0) =>
        Video(milliseconds, w => FlvTagWriter.WriteVideo(
            w, Codec.Avc, FlvPacketKind.CodedFrames, key ? FlvFrameType.Key : FlvFrameType.Inter, composition, units, legacy: true));

    public void ColorInfo(AmfValue info) => VideoMetadata("colorInfo", info);

    public void VideoMetadata(string name, AmfValue value)
    {
        byte[] body = [2, .. Text(name), .. Amf0(value)];
        Video(0, w => FlvTagWriter.WriteVideo(w, Codec.Avc, FlvPacketKind.Metadata, FlvFrameType.Key, 0, body));
    }

    private static byte[] Amf0(AmfValue value)
    {
        if (value.Properties.Count > 0)
            return [3, .. value.Properties.SelectMany(p => (byte[])[.. Text(p.Key), .. Amf0(p.Value)]), 0, 0, 9];
        if (!value.TryGetNumber(out var number))
            return [6];
        var bytes = new byte[9];
        BinaryPrimitives.WriteDoubleBigEndian(bytes.AsSpan(1), number);
        return bytes;
    }

    private static byte[] Text(string text) => [0, (byte)text.Length, .. System.Text.Encoding.ASCII.GetBytes(text)];

    public void Sound(uint milliseconds) =>
        Audio(milliseconds, w => FlvTagWriter.WriteAudio(w, Codec.Aac, FlvPacketKind.CodedFrames, new byte[20], legacy: true));

    public void RawVideo(uint milliseconds, byte[] tag) => Note(Session.OnVideo(arena.Copy(tag), Clock + milliseconds, Now));

    public void RawAudio(uint milliseconds, byte[] tag) => Note(Session.OnAudio(arena.Copy(tag), Clock + milliseconds, Now));

    public void Metadata(bool video, bool audio)
    {
        var properties = new List<(string, AmfValue)> { ("encoder", AmfValue.Of("test")) };
        if (video)
            properties.Add(("videocodecid", AmfValue.Of(7)));
        if (audio)
            properties.Add(("audiocodecid", AmfValue.Of(10)));
        Data("onMetaData", AmfValue.Object([.. properties]));
    }

    public void Data(string name, params AmfValue[] values) => Note(Session.OnData(
        new DataMessage { Name = name, Values = values, Timestamp = Clock, SetDataFrame = true, Raw = [] }, Now));

    /// <summary>Sends both tracks interleaved, in media time that is wall-clock time too.</summary>
    public void Play(double seconds, double from = 0, double rate = 30, double gop = 2, int sampleRate = 48000,
        bool video = true, bool audio = true, int composition = 0, Func<double, bool>? videoIs = null, Func<double, bool>? audioIs = null)
    {
        var perGop = (int)Math.Round(gop * rate);
        var units = new List<(double Time, bool IsVideo, bool Key)>();
        if (video)
        {
            for (var i = 0; i < (int)Math.Round(seconds * rate); i++)
                units.Add((from + i / rate, true, i % perGop == 0));
        }
        for (var i = 0; audio && i * 1024.0 / sampleRate < seconds; i++)
            units.Add((from + i * 1024.0 / sampleRate, false, true));
        var start = node.Time.GetUtcNow();
        foreach (var (time, isVideo, key) in units.OrderBy(u => u.Time).ThenBy(u => !u.IsVideo))
        {
            if (!((isVideo ? videoIs : audioIs)?.Invoke(time) ?? true))
                continue;
            node.Time.SetUtcNow(start.AddSeconds(time - from));
            if (isVideo)
                Picture((uint)Math.Round(time * 1000), key, composition);
            else
                Sound((uint)Math.Round(time * 1000));
            if (Rejection is not null)
                return;
        }
        node.Time.SetUtcNow(start.AddSeconds(seconds));
    }

    public void Headers()
    {
        Metadata(video: true, audio: true);
        VideoHeader(Avc720);
        AudioHeader(Aac48);
    }

    public void Close()
    {
        Session.Close();
        arena.Dispose();
    }

    private long Now => node.Time.GetUtcNow().UtcTicks;

    private void Video(uint milliseconds, Action<IBufferWriter<byte>> write)
    {
        bytes.ResetWrittenCount();
        write(bytes);
        RawVideo(milliseconds, bytes.WrittenSpan.ToArray());
    }

    private void Audio(uint milliseconds, Action<IBufferWriter<byte>> write)
    {
        bytes.ResetWrittenCount();
        write(bytes);
        RawAudio(milliseconds, bytes.WrittenSpan.ToArray());
    }

    private void Note(PublishRejection? rejection) => Rejection ??= rejection;
}
