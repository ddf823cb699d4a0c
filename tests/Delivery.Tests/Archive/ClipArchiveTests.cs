using Microsoft.Extensions.Logging.Abstractions;
using Millrace.Core;

namespace Millrace.Delivery.Tests.Archive;

/// <summary>Clips with a store behind the disk: cut from what only the store has, and there as long as it is.</summary>
public sealed class ClipArchiveTests(RadosGateway gateway)
{
    private const string Name = "Der Treffer \u2013 92. Minute / 2:1 \ud83d\ude00";

    [Fact]
    public async Task Clip_OfAReplayThatOnlyTheStoreHas_OutlivesItAndTheDisk()
    {
        using var storage = await OpenAsync();
        using var recording = new RecordingNode(storage.Options);
        var (source, script) = recording.Record(14);
        RecordingNode.AddSprites(source, 1, from: 10);
        source.End();
        await recording.KeptAsync(source);

        // 1. Made on a node that has nothing of the broadcast.
        using var node = storage.After(recording);
        await node.UntilAsync(() => node.Store.Replays.Find(source.Id.Value) is not null, "the replay is known");
        using var maker = Maker(node);
        var (clip, fault) = await MakeAsync(maker, source.Id, 5, 17);
        Assert.Equal(ClipFault.None, fault);
        Assert.Empty(node.FilesOf(source.Id));
        await DemandAsync(node, clip!.Id, script);
        await node.UntilAsync(() => clip.IsArchived, "the clip is stored");

        // 2. The broadcast goes by retention; another disk knows the clip, and whoever finds this one's again does too.
        Assert.True(node.Store.Delete(source.Id));
        await node.UntilAsync(() => node.Store.Archive!.IsIdle, "the broadcast is deleted");
        Assert.Empty(await storage.NamesAsync(node, source.Id, under: "b/"));
        using var next = storage.After(node);
        await next.UntilAsync(() => next.Store.Replays.Find(clip.Id.Value) is not null, "the clip is known to the next node");
        var found = Assert.Single(next.Store.Replays.Clips(clip.Channel));
        Assert.Equal((clip.Clip, clip.Duration, clip.StartedAt, clip.Bytes), (found.Clip! with { CreatedAt = clip.Clip!.CreatedAt }, found.Duration, found.StartedAt, found.Bytes));
        Assert.Empty(next.Store.Replays.List());
        Assert.Equal([clip.Id], next.Store.Replays.ClipsOf(source.Id).Select(known => known.Id));
        await DemandAsync(next, clip.Id, script);
        using var again = new RecordingNode(storage.Options, from: node);
        Assert.True(again.Store.Replays.Find(clip.Id.Value)!.IsArchived);
        await DemandAsync(again, clip.Id, script);

        // 3. Its files leave the disk as those of a replay do, and it stays.
        node.Store.Close(node.Store.Find(clip.Id.Value)!);
        await node.ChoresAsync();
        Assert.True(node.Store.LocalSpace!.Evict(long.MaxValue) > 0);
        Assert.Empty(node.FilesOf(clip.Id));
        await DemandAsync(node, clip.Id, script);

        // 4. Deleted on one node it is deleted everywhere.
        Assert.Equal([clip.Id], next.Store.TakeDown(clip.Id));
        await next.UntilAsync(() => next.Store.Archive!.IsIdle, "the clip is deleted");
        Assert.Empty(await storage.NamesAsync(next, clip.Id));
        await node.UntilAsync(() => node.Store.Replays.Find(clip.Id.Value) is null, "the other node hears of it");
    }

    [Fact]
    public async Task Clip_WhileTheStoreIsAway_IsRefusedAndLeavesNothing()
    {
        using var storage = await OpenAsync();
        using var recording = new RecordingNode(storage.Options);
        var (source, script) = recording.Record(14);
        source.End();
        await recording.KeptAsync(source);
        using var node = storage.After(recording);
        await node.UntilAsync(() => node.Store.Replays.Find(source.Id.Value) is not null, "the replay is known");
        using var maker = Maker(node);
        storage.Link.Cut();
        Assert.Equal(ClipFault.Busy, (await MakeAsync(maker, source.Id, 0, 20)).Fault);
        storage.Link.Mend();
        Assert.NotNull(await node.Store.Replays.OpenAsync(source.Id.Value));
        storage.Link.Cut();
        Assert.Equal(ClipFault.NotToBeHad, (await MakeAsync(maker, source.Id, 5, 17)).Fault);
        Assert.Empty(Directory.GetDirectories(node.Store.RecordingsPath, "*" + ClipWriter.Suffix));
        Assert.Empty(node.Store.Replays.ClipsOf(source.Id));
        storage.Link.Mend();
        await DemandAsync(node, (await MakeAsync(maker, source.Id, 5, 17)).Clip!.Id, script, sprites: false);
    }

    [Fact]
    public async Task Takedown_OfABroadcast_TakesAClipThatAnotherNodeMadeAMomentAgo()
    {
        using var storage = await OpenAsync();
        using var recording = new RecordingNode(storage.Options);
        var (source, _) = recording.Record(14);
        source.End();
        await recording.KeptAsync(source);
        using var other = storage.After(recording);
        await other.UntilAsync(() => other.Store.Replays.Find(source.Id.Value) is not null, "the replay is known");
        using var maker = Maker(recording);
        var clip = (await MakeAsync(maker, source.Id, 5, 17)).Clip!;
        await recording.UntilAsync(() => clip.IsArchived, "the clip is stored");
        Assert.Null(other.Store.Replays.Find(clip.Id.Value));

        Assert.Equal([source.Id], other.Store.TakeDown(source.Id));
        await other.UntilAsync(() => other.Store.Archive!.IsIdle, "it is carried out");
        Assert.Empty(await storage.NamesAsync(other, clip.Id));
        await recording.UntilAsync(() => recording.Store.Replays.Find(clip.Id.Value) is null && recording.Store.Replays.Find(source.Id.Value) is null, "the node that made it hears of it");
    }

    [Fact]
    public void Name_OfAnyClip_FitsAndIsReadBack()
    {
        Assert.True(ChannelName.TryParse(new string('x', 64), out var channel));
        var at = new DateTimeOffset(2026, 11, 22, 20, 0, 0, 123, TimeSpan.Zero);
        foreach (var name in (string[])[Name, new string('\u6f22', Clip.MaxNameLength), "a/b?c&d#e", "."])
        {
            var clip = new Clip(name, BroadcastId.New(at), TimeSpan.FromMilliseconds(1234), TimeSpan.FromHours(900), at);
            var replay = new Replay(channel, BroadcastId.New(at), at, at.AddHours(1), TimeSpan.FromHours(1), 0, DvrMode.Full, clip);
            var written = ArchivedReplay.NameOf(replay, 1L << 40);
            Assert.InRange(written.Length, 1, 1024 - 200);
            Assert.True(ArchivedReplay.TryParse(written, out var read));
            Assert.Equal(clip, read.Clip);
            Assert.Equal((replay.Id, replay.Channel, replay.StartedAt, replay.EndedAt, replay.Duration, 1L << 40), (read.Id, read.Channel, read.StartedAt, read.EndedAt, read.Duration, read.Bytes));
            Assert.False(ArchivedReplay.TryParse(written + "!", out _));
            Assert.False(ArchivedReplay.TryParse(written.Replace("clips/", "replays/", StringComparison.Ordinal), out _));
        }
    }

    /// <summary>Segments 2 to 8, and the tile of that time.</summary>
    private static async Task DemandAsync(RecordingNode node, BroadcastId clip, RandomBroadcast script, bool sprites = true)
    {
        var (playlist, text) = await node.GetAsync($"/b/{clip}/source/dvr.m3u8");
        Assert.Equal(200, playlist.StatusCode);
        Assert.Contains("#EXT-X-MEDIA-SEQUENCE:2\n", System.Text.Encoding.ASCII.GetString(text), StringComparison.Ordinal);
        Assert.DoesNotContain("#EXT-X-GAP", System.Text.Encoding.ASCII.GetString(text), StringComparison.Ordinal);
        foreach (var rendition in (string[])["source", "audio"])
        {
            for (var number = 2L; number < 9; number++)
                Assert.Equal(script.Media[(rendition, number)], (await node.GetAsync($"/b/{clip}/{rendition}/{number}.m4s")).Body);
        }
        if (!sprites)
            return;
        var index = System.Text.Encoding.ASCII.GetString((await node.GetAsync($"/b/{clip}/sprites.vtt")).Body);
        Assert.Equal("WEBVTT\n\n00:00:00.000 --> 00:00:14.000\nsprites/0.1.jpg#xywh=0,0,160,90\n", index);
        Assert.Equal(200, (await node.GetAsync($"/b/{clip}/sprites/0.1.jpg")).Response.StatusCode);
    }

    private static ClipMaker Maker(RecordingNode node) =>
        new(node.Store, new ClipOptions(), new RetentionOptions { MinFreeBytes = 0 }, FfmpegProgram.Find(""), node.Time, NullLogger<OriginStore>.Instance);

    private static Task<(Replay? Clip, ClipFault Fault)> MakeAsync(ClipMaker maker, BroadcastId of, double from, double to) =>
        maker.MakeAsync(of, TimeSpan.FromSeconds(from), TimeSpan.FromSeconds(to), Name, TestContext.Current.CancellationToken);

    private async Task<S3Case> OpenAsync() => (S3Case)await StorageCase.OpenAsync(StorageKind.S3, gateway);
}
