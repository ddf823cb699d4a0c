using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using Millrace.Core;

namespace Millrace.Delivery.Tests;

/// <summary>Clips: recordings of their own that outlive what they were cut from, but for its takedown.</summary>
public sealed class ClipTests
{
    private static readonly DvrOptions Full = new() { Mode = DvrMode.Full };
    private static readonly RetentionOptions OneHour = new() { MaxAge = TimeSpan.FromHours(1), MinFreeBytes = 0 };

    [Fact]
    public async Task Make_OfAReplay_HasItsBytesAndOutlivesItAndTheProcess()
    {
        string clip;
        using var data = new Origin(dvr: Full);
        using (var origin = new Origin(dvr: Full, retention: OneHour, dataPath: data.DataPath))
        {
            var source = await RecordAsync(origin);
            origin.Time.Advance(TimeSpan.FromMinutes(10));
            using var maker = Maker(origin);
            var (made, fault) = await MakeAsync(maker, source, 5, 9);
            Assert.Equal(ClipFault.None, fault);
            Assert.Equal((TimeSpan.FromSeconds(4), TimeSpan.FromSeconds(10), "The goal"), (made!.Clip!.From, made.Clip.To, made.Clip.Name));
            Assert.Equal((TimeSpan.FromSeconds(6), source), (made.Duration, made.Clip.Of));
            Assert.InRange(made.Bytes, 3 * 4000, 3 * 4000 + 2000);
            clip = made.Id.Value;
            await DemandAsync(origin, clip);
            Assert.True(ChannelName.TryParse("studio-two", out var name));
            Assert.Equal([clip], origin.Store.Replays.Clips(name).Select(known => known.Id.Value));
            Assert.Equal([source.Value], origin.Store.Replays.List(name).Select(known => known.Id.Value));

            // The broadcast goes with time, the clip does not.
            origin.Time.Advance(TimeSpan.FromHours(3));
            await CheckAsync(origin);
            Assert.Null(origin.Store.Replays.Find(source.Value));
            await DemandAsync(origin, clip);
        }
        using var again = new Origin(dvr: Full, retention: OneHour, dataPath: data.DataPath);
        again.Time.Advance(TimeSpan.FromHours(5));
        await CheckAsync(again);
        Assert.Equal("The goal", again.Store.Replays.Find(clip)!.Clip!.Name);
        await DemandAsync(again, clip);
        Assert.Empty(Directory.GetDirectories(again.RecordingsPath, "*" + ClipWriter.Suffix));
    }

    [Fact]
    public async Task Takedown_OfTheBroadcast_TakesItsClipsAndNoOthers()
    {
        using var origin = new Origin(dvr: Full);
        var (one, other) = (await RecordAsync(origin), await RecordAsync(origin));
        using var maker = Maker(origin);
        var first = (await MakeAsync(maker, one, 0, 4)).Clip!;
        var second = (await MakeAsync(maker, one, 4, 8)).Clip!;
        var kept = (await MakeAsync(maker, other, 0, 4)).Clip!;
        Assert.Equal(2, OriginStore.FindClips(origin.DataPath, one).Count);

        Assert.Equal(new HashSet<BroadcastId> { one, first.Id, second.Id }, origin.Store.TakeDown(one).ToHashSet());

        await origin.ChoresAsync();
        Assert.False(Directory.Exists(origin.Store.DirectoryOf(first.Id)));
        Assert.Null(origin.Store.Replays.Find(second.Id.Value));
        Assert.NotNull(origin.Store.Replays.Find(kept.Id.Value));
        Assert.Equal([kept.Id], origin.Store.TakeDown(kept.Id));
        Assert.NotNull(origin.Store.Replays.Find(other.Value));
        // One that outlived its broadcast goes with the takedown, too.
        var last = (await MakeAsync(maker, other, 0, 4)).Clip!;
        Assert.True(origin.Store.Delete(other));
        Assert.Equal([last.Id], origin.Store.TakeDown(other));
        Assert.Empty(origin.Store.TakeDown(one));
    }

    [Fact]
    public async Task Make_OfWhatIsOnAir_HasWhatIsRecorded()
    {
        using var origin = new Origin(dvr: Full);
        origin.AddSegments(0, 5);
        await origin.SpooledAsync(() => origin.Broadcast.Journal.IsCaughtUp);
        origin.AddParts(5, 0, 2);
        using var maker = Maker(origin);
        var (clip, fault) = await MakeAsync(maker, origin.Broadcast.Id, 7, 100);
        Assert.Equal(ClipFault.None, fault);
        Assert.Equal((TimeSpan.FromSeconds(6), TimeSpan.FromSeconds(10)), (clip!.Clip!.From, clip.Clip.To));
        Assert.False(origin.Broadcast.IsEnded);
    }

    [Fact]
    public async Task Make_OfABroadcastWhoseJournalWasMadeShorter_HasItsBytes()
    {
        using var origin = new Origin(dvr: new DvrOptions { Mode = DvrMode.Window, Window = TimeSpan.FromSeconds(100) });
        origin.AddSegments(0, 300);
        await origin.SpooledAsync(() => origin.Broadcast.Journal.IsCaughtUp);
        Assert.Null(origin.Broadcast.Journal.Checkpoint(origin.Broadcast.Keep!.Value));
        using var maker = Maker(origin);
        var (clip, fault) = await MakeAsync(maker, origin.Broadcast.Id, 561, 565);
        Assert.Equal(ClipFault.None, fault);
        Assert.Equal((TimeSpan.FromSeconds(560), TimeSpan.FromSeconds(566)), (clip!.Clip!.From, clip.Clip.To));
        await DemandAsync(origin, clip.Id.Value, first: 280);
    }

    [Fact]
    public async Task Make_WhatCannotBe_SaysWhy()
    {
        using var origin = new Origin(dvr: Full);
        var source = await RecordAsync(origin);
        using var maker = Maker(origin, new ClipOptions { MaxDuration = TimeSpan.FromSeconds(6), MaxCount = 1 });
        Assert.Equal(ClipFault.TooLong, (await MakeAsync(maker, source, 0, 7)).Fault);
        Assert.Equal(ClipFault.Empty, (await MakeAsync(maker, source, 500, 503)).Fault);
        Assert.Equal(ClipFault.UnknownBroadcast, (await MakeAsync(maker, BroadcastId.New(origin.Time.GetUtcNow()), 0, 4)).Fault);
        var clip = (await MakeAsync(maker, source, 0, 4)).Clip!;
        Assert.Equal(ClipFault.TooMany, (await MakeAsync(maker, source, 0, 4)).Fault);
        Assert.Equal(ClipFault.OfClip, (await MakeAsync(maker, clip.Id, 0, 4)).Fault);
        using var full = Maker(origin, retention: new RetentionOptions { MinFreeBytes = 1L << 60 });
        Assert.Equal(ClipFault.NoRoom, (await MakeAsync(full, source, 0, 4)).Fault);
        using var cancelled = new CancellationTokenSource();
        await cancelled.CancelAsync();
        using var more = Maker(origin);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => more.MakeAsync(source, TimeSpan.Zero, TimeSpan.FromSeconds(4), "x", cancelled.Token));
        Assert.Empty(Directory.GetDirectories(origin.RecordingsPath, "*" + ClipWriter.Suffix));
        Assert.All((string?[])[null, "", " x", "x\n", new string('x', 101)], name => Assert.False(Clip.IsName(name)));
    }

    private static ClipMaker Maker(Origin origin, ClipOptions? options = null, RetentionOptions? retention = null) =>
        new(origin.Store, options ?? new ClipOptions(), retention ?? new RetentionOptions { MinFreeBytes = 0 }, FfmpegProgram.Find(""), origin.Time, NullLogger<OriginStore>.Instance);

    private static Task<(Replay? Clip, ClipFault Fault)> MakeAsync(ClipMaker maker, BroadcastId of, double from, double to) =>
        maker.MakeAsync(of, TimeSpan.FromSeconds(from), TimeSpan.FromSeconds(to), "The goal", TestContext.Current.CancellationToken);

    /// <summary>Six segments of two seconds that have ended and are on disk.</summary>
    private static async Task<BroadcastId> RecordAsync(Origin origin)
    {
        origin.Time.Advance(TimeSpan.FromSeconds(1));
        var broadcast = origin.OpenBroadcast("studio-two");
        for (var segment = 0; segment < 6; segment++)
            origin.AddSegment(segment, broadcast);
        broadcast.End();
        await origin.SpooledAsync(() => broadcast.IsStored);
        return broadcast.Id;
    }

    /// <summary>A clip of three segments plays like a replay.</summary>
    private static async Task DemandAsync(Origin origin, string clip, int first = 2)
    {
        var endpoint = new MediaEndpoint(origin.Store, origin.Time);
        async Task<byte[]> GetAsync(string name)
        {
            var exchange = new Exchange(endpoint.TryInvoke, $"/b/{clip}/{name}", null, "");
            var body = await exchange.BodyAsync();
            Assert.Equal(200, exchange.Response.StatusCode);
            return body;
        }
        var playlist = Encoding.ASCII.GetString(await GetAsync("source/dvr.m3u8"));
        Assert.Contains($"#EXT-X-MEDIA-SEQUENCE:{first}\n", playlist, StringComparison.Ordinal);
        Assert.Contains("#EXT-X-ENDLIST", playlist, StringComparison.Ordinal);
        Assert.Equal(3, playlist.Split(".m4s").Length - 1);
        for (var number = first; number < first + 3; number++)
            Assert.Equal(Origin.BytesOf(number), await GetAsync($"source/{number}.m4s"));
        Assert.Equal([9, 8, 7], await GetAsync("source/0-init.mp4"));
    }

    private static Task CheckAsync(Origin origin)
    {
        var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        origin.Store.Spooler.Run(() =>
        {
            origin.Store.Replays.Check();
            origin.Store.Spooler.Run(done.SetResult);
        });
        return done.Task.WaitAsync(TimeSpan.FromSeconds(20), TestContext.Current.CancellationToken);
    }
}
