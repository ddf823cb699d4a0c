namespace Millrace.Rtmp.Tests;

public sealed class ServerSessionTests
{
    private static byte[] Conversation() => ClientBytes.Publishing()
        .ChunkSize(4096)
        .Data(0, AmfValue.Of("@setDataFrame"), AmfValue.Of("onMetaData"), AmfValue.Object(("width", AmfValue.Of(1280))))
        .Message(RtmpMessageType.Audio, 1, 0, ClientBytes.Body(200, 1))
        .Message(RtmpMessageType.Video, 1, 0, ClientBytes.Body(20_000, 2), 6)
        .Message(RtmpMessageType.Audio, 1, 23, ClientBytes.Body(200, 3))
        .Message(RtmpMessageType.Audio, 1, 46, ClientBytes.Body(200, 4))
        .Message(RtmpMessageType.Audio, 1, 69, ClientBytes.Body(200, 5))
        .Message(RtmpMessageType.Video, 1, 33, ClientBytes.Body(4096, 6), 6)
        .Command(0, "FCUnpublish", 6, AmfValue.Null, AmfValue.Of("key"))
        .Command(0, "deleteStream", 7, AmfValue.Null, AmfValue.Of(1))
        .ToArray();

    [Theory]
    [InlineData(-1)]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(1000)]
    public void Receive_WholePublish_ReportsTheSameInAnyPortions(int portion)
    {
        using var server = new Server();
        Assert.Null(server.Receive(Conversation(), portion));
        Assert.Equal("connect live rtmp://h/live test", server.Events.Lines[0]);
        Assert.Equal("publish key?a=b Live", server.Events.Lines[1]);
        Assert.Equal(
            ["data onMetaData 0 1 True", "audio 0 200", "video 0 20000", "audio 23 200", "audio 46 200", "audio 69 200", "video 33 4096", "unpublish FCUnpublish"],
            server.Events.Lines.Skip(2).Select(l => l.StartsWith("unp", StringComparison.Ordinal) ? l : l[..l.LastIndexOf(' ')]));
        Assert.Equal(RtmpServerState.Connected, server.Session.State);
    }
}
