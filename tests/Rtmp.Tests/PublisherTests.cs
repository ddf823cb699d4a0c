using System.Buffers;

namespace Millrace.Rtmp.Tests;

public sealed class PublisherTests
{
    private static readonly RtmpPublisherOptions Options = new("live", "key", "rtmp://h/live");

    [Theory]
    [InlineData(DigestSchema.None, 1)]
    [InlineData(DigestSchema.KeyFirst, -1)]
    [InlineData(DigestSchema.DigestFirst, 100)]
    public void Publisher_AgainstOurServer_PublishesInAnyPortions(object schema, int portion)
    {
        using var server = new Server();
        using var publisher = new RtmpPublisher(Options with { Digest = (DigestSchema)schema, Capabilities = RtmpCapabilities.Forwarding(["hvc1"], ["Opus"], RtmpCapsEx.Reconnect) });
        publisher.Start(1);
        Pump(server, publisher, portion);
        Assert.Equal(RtmpPublisherState.Publishing, publisher.State);
        Assert.Equal(RtmpServerState.Publishing, server.Session.State);
        Assert.Equal(RtmpCapabilities.Server.Video, publisher.ServerCapabilities.Video);
        Assert.Equal(RtmpCapabilities.Server.CapsEx, publisher.ServerCapabilities.CapsEx);

        var media = new ArrayBufferWriter<byte>();
        publisher.WriteData(media, 0, "onMetaData", AmfValue.Object(("width", AmfValue.Of(640))));
        publisher.WriteVideo(media, 0, ClientBytes.Body(50_000, 1));
        publisher.WriteAudio(media, 0, ClientBytes.Body(300, 2));
        publisher.WriteVideo(media, 0x1000000, ClientBytes.Body(50_000, 3));
        publisher.WriteAudio(media, 0x1000000, ClientBytes.Body(300, 4));
        publisher.WriteUnpublish(media);
        Assert.Null(server.Receive(media.WrittenSpan, portion));
        Assert.Equal(
            ["connect live rtmp://h/live", "publish key Live", "data onMetaData 0", "video 0 50000", "audio 0 300",
                "video 16777216 50000", "audio 16777216 300", "unpublish FCUnpublish"],
            server.Events.Lines.Select(l => string.Join(' ', l.Split(' ').Take(3))));
    }

    [Fact]
    public void Publisher_Rejected_KnowsWhy()
    {
        using var server = new Server(answer: s => s.RejectPublish("NetStream.Publish.BadName", "Wrong stream key."));
        using var publisher = new RtmpPublisher(Options);
        publisher.Start(1);
        Pump(server, publisher, -1);
        Assert.Equal(RtmpPublisherState.Refused, publisher.State);
        Assert.Equal(("NetStream.Publish.BadName", "Wrong stream key."), publisher.Refusal);
    }

    [Fact]
    public void Publisher_AskedToReconnect_LearnsWhereTo()
    {
        using var server = new Server();
        using var publisher = new RtmpPublisher(Options with { Capabilities = RtmpCapabilities.Forwarding([], [], RtmpCapsEx.Reconnect) });
        publisher.Start(1);
        Pump(server, publisher, -1);
        Assert.True(server.Session.RequestReconnect("rtmp://other/live", "Maintenance."));
        Pump(server, publisher, -1);
        Assert.True(publisher.ReconnectRequested);
        Assert.Equal("rtmp://other/live", publisher.ReconnectTcUrl);
        Assert.Equal(RtmpPublisherState.Publishing, publisher.State);
    }

    [Fact]
    public void WriteVideo_SteadyMedia_AllocatesNothing()
    {
        using var server = new Server();
        using var publisher = new RtmpPublisher(Options);
        publisher.Start(1);
        Pump(server, publisher, -1);
        var media = new ArrayBufferWriter<byte>(1 << 20);
        var body = ClientBytes.Body(10_000, 1);
        var time = 0u;
        Assert.Equal(0, Allocation.Least(() =>
        {
            media.ResetWrittenCount();
            for (var i = 0; i < 90; i++)
                publisher.WriteVideo(media, time += 33, body);
        }));
    }

    [Fact]
    public void Receive_OtherVersionFromTheServer_IsAViolation()
    {
        using var publisher = new RtmpPublisher(Options);
        publisher.Start(1);
        Assert.Equal(RtmpFault.Handshake, publisher.Receive("HTTP/1.1 400 Bad Request"u8)!.Fault);
        Assert.Equal(RtmpPublisherState.Closed, publisher.State);
    }

    private static void Pump(Server server, RtmpPublisher publisher, int portion)
    {
        while (publisher.PendingOutput.Length > 0 || server.Session.PendingOutput.Length > 0)
        {
            var sent = publisher.PendingOutput.ToArray();
            publisher.ConsumeOutput(sent.Length);
            Assert.Null(server.Receive(sent, portion));
            ReadOnlySpan<byte> answer = server.TakeOutput();
            while (!answer.IsEmpty)
            {
                var count = portion < 0 ? answer.Length : Math.Min(portion, answer.Length);
                Assert.Null(publisher.Receive(answer[..count]));
                answer = answer[count..];
            }
        }
    }
}
