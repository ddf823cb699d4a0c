using System.Buffers;
using System.Buffers.Binary;

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

    [Fact]
    public void Receive_ConversationCutAtEachIndex_ReportsTheSame()
    {
        var bytes = ClientBytes.Publishing()
            .Message(RtmpMessageType.Audio, 1, 5, ClientBytes.Body(300, 1))
            .Message(RtmpMessageType.Video, 1, 0x1000000, ClientBytes.Body(300, 2), 6)
            .Command(0, "deleteStream", 7, AmfValue.Null, AmfValue.Of(1))
            .ToArray();
        using var whole = new Server();
        Assert.Null(whole.Receive(bytes));
        // The handshake's inside is the same at each byte.
        for (var cut = 3060; cut < bytes.Length; cut++)
        {
            using var server = new Server();
            Assert.Null(server.Receive(bytes.AsSpan(0, cut)));
            Assert.Null(server.Receive(bytes.AsSpan(cut)));
            Assert.Equal(whole.Events.Lines, server.Events.Lines);
        }
    }

    [Fact]
    public void Receive_Publish_IsAnsweredStepByStep()
    {
        using var server = new Server(unanswered: true);
        Assert.Null(server.Receive(ClientBytes.Publishing().ToArray()));
        Assert.Equal(
            ["WindowAcknowledgementSize", "SetPeerBandwidth", "SetChunkSize", "_result 1 on 0 NetConnection.Connect.Success",
                "_result 2 on 0", "_result 3 on 0", "onFCPublish 0 on 0 NetStream.Publish.Start", "_result 4 on 0"],
            server.TakeCommands(afterHandshake: true));
        Assert.Equal(RtmpServerState.PublishPending, server.Session.State);
        Assert.True(server.Session.AcceptPublish());
        Assert.Equal(["UserControl", "onStatus 0 on 1 NetStream.Publish.Start"], server.TakeCommands(false));
        Assert.Equal(RtmpServerState.Publishing, server.Session.State);
        Assert.False(server.Session.AcceptPublish());
        Assert.False(server.Session.RejectPublish("a", "b"));
    }

    [Fact]
    public void RejectPublish_WithinTheEvent_SendsTheReasonAndTakesNoMedia()
    {
        using var server = new Server(answer: s => s.RejectPublish("NetStream.Publish.BadName", "Wrong stream key."));
        Assert.Null(server.Receive(ClientBytes.Publishing().Message(RtmpMessageType.Video, 1, 0, ClientBytes.Body(500, 1)).ToArray()));
        Assert.Equal("onStatus 0 on 1 NetStream.Publish.BadName", server.TakeCommands(true)[^1]);
        Assert.Equal(RtmpServerState.Connected, server.Session.State);
        Assert.DoesNotContain(server.Events.Lines, l => l.StartsWith("video", StringComparison.Ordinal));
    }

    [Fact]
    public void AcceptPublish_AfterMediaCame_HandsItOverInOrder()
    {
        using var server = new Server(unanswered: true);
        Assert.Null(server.Receive(ClientBytes.Publishing()
            .Data(0, AmfValue.Of("onMetaData"), AmfValue.Object())
            .Message(RtmpMessageType.Audio, 1, 0, ClientBytes.Body(10, 1))
            .Message(RtmpMessageType.Video, 1, 1, ClientBytes.Body(500, 2))
            .ToArray(), 50));
        Assert.Equal(2, server.Events.Lines.Count);
        Assert.True(server.Session.AcceptPublish());
        Assert.Equal(["data onMetaData", "audio 0", "video 1"], server.Events.Lines.Skip(2).Select(l => string.Join(' ', l.Split(' ')[..2])));
    }

    [Fact]
    public void Receive_TooMuchMediaBeforeTheAnswer_IsAViolationAndGivesItBack()
    {
        using var server = new Server(new RtmpLimits { MaxPendingMediaBytes = 100_000 }, unanswered: true);
        var client = ClientBytes.Publishing();
        for (var i = 0u; i < 11; i++)
            client.Message(RtmpMessageType.Video, 1, i, ClientBytes.Body(10_000, 1));
        Assert.Equal(RtmpFault.MediaBeforePublish, server.Receive(client.ToArray())!.Fault);
    }

    [Fact]
    public void Receive_ManySmallMessagesBeforeTheAnswer_MeetTheLimitToo()
    {
        using var server = new Server(new RtmpLimits { MaxPendingMediaBytes = 10_000 }, unanswered: true);
        var client = ClientBytes.Publishing();
        for (var i = 0u; i < 1000; i++)
            client.Message(RtmpMessageType.Audio, 1, i, [1]);
        Assert.Equal(RtmpFault.MediaBeforePublish, server.Receive(client.ToArray())!.Fault);
    }

    [Fact]
    public void Dispose_WithPendingAndUnfinishedMedia_GivesAllBack()
    {
        // The Server's own Dispose checks the pool.
        using var server = new Server(unanswered: true);
        var bytes = ClientBytes.Publishing()
            .Message(RtmpMessageType.Audio, 1, 0, ClientBytes.Body(100, 1))
            .Message(RtmpMessageType.Video, 1, 0, ClientBytes.Body(300_000, 1), 6)
            .ToArray();
        Assert.Null(server.Receive(bytes.AsSpan(0, bytes.Length - 1)));
        Assert.True(server.Pool.UsedBytes > 300_000);
    }

    [Fact]
    public void Receive_MediaWithoutPublish_IsAViolation()
    {
        using var server = new Server();
        Assert.Equal(RtmpFault.MediaBeforePublish, server.Receive(new ClientBytes().Handshake().Connect()
            .Message(RtmpMessageType.Video, 1, 0, ClientBytes.Body(5000, 1)).ToArray())!.Fault);
        Assert.Equal(0, server.Pool.UsedBytes);
    }

    [Fact]
    public void Receive_MediaAfterUnpublish_IsDroppedWithoutMemory()
    {
        using var server = new Server();
        Assert.Null(server.Receive(ClientBytes.Publishing()
            .Command(1, "closeStream", 0, AmfValue.Null)
            .Message(RtmpMessageType.Video, 1, 0, ClientBytes.Body(5000, 1)).ToArray()));
        Assert.Equal("unpublish CloseStream", server.Events.Lines[^1]);
        Assert.Equal(0, server.Pool.UsedBytes);
    }

    [Fact]
    public void Receive_PublishAgainAfterUnpublish_Works()
    {
        using var server = new Server();
        Assert.Null(server.Receive(ClientBytes.Publishing()
            .Command(0, "deleteStream", 6, AmfValue.Null, AmfValue.Of(1))
            .Command(0, "createStream", 7, AmfValue.Null)
            .Command(2, "publish", 8, AmfValue.Null, AmfValue.Of("again"))
            .Message(RtmpMessageType.Audio, 2, 0, [1]).ToArray()));
        Assert.Equal(["unpublish DeleteStream", "publish again Live"], server.Events.Lines[2..4]);
        Assert.StartsWith("audio 0 1", server.Events.Lines[4], StringComparison.Ordinal);
    }

    [Fact]
    public void Receive_SecondPublishOnTheConnection_IsRefusedAndItsMediaDropped()
    {
        using var server = new Server();
        Assert.Null(server.Receive(ClientBytes.Publishing()
            .Command(0, "createStream", 6, AmfValue.Null)
            .Command(2, "publish", 7, AmfValue.Null, AmfValue.Of("other"))
            .Message(RtmpMessageType.Audio, 2, 0, [1])
            .Message(RtmpMessageType.Audio, 1, 7, [1, 2]).ToArray()));
        Assert.Single(server.Events.Publishes);
        Assert.Equal("onStatus 0 on 2 NetStream.Publish.BadName", server.TakeCommands(true)[^1]);
        Assert.StartsWith("audio 7 2", server.Events.Lines[^1], StringComparison.Ordinal);
        Assert.Equal(3, server.Events.Lines.Count);
    }

    [Theory]
    [InlineData("record", PublishType.Record)]
    [InlineData("append", PublishType.Append)]
    [InlineData("nonsense", PublishType.Live)]
    public void Receive_PublishType_IsPassedOn(string text, PublishType type)
    {
        using var server = new Server();
        Assert.Null(server.Receive(new ClientBytes().Handshake().Connect().Publish("n", text).ToArray()));
        Assert.Equal(type, server.Events.Publishes[0].Type);
    }

    [Theory]
    [InlineData("")]
    [InlineData("../../etc/passwd?x=%00")]
    [InlineData("a\0b\r\n\u202E日本語")]
    public void Receive_OddStreamName_IsPassedOnAsItIs(string name)
    {
        using var server = new Server();
        Assert.Null(server.Receive(new ClientBytes().Handshake().Connect().Publish(name).ToArray()));
        Assert.Equal(name, server.Events.Publishes[0].StreamName);
        Assert.DoesNotContain("passwd", server.Events.Publishes[0].ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Receive_OtherCommands_AreAnsweredAsTheSpecificationSays()
    {
        using var server = new Server();
        Assert.Null(server.Receive(new ClientBytes().Handshake().Connect()
            .Command(0, "_checkbw", 2, AmfValue.Null)
            .Command(0, "getStreamLength", 3, AmfValue.Null, AmfValue.Of("x"))
            .Command(1, "play", 4, AmfValue.Null, AmfValue.Of("x"))
            .Command(0, "whatIsThis", 5, AmfValue.Null)
            .Command(0, "whatIsThis", 0, AmfValue.Null)
            .Command(0, "_error", 6, AmfValue.Null)
            .Command(1, "publish", 7, AmfValue.Null)
            .Command(0, "deleteStream", 8, AmfValue.Null, AmfValue.Of(9)).ToArray()));
        Assert.Equal(
            ["_result 2 on 0", "_result 3 on 0", "onStatus 0 on 1 NetStream.Play.Failed",
                "_error 5 on 0 NetConnection.Call.Failed", "onStatus 0 on 1 NetStream.Publish.BadName"],
            server.TakeCommands(true)[4..]);
    }

    [Fact]
    public void Receive_CommandInAmf3Framing_IsUnderstood()
    {
        using var server = new Server();
        var connect = new ArrayBufferWriter<byte>();
        connect.Write<byte>([0]);
        var amf = new Amf0Writer(connect);
        amf.String("connect");
        amf.Number(1);
        connect.Write<byte>([0x11]);
        new Amf3Writer(connect).Value(AmfValue.Object(("app", AmfValue.Of("live")), ("objectEncoding", AmfValue.Of(3))));
        Assert.Null(server.Receive(new ClientBytes().Handshake()
            .Message(RtmpMessageType.CommandAmf3, 0, 0, connect.WrittenSpan, 3)
            .Message(RtmpMessageType.CommandAmf3, 0, 0, [0, .. ClientBytes.Amf("createStream", 2, AmfValue.Null)], 3)
            .Message(RtmpMessageType.CommandAmf3, 1, 0, [0, .. ClientBytes.Amf("publish", 3, AmfValue.Null, AmfValue.Of("n"))], 3)
            .Message(RtmpMessageType.DataAmf3, 1, 5, [0, .. ClientBytes.Amf("onCuePoint", 0)])
            .ToArray()));
        Assert.Equal("live", server.Events.Connect!.App);
        Assert.Equal("n", server.Events.Publishes[0].StreamName);
        Assert.StartsWith("data onCuePoint 5 1 False", server.Events.Lines[^1], StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("createStream")]
    [InlineData("publish")]
    [InlineData("play")]
    [InlineData("x")]
    public void Receive_CommandBeforeConnect_IsAViolation(string name)
    {
        using var server = new Server();
        Assert.Equal(RtmpFault.CommandOrder, server.Receive(new ClientBytes().Handshake().Command(0, name, 1, AmfValue.Null).ToArray())!.Fault);
    }

    [Fact]
    public void Receive_SecondConnect_IsAViolation()
    {
        using var server = new Server();
        Assert.Equal(RtmpFault.CommandOrder, server.Receive(new ClientBytes().Handshake().Connect().Connect().ToArray())!.Fault);
        Assert.Equal(RtmpServerState.Closed, server.Session.State);
    }

    [Fact]
    public void Receive_FloodOfCommandsUnread_IsStoppedAtTheOutputLimit()
    {
        using var server = new Server();
        var client = new ClientBytes().Handshake().Connect();
        for (var i = 0; i < 20_000; i++)
            client.Command(0, "_checkbw", 2, AmfValue.Null);
        Assert.Equal(RtmpFault.OutputOverflow, server.Receive(client.ToArray())!.Fault);
        Assert.True(server.Session.PendingOutput.Length <= RtmpLimits.Default.MaxOutputBytes + 100);
    }

    [Fact]
    public void Receive_FloodOfPingsUnread_IsStoppedAtTheOutputLimit()
    {
        using var server = new Server();
        var client = new ClientBytes().Handshake().Connect();
        for (var i = 0; i < 20_000; i++)
            client.Message(RtmpMessageType.UserControl, 0, 0, [0, 6, 1, 2, 3, 4], 2);
        Assert.Equal(RtmpFault.OutputOverflow, server.Receive(client.ToArray())!.Fault);
    }

    [Fact]
    public void Receive_ManyStreams_AreRefusedPastTheLimit()
    {
        using var server = new Server(new RtmpLimits { MaxMessageStreams = 2 });
        Assert.Null(server.Receive(new ClientBytes().Handshake().Connect()
            .Command(0, "createStream", 2, AmfValue.Null)
            .Command(0, "createStream", 3, AmfValue.Null)
            .Command(0, "createStream", 4, AmfValue.Null).ToArray()));
        Assert.Equal(["_result 2 on 0", "_result 3 on 0", "_error 4 on 0 NetConnection.Call.Failed"], server.TakeCommands(true)[4..]);
    }

    [Fact]
    public void Receive_PublishAgainAndAgain_IsRefusedPastTheLimit()
    {
        using var server = new Server(new RtmpLimits { MaxPublishes = 2 });
        var client = new ClientBytes().Handshake().Connect().Command(0, "createStream", 2, AmfValue.Null);
        for (var i = 0; i < 4; i++)
        {
            client.Command(1, "publish", 3, AmfValue.Null, AmfValue.Of("n"));
            client.Command(1, "closeStream", 0, AmfValue.Null);
        }
        Assert.Null(server.Receive(client.ToArray()));
        Assert.Equal(2, server.Events.Lines.Count(line => line.StartsWith("publish", StringComparison.Ordinal)));
        Assert.Equal("onStatus 0 on 1 NetStream.Publish.BadName", server.TakeCommands(true)[^1]);
    }

    [Theory]
    [InlineData(0u)]
    [InlineData(0x1000000u)]
    [InlineData(0x80000000u)]
    [InlineData(0xFFFFFFFFu)]
    public void Receive_ChunkSizeOutOfBounds_IsAViolation(uint size)
    {
        using var server = new Server();
        Assert.Equal(RtmpFault.ChunkSize, server.Receive(new ClientBytes().Handshake().ChunkSize(size).ToArray())!.Fault);
    }

    [Theory]
    [InlineData(RtmpMessageType.SetChunkSize, 3)]
    [InlineData(RtmpMessageType.Abort, 0)]
    [InlineData(RtmpMessageType.Acknowledgement, 1)]
    [InlineData(RtmpMessageType.WindowAcknowledgementSize, 2)]
    [InlineData(RtmpMessageType.SetPeerBandwidth, 3)]
    [InlineData(RtmpMessageType.UserControl, 1)]
    public void Receive_ShortControlMessage_IsAViolation(RtmpMessageType type, int length)
    {
        using var server = new Server();
        Assert.Equal(RtmpFault.ControlMessage, server.Receive(new ClientBytes().Handshake().Message(type, 0, 0, new byte[length], 2).ToArray())!.Fault);
    }

    [Fact]
    public void Receive_Ping_IsAnsweredWithItsTime()
    {
        using var server = new Server();
        server.Receive(new ClientBytes().Handshake().ToArray());
        server.TakeOutput();
        Assert.Null(server.Receive(new ClientBytes().Message(RtmpMessageType.UserControl, 0, 0, [0, 6, 1, 2, 3, 4], 2).ToArray()));
        Assert.True(server.TakeOutput().AsSpan(12).SequenceEqual<byte>([0, 7, 1, 2, 3, 4]));
    }

    [Fact]
    public void Receive_PastTheWindow_IsAcknowledged()
    {
        using var server = new Server();
        Assert.Null(server.Receive(ClientBytes.Publishing()
            .Message(RtmpMessageType.WindowAcknowledgementSize, 0, 0, [0, 0, 0x0C, 0], 2).ToArray()));
        var commands = server.TakeCommands(true);
        Assert.Equal("Acknowledgement", commands[^1]);
        var received = server.Session.ReceivedBytes;
        Assert.Null(server.Receive(new ClientBytes().Message(RtmpMessageType.Video, 1, 0, ClientBytes.Body(2000, 1), 9).ToArray()));
        Assert.Empty(server.TakeOutput());
        Assert.Null(server.Receive(new ClientBytes().Message(RtmpMessageType.Video, 1, 0, ClientBytes.Body(2000, 1), 10).ToArray()));
        var acknowledgement = server.TakeOutput();
        Assert.Equal((uint)server.Session.ReceivedBytes, BinaryPrimitives.ReadUInt32BigEndian(acknowledgement.AsSpan(acknowledgement.Length - 4)));
        Assert.True(server.Session.ReceivedBytes > received);
    }

    [Fact]
    public void Receive_PeerBandwidth_IsAnsweredOnceByAWindow()
    {
        using var server = new Server();
        Assert.Null(server.Receive(new ClientBytes().Handshake().Connect()
            .Message(RtmpMessageType.SetPeerBandwidth, 0, 0, [0, 1, 0, 0, 2], 2)
            .Message(RtmpMessageType.SetPeerBandwidth, 0, 0, [0, 1, 0, 0, 2], 2).ToArray()));
        Assert.Equal(["WindowAcknowledgementSize"], server.TakeCommands(true)[4..]);
    }

    [Fact]
    public void Receive_AggregateMessage_ComesApartWithCorrectedTimes()
    {
        var aggregate = new ArrayBufferWriter<byte>();
        Part(aggregate, 8, 0x01000010, [1, 2, 3]);
        Part(aggregate, 9, 0x01000020, ClientBytes.Body(200, 5));
        Part(aggregate, 9, 0x01000021, []);
        Part(aggregate, 18, 0x01000022, ClientBytes.Amf("onTextData", 0));
        Part(aggregate, 8, 0x01000008, [4]);
        foreach (var portion in new[] { -1, 1 })
        {
            using var server = new Server();
            Assert.Null(server.Receive(ClientBytes.Publishing().Message(RtmpMessageType.Aggregate, 1, 500, aggregate.WrittenSpan).ToArray(), portion));
            Assert.Equal(["audio 500 3", "video 516 200", "data onTextData 518", "audio 492 1"],
                server.Events.Lines.Skip(2).Select(l => string.Join(' ', l.Split(' ')[..3])));
        }
    }

    [Fact]
    public void Receive_AggregateOfAlmostNothing_LeavesOnlyItsPartsInMemory()
    {
        var aggregate = new ArrayBufferWriter<byte>();
        Part(aggregate, 9, 0, [1, 2, 3]);
        Part(aggregate, 99, 0, new byte[1_000_000]);
        using var server = new Server();
        server.Events.Kept = [];
        Assert.Null(server.Receive(ClientBytes.Publishing().Message(RtmpMessageType.Aggregate, 1, 0, aggregate.WrittenSpan).ToArray()));
        Assert.InRange(server.Pool.UsedBytes, 1, 2 * Core.MediaBlockPool.BlockBytes);
        Assert.Single(server.Events.Kept).Release();
    }

    [Fact]
    public void Receive_AggregateWithoutItsLastBackPointer_IsTaken()
    {
        var aggregate = new ArrayBufferWriter<byte>();
        Part(aggregate, 8, 0, [1, 2, 3]);
        using var server = new Server();
        Assert.Null(server.Receive(ClientBytes.Publishing().Message(RtmpMessageType.Aggregate, 1, 500, aggregate.WrittenSpan[..^4]).ToArray()));
        Assert.StartsWith("audio 500 3", server.Events.Lines[^1], StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("08FFFFFF0000000000000001")]
    [InlineData("0800000100000000000000")]
    [InlineData("08000000")]
    [InlineData("16000000000000000000000000000000")]
    public void Receive_BrokenAggregate_IsAViolationAndGivesMemoryBack(string hex)
    {
        using var server = new Server();
        Assert.Equal(RtmpFault.AggregateMessage, server.Receive(ClientBytes.Publishing()
            .Message(RtmpMessageType.Aggregate, 1, 0, Convert.FromHexString(hex)).ToArray())!.Fault);
    }

    [Fact]
    public void Receive_MalformedData_IsRefusedAndTheStreamGoesOn()
    {
        using var server = new Server();
        Assert.Null(server.Receive(ClientBytes.Publishing()
            .Message(RtmpMessageType.DataAmf0, 1, 0, [2, 0, 9, 1])
            .Message(RtmpMessageType.DataAmf0, 1, 0, [5])
            .Message(RtmpMessageType.DataAmf0, 1, 0, [])
            .Message(RtmpMessageType.Audio, 1, 3, [1]).ToArray()));
        Assert.Equal(["refused AmfSyntax", "refused AmfSyntax", "refused AmfSyntax"], server.Events.Lines[2..5]);
        Assert.StartsWith("audio 3", server.Events.Lines[5], StringComparison.Ordinal);
    }

    [Fact]
    public void Receive_AmfBombInDataOrCommand_IsAViolation()
    {
        byte[] bomb = [2, 0, 1, (byte)'a', .. Enumerable.Repeat<byte[]>([0x0A, 0, 0, 0, 1], 1000).SelectMany(b => b), 5];
        foreach (var type in new[] { RtmpMessageType.DataAmf0, RtmpMessageType.CommandAmf0, RtmpMessageType.DataAmf3, RtmpMessageType.CommandAmf3 })
        {
            using var server = new Server();
            Assert.Equal(RtmpFault.AmfLimit, server.Receive(ClientBytes.Publishing().Message(type, 1, 0, bomb).ToArray())!.Fault);
        }
    }

    [Fact]
    public void Receive_EnhancedConnect_LearnsAndTellsCapabilities()
    {
        using var server = new Server();
        Assert.Null(server.Receive(new ClientBytes().Handshake().Connect(
            ("fourCcList", AmfValue.StrictArray(AmfValue.Of("av01"), AmfValue.Of(3), AmfValue.Of("hvc1"))),
            ("videoFourCcInfoMap", AmfValue.Object(("*", AmfValue.Of(4)), ("vp09", AmfValue.Of(7)), ("bad", AmfValue.Of(double.NaN)))),
            ("audioFourCcInfoMap", AmfValue.EcmaArray([KeyValuePair.Create("Opus", AmfValue.Of(2))])),
            ("capsEx", AmfValue.Of(5))).ToArray()));
        var peer = server.Session.PeerCapabilities;
        Assert.Equal(["av01", "hvc1"], peer.FourCcList);
        Assert.Equal(FourCcInfo.CanForward, peer.Video["*"]);
        Assert.Equal(FourCcInfo.CanDecode | FourCcInfo.CanEncode | FourCcInfo.CanForward, peer.Video["vp09"]);
        Assert.Equal(FourCcInfo.None, peer.Video["bad"]);
        Assert.Equal(FourCcInfo.CanEncode, peer.Audio["Opus"]);
        Assert.Equal(RtmpCapsEx.Reconnect | RtmpCapsEx.ModEx, peer.CapsEx);
        var sent = System.Text.Encoding.Latin1.GetString(server.TakeOutput());
        foreach (var fourCc in new[] { "capsEx", "avc1", "hvc1", "av01", "vp09", "mp4a", "Opus", ".mp3", "fLaC", "ac-3", "ec-3" })
            Assert.Contains(fourCc, sent, StringComparison.Ordinal);
    }

    [Fact]
    public void Receive_PlainConnect_IsAnsweredWithoutEnhancedNames()
    {
        using var server = new Server();
        Assert.Null(server.Receive(new ClientBytes().Handshake().Connect().ToArray()));
        Assert.DoesNotContain("capsEx", System.Text.Encoding.Latin1.GetString(server.TakeOutput()), StringComparison.Ordinal);
        Assert.False(server.Session.RequestReconnect(null, null));
    }

    [Fact]
    public void ClosePublish_InsideAnEvent_EndsMediaAtOnce()
    {
        using var server = new Server();
        server.Events.OnEachVideo = s => s.ClosePublish("NetStream.Publish.BadName", "Another publisher took over.");
        Assert.Null(server.Receive(ClientBytes.Publishing()
            .Message(RtmpMessageType.Video, 1, 0, ClientBytes.Body(100, 1))
            .Message(RtmpMessageType.Video, 1, 1, ClientBytes.Body(100, 1)).ToArray()));
        Assert.Equal(3, server.Events.Lines.Count);
        Assert.Equal(["onStatus 0 on 1 NetStream.Publish.BadName", "onStatus 0 on 1 NetStream.Unpublish.Success"], server.TakeCommands(true)[^2..]);
        Assert.Equal(RtmpServerState.Connected, server.Session.State);
    }

    [Fact]
    public void Receive_UnpublishBeforeTheAnswer_MakesTheAnswerWithoutEffect()
    {
        using var server = new Server(unanswered: true);
        Assert.Null(server.Receive(ClientBytes.Publishing().Message(RtmpMessageType.Audio, 1, 0, [1])
            .Command(0, "FCUnpublish", 6, AmfValue.Null, AmfValue.Of("n")).ToArray()));
        Assert.Equal("unpublish FCUnpublish", server.Events.Lines[^1]);
        Assert.False(server.Session.AcceptPublish());
        Assert.Equal(RtmpServerState.Connected, server.Session.State);
    }

    [Fact]
    public void Receive_AfterAViolation_TakesNothingMore()
    {
        using var server = new Server();
        var violation = server.Receive(new ClientBytes().Handshake().Connect().Connect().ToArray());
        Assert.Same(violation, server.Receive(ClientBytes.Publishing().ToArray()));
        Assert.Same(violation, server.Session.Violation);
        Assert.Single(server.Events.Lines);
    }

    private static void Part(ArrayBufferWriter<byte> aggregate, byte type, uint time, byte[] body)
    {
        aggregate.Write<byte>(
            [type, (byte)(body.Length >> 16), (byte)(body.Length >> 8), (byte)body.Length,
                (byte)(time >> 16), (byte)(time >> 8), (byte)time, (byte)(time >> 24), 0, 0, 1]);
        aggregate.Write<byte>(body);
        aggregate.Write<byte>([0, 0, 0, (byte)(body.Length + 11)]);
    }
}
