using Millrace.Ingest;
using Millrace.Rtmp;

namespace Millrace.Server.Tests.Rtmp;

public sealed class RtmpConnectionTests
{
    private static readonly IngestOptions Keys = new() { Admission = AdmissionMode.Keys, WrongKeyDelay = TimeSpan.FromSeconds(2) };

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(1537)]
    public void Handshake_ThatStops_IsClosedAtItsTimeOutAndSaidOnce(int bytes)
    {
        using var shell = new Shell();
        using var peer = shell.Connect();
        peer.Raw([.. new byte[] { 3 }.Concat(new byte[1536]).Take(bytes)]);
        peer.Pass(10);
        Assert.False(peer.IsClosed);
        peer.Pass(1);
        Assert.True(peer.IsClosed);
        Assert.Equal([11505], shell.Said.Select(said => said.Id));
    }

    [Fact]
    public void Handshake_ThatTrickles_GainsNoTime()
    {
        using var shell = new Shell();
        using var peer = shell.Connect();
        for (var second = 0; second < 11 && !peer.IsClosed; second++)
        {
            peer.Raw([3]);
            peer.Pass(1);
        }
        Assert.True(peer.IsClosed);
    }

    [Fact]
    public void Connected_WithoutPublish_IsClosedAtTheSameTimeOut()
    {
        using var shell = new Shell();
        using var peer = shell.Connect();
        // C0, C1, C2, and a ping every second.
        peer.Raw([3, .. new byte[1536], .. new byte[1536]]);
        for (var second = 0; second < 11; second++)
        {
            peer.Raw([2, 0, 0, 0, 0, 0, 6, 4, 0, 0, 0, 0, 0, 6, 0, 0, 0, 1]);
            peer.Pass(1);
        }
        Assert.True(peer.IsClosed);
    }

    [Fact]
    public void Publisher_ThatFallsSilent_IsClosedAtTheIdleTimeOut()
    {
        using var shell = new Shell();
        using var peer = shell.Connect().Begin();
        Assert.Equal(RtmpPublisherState.Publishing, peer.State);
        peer.Pass(19);
        peer.Header();
        peer.Pass(20);
        Assert.False(peer.IsClosed);
        peer.Pass(1);
        Assert.True(peer.IsClosed);
        Assert.Equal([11501, 11505], shell.Said.Select(said => said.Id));
        peer.Connection.Dispose();
        Assert.Equal(1, peer.Ended);
        Assert.Contains("sent nothing for too long", shell.Said.Last().Line, StringComparison.Ordinal);
        Assert.Null(shell.Find("alice"));
    }

    [Fact]
    public async Task WrongKey_Answer_ComesAfterTheDelayAndTheConnectionEndsAfterwards()
    {
        using var shell = new Shell(Keys);
        using var peer = shell.Connect("guessed-key").Begin();
        Assert.Equal(RtmpPublisherState.AwaitingPublish, peer.State);
        peer.Pass(1.9);
        Assert.Equal(RtmpPublisherState.AwaitingPublish, peer.State);
        peer.Pass(0.2);
        await peer.UntilAsync(() => peer.State == RtmpPublisherState.Refused);
        Assert.Equal(("NetStream.Publish.BadName", "The stream key is wrong."), peer.Refusal);
        Assert.False(peer.IsClosed);

        // What it floods us with now is neither answered nor said.
        var answered = peer.Answered;
        for (var i = 0; i < 1000; i++)
            peer.Raw(new byte[10_000]);
        Assert.Equal(answered, peer.Answered);
        peer.Pass(3);
        Assert.True(peer.IsClosed);
        var (id, line) = Assert.Single(shell.Said);
        Assert.Equal(11503, id);
        Assert.DoesNotContain("guessed-key", line, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("another-guess")]
    [InlineData(Shell.Key)]
    public void WrongKey_TakenBackForAnotherOne_GainsNoGuess(string second)
    {
        using var shell = new Shell(Keys);
        using var peer = shell.Connect("guessed-key").Begin();
        peer.Republish(second);
        Assert.Null(shell.Find("alice"));
        peer.Pass(3);
        Assert.True(peer.IsClosed);
        Assert.Null(shell.Find("alice"));
    }

    [Fact]
    public void WrongKey_PeerThatDoesNotWait_LeavesNothing()
    {
        using var shell = new Shell(Keys);
        var peer = shell.Connect("guessed-key").Begin();
        peer.Dispose();
        shell.Time.Advance(TimeSpan.FromSeconds(3));
        Assert.Equal(1, peer.Ended);
        Assert.Empty(shell.Said);
    }

    [Fact]
    public void RightKey_IsAnsweredAtOnceAndNeverSaid()
    {
        using var shell = new Shell(Keys);
        using var peer = shell.Connect(Shell.Key).Begin();
        Assert.Equal(RtmpPublisherState.Publishing, peer.State);
        Assert.NotNull(shell.Find("alice"));
        var (id, line) = Assert.Single(shell.Said);
        Assert.Equal(11501, id);
        Assert.Contains("alice", line, StringComparison.Ordinal);
        Assert.DoesNotContain(Shell.Key, line, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("../../etc/passwd", "live")]
    [InlineData("..%2f..%2fetc", "live")]
    [InlineData("AB\r\nforged line", "live")]
    [InlineData("alice", "../live")]
    [InlineData("alice", "live/../../x")]
    public void Publish_NameThatIsNone_IsRefusedAndStaysOutOfTheLog(string stream, string app)
    {
        using var shell = new Shell();
        using var peer = shell.Connect(stream, app).Begin();
        Assert.Equal(RtmpPublisherState.Refused, peer.State);
        Assert.Equal("NetStream.Publish.BadName", peer.Refusal.Code);
        Assert.Empty(shell.Directory.List());
        var (_, line) = Assert.Single(shell.Said);
        Assert.DoesNotContain("etc", line, StringComparison.Ordinal);
        Assert.DoesNotContain("forged", line, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', line);
    }

    [Fact]
    public async Task Publisher_WhoseChannelIsTaken_IsToldIgnoredAndCutOff()
    {
        using var shell = new Shell();
        using var old = shell.Connect().Begin();
        old.Header();
        old.Picture(0, key: true);
        using var next = shell.Connect().Begin();
        Assert.Equal(RtmpPublisherState.Publishing, next.State);
        await old.UntilAsync(() => old.State == RtmpPublisherState.Refused);
        Assert.Equal("NetStream.Publish.BadName", old.Refusal.Code);

        // It goes on sending; nothing of it reaches the broadcast, and it gets two seconds to read why.
        var broadcast = Assert.Single(shell.Directory.List());
        var pictures = broadcast.ReadHealth().Ingest.VideoUnits;
        old.Picture(33, key: false);
        old.Pass(1);
        Assert.False(old.IsClosed);
        old.Picture(66, key: false);
        old.Pass(1.1);
        Assert.True(old.IsClosed);
        Assert.Equal(pictures, broadcast.ReadHealth().Ingest.VideoUnits);
        old.Connection.Dispose();

        next.Header();
        next.Picture(0, key: true);
        Assert.Equal(pictures + 1, broadcast.ReadHealth().Ingest.VideoUnits);
        Assert.Equal(2, broadcast.ReadHealth().Sessions);
        Assert.False(next.IsClosed);
    }

    [Fact]
    public void Publisher_OnALiveChannel_IsRefusedWhenSoConfigured()
    {
        using var shell = new Shell(new IngestOptions { Admission = AdmissionMode.Open, OnDuplicate = DuplicatePolicy.Reject });
        using var first = shell.Connect().Begin();
        first.Header();
        using var second = shell.Connect().Begin();
        Assert.Equal(RtmpPublisherState.Refused, second.State);
        Assert.Equal(RtmpPublisherState.Publishing, first.State);
    }

    [Fact]
    public void Publisher_OverItsBitrate_IsToldTheLimit()
    {
        using var shell = new Shell(new IngestOptions { Admission = AdmissionMode.Open, MaxBitrate = 100_000 });
        using var peer = shell.Connect().Begin();
        peer.Header();
        for (var i = 0u; i < 8000 && peer.State == RtmpPublisherState.Publishing; i++)
        {
            peer.Picture(i, key: i == 0);
            peer.Pump();
        }
        Assert.Equal("NetStream.Publish.Rejected", peer.Refusal.Code);
        Assert.Contains("0.1 Mbit/s", peer.Refusal.Description, StringComparison.Ordinal);
        Assert.Equal([11501, 11510], shell.Said.Select(said => said.Id));
    }

    [Fact]
    public void Peer_ThatReadsNothing_IsClosed()
    {
        using var shell = new Shell();
        using var peer = shell.Connect();
        peer.IsStuck = true;
        peer.Raw([3, .. new byte[1536]]);
        Assert.True(peer.IsClosed);
    }

    [Fact]
    public void Violations_OfManyPeersAtOnce_AreOneLineASecond()
    {
        using var shell = new Shell();
        for (var i = 0; i < 100; i++)
        {
            using var peer = shell.Connect();
            peer.Raw([0x47, .. "ET / HTTP/1.1\r\n\r\n"u8]);
            Assert.True(peer.IsClosed);
        }
        Assert.Equal([11504], shell.Said.Select(said => said.Id));
        shell.Time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal([11504, 11504], shell.Said.Select(said => said.Id));
        Assert.EndsWith("(and 98 more like it)", shell.Said.Last().Line, StringComparison.Ordinal);
    }

    [Fact]
    public void Data_OverTheWire_ReachesOneTypedPlace()
    {
        using var shell = new Shell();
        var all = new List<StreamData>();
        shell.Directory.DataReceived += (broadcast, data) =>
        {
            Assert.Equal("alice", broadcast.Channel.Value);
            all.Add(data);
        };
        using var peer = shell.Connect().Begin();
        // WriteData says @setDataFrame for onMetaData, as encoders do.
        peer.Data("onMetaData", AmfValue.Object(("videocodecid", AmfValue.Of(7)), ("width", AmfValue.Of(640)), ("encoder", AmfValue.Of("x"))));
        peer.Data("onTextData", AmfValue.Object(("text", AmfValue.Of("hello"))));
        peer.Data("onCuePoint", AmfValue.Object(("name", AmfValue.Of("goal"))));
        peer.Data("onCaptionInfo", AmfValue.Object(("type", AmfValue.Of("708")), ("data", AmfValue.Of("AAA="))));
        peer.Data("onFI", AmfValue.Object(("sd", AmfValue.Of("01-05-2026"))));
        Assert.Equal(
            [typeof(StreamMetadata), typeof(StreamText), typeof(StreamCuePoint), typeof(StreamCaptionInfo), typeof(UnknownStreamData)],
            all.Select(data => data.GetType()));
        Assert.Equal((true, 640), (((StreamMetadata)all[0]).HasVideo, ((StreamMetadata)all[0]).Width));
        var unknown = (UnknownStreamData)all[4];
        Assert.Equal("onFI", unknown.Name);
        Assert.True(unknown.Values[0]["sd"]!.TryGetString(out var date));
        Assert.Equal("01-05-2026", date);
    }

    [Fact]
    public void Dispose_InAnyState_GivesEveryByteBack()
    {
        var shell = new Shell();
        using (var peer = shell.Connect().Begin())
        {
            peer.Header();
            for (var i = 0u; i < 200; i++)
                peer.Picture(i * 33, key: i % 60 == 0);
            // The first half of a long message.
            peer.Raw([6, 0, 0, 0, 1, 0, 0, 9, 1, 0, 0, 0, 0x17, 1, 0, 0, 0]);
        }
        shell.Dispose();
        Assert.Equal(0, shell.Pool.UsedBytes);
    }
}
