using System.Text.RegularExpressions;
using Millrace.Core;
using Millrace.Media;
using Millrace.Packaging;

namespace Millrace.Delivery.Tests;

/// <summary>A packager with a rung, over the real origin.</summary>
public sealed partial class DerivedRenditionTests : IDisposable
{
    private static readonly VideoFormat Rung = new(Codec.Avc, "avc1.64001e", [1, 0x64, 0, 0x1e, 0xff, 0xe0, 0], 854, 480) { DeclaredFrameRate = 30 };

    private readonly Origin origin = new();
    private readonly OriginBroadcast broadcast;
    private readonly MediaArena arena;
    private readonly BroadcastPackager packager;

    public DerivedRenditionTests()
    {
        arena = new MediaArena(origin.Pool);
        Assert.True(ChannelName.TryParse("ladder", out var name));
        var contract = new LowLatencyContract(2, new MediaTime(334, 1000));
        broadcast = (OriginBroadcast)origin.Store.Open(name, BroadcastId.New(origin.Time.GetUtcNow()), contract, origin.Time.GetUtcNow());
        packager = new BroadcastPackager(contract, new PackagingOptions(), origin.Pool, broadcast);
        packager.BeginPeriod(new MediaTime(0, 90000), 0, origin.Time.GetUtcNow(),
        [
            new PeriodRendition("source", new VideoFormat(Codec.Avc, "avc1.64001f", [1, 0x64, 0, 0x1f, 0xff, 0xe0, 0], 1280, 720)),
            new PeriodRendition("480p", Rung, IsDerived: true, TargetBitsPerSecond: 800_000),
        ]);
    }

    public void Dispose()
    {
        packager.Dispose();
        arena.Dispose();
        origin.Dispose();
    }

    [Fact]
    public async Task Playlist_RungHasNotBegun_IsHeldUntilItHasASegment()
    {
        var path = $"/b/{broadcast.Id.Value}/480p/live.m3u8";
        Play(0, 150);
        var held = new Exchange(new MediaEndpoint(origin.Store, origin.Time).TryInvoke, path, null, "");
        Play(150, 241);
        // Segments without it have passed; it is still nothing that a player could begin with.
        Assert.False(held.Done.IsCompleted);
        Assert.Null(broadcast.Timeline.ReadInit("480p", 0));

        packager.SetFormat(1, Rung);
        Play(241, 400, rungFrom: 240);

        var text = System.Text.Encoding.UTF8.GetString(await held.BodyAsync());
        Assert.Contains("#EXT-X-MAP:URI=\"0-init.mp4\"", text, StringComparison.Ordinal);
        Assert.DoesNotContain("#EXT-X-GAP", text, StringComparison.Ordinal);
        Assert.NotNull(broadcast.Timeline.ReadInit("480p", 0));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Manifest_RungHasNotBegun_IsHeldUntilItHasOrMissesTheFirstSegment(bool comes)
    {
        var path = $"/b/{broadcast.Id.Value}/manifest.mpd";
        Play(0, 55);
        var held = new Exchange(new MediaEndpoint(origin.Store, origin.Time).TryInvoke, path, null, "");
        // The multivariant playlist names what is to come, and waits for nothing.
        var multivariant = await new Exchange(new MediaEndpoint(origin.Store, origin.Time).TryInvoke, $"/b/{broadcast.Id.Value}/main.m3u8", null, "").BodyAsync();
        Assert.Contains("480p/live.m3u8", System.Text.Encoding.UTF8.GetString(multivariant), StringComparison.Ordinal);
        Assert.False(held.Done.IsCompleted);

        if (comes)
            packager.SetFormat(1, Rung);
        for (var frame = 0; comes && frame < 52; frame++)
            Picture(1, frame, isKey: frame == 0);
        Play(55, 200, rungFrom: comes ? 0 : int.MaxValue);

        var text = System.Text.Encoding.UTF8.GetString(await held.BodyAsync());
        Assert.Equal(comes, text.Contains("<Representation id=\"480p\"", StringComparison.Ordinal));
        Assert.Contains("<Representation id=\"source\"", text, StringComparison.Ordinal);
    }

    [Fact]
    public void Manifest_WhateverTheRungDoes_NothingAnnouncedMovesToAnotherPeriod()
    {
        var periodOf = new Dictionary<(string, long), string>();
        packager.SetFormat(1, Rung);
        var random = new Random(7);
        var rung = 0;
        var isWaiting = false;
        for (var frame = 0; frame < 3000; frame++)
        {
            Picture(0, frame, isKey: frame % 60 == 0);
            // It lags up to three seconds, loses up to ten, and goes on with a key frame.
            if (random.Next(300) == 0)
                (rung, isWaiting) = (Math.Min(frame, rung + random.Next(300)), true);
            var lag = 3 + frame / 200 % 4 * 30;
            for (; rung <= frame - lag; rung++, isWaiting = false)
                Picture(1, rung, isKey: isWaiting || rung % 60 == 0);
            if (frame > 20 && frame % 3 == 0)
                Check();
        }
        Assert.True(packager.Counters.DerivedGaps > 3, $"{packager.Counters.DerivedGaps} gaps");
        Assert.Contains(periodOf.Keys, key => key.Item1 == "480p");

        void Check()
        {
            var manifest = System.Text.Encoding.UTF8.GetString(Dash.Manifest.Write(broadcast.Timeline.Read(), new Dash.ManifestOptions()));
            var (period, rendition, number) = ("", "", 0L);
            foreach (Match match in Listed().Matches(manifest))
            {
                if (match.Groups["period"].Success)
                    period = match.Groups["period"].Value;
                else if (match.Groups["rendition"].Success)
                    rendition = match.Groups["rendition"].Value;
                else if (match.Groups["number"].Success)
                    number = long.Parse(match.Groups["number"].Value, System.Globalization.CultureInfo.InvariantCulture);
                else
                {
                    var repeat = match.Groups["repeat"].Success ? int.Parse(match.Groups["repeat"].Value, System.Globalization.CultureInfo.InvariantCulture) : 0;
                    for (; repeat >= 0; repeat--, number++)
                        Assert.Equal(periodOf.TryAdd((rendition, number), period) ? period : periodOf[(rendition, number)], period);
                }
            }
        }
    }

    [GeneratedRegex("<Period id=\"(?<period>[^\"]+)|<Representation id=\"(?<rendition>[^\"]+)|startNumber=\"(?<number>[0-9]+)|<S [^>]*?d=\"[0-9]+\"( r=\"(?<repeat>[0-9]+)\")?")]
    private static partial Regex Listed();

    private void Play(int from, int to, int rungFrom = int.MaxValue)
    {
        for (var frame = from; frame < to; frame++)
        {
            Picture(0, frame, isKey: frame % 60 == 0);
            if (frame - 3 >= rungFrom)
                Picture(1, frame - 3, isKey: frame - 3 == rungFrom || (frame - 3) % 60 == 0);
        }
    }

    private void Picture(int track, int frame, bool isKey) => packager.Append(track, new AccessUnit(
        arena.Copy(new byte[50]), frame * 3000, 0, 0, isKey, origin.Time.GetUtcNow().UtcTicks));
}
