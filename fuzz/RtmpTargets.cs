using System.Buffers;
using Millrace.Core;
using Millrace.Rtmp;

namespace Millrace.Fuzz;

/// <summary>The parsers of src/Rtmp.</summary>
internal static class RtmpTargets
{
    private static readonly MediaBlockPool Pool = new();

    public static void Amf0(ReadOnlySpan<byte> input)
    {
        var reader = new Amf0Reader(input, AmfLimits.Default);
        if (!reader.TryReadAll(out var values))
            FuzzTarget.Require(values is null && reader.Violation is not null, "refused without a violation");
    }

    public static void Amf3(ReadOnlySpan<byte> input)
    {
        var reader = new Amf3Reader(input, AmfLimits.Default);
        while (!reader.AtEnd)
        {
            if (reader.TryRead(out _))
                continue;
            FuzzTarget.Require(reader.Violation is not null, "refused without a violation");
            return;
        }
    }

    public static void Chunks(ReadOnlySpan<byte> input)
    {
        var before = Pool.UsedBytes;
        using (var arena = new MediaArena(Pool))
        using (var reader = new ChunkReader(RtmpLimits.Default, arena) { KeepMedia = true })
        {
            while (!input.IsEmpty)
            {
                var left = input.Length;
                var status = reader.Read(ref input, out var message);
                if (status == OperationStatus.InvalidData)
                {
                    FuzzTarget.Require(reader.Violation is not null, "refused without a violation");
                    break;
                }
                if (status != OperationStatus.Done)
                {
                    FuzzTarget.Require(input.IsEmpty, "wants more and leaves some");
                    break;
                }
                FuzzTarget.Require(input.Length < left, "a message of no bytes");
                message.Media.Release();
            }
        }
        FuzzTarget.Require(Pool.UsedBytes == before, "a block leaked");
    }

    /// <summary>A whole connection; the handshake is answered for the input, and every publish accepted.</summary>
    public static void Session(ReadOnlySpan<byte> input)
    {
        var before = Pool.UsedBytes;
        using (var arena = new MediaArena(Pool))
        {
            var events = new Sink();
            using var session = new RtmpServerSession(RtmpLimits.Default, arena, events);
            events.Session = session;
            var now = 0L;
            byte[] handshake = [3, .. new byte[1536], .. new byte[1536]];
            session.Receive(handshake, now);
            while (!input.IsEmpty && session.Violation is null)
            {
                session.ConsumeOutput(session.PendingOutput.Length);
                var count = Math.Min(input.Length, 1000);
                session.Receive(input[..count], ++now);
                input = input[count..];
            }
        }
        FuzzTarget.Require(Pool.UsedBytes == before, "a block leaked");
    }

    private sealed class Sink : IRtmpServerEvents
    {
        public RtmpServerSession? Session { get; set; }

        public void OnConnect(ConnectRequest request)
        {
        }

        public void OnPublish(PublishRequest request) => Session!.AcceptPublish();

        public void OnAudio(MediaBuffer payload, uint timestamp) => payload.Release();

        public void OnVideo(MediaBuffer payload, uint timestamp) => payload.Release();

        public void OnData(scoped in DataMessage message)
        {
        }

        public void OnDataRefused(RtmpViolation violation)
        {
        }

        public void OnUnpublish(UnpublishReason reason)
        {
        }
    }
}
