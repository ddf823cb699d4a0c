using Millrace.Hls;
using Millrace.Timeline;

namespace Millrace.Delivery.Tests;

public sealed class PlaylistCacheTests
{
    [Fact]
    public async Task Waiters_FiveThousand_AreReleasedByOnePartWithTheSameBytes()
    {
        using var origin = new Origin();
        origin.AddSegments(0, 3);
        var waiters = Enumerable.Range(0, 5000).Select(async _ =>
        {
            var wait = await origin.Broadcast.Timeline.WaitForPlaylistAsync("source", 3, 0, TestContext.Current.CancellationToken);
            return (wait, origin.Broadcast.Playlists.Media(origin.Video, false, PlaylistSkip.None)!.Bytes(ContentCoding.Gzip));
        }).ToArray();
        Assert.DoesNotContain(waiters, waiter => waiter.IsCompleted);

        origin.AddParts(3, 0, 1);

        var answers = await Task.WhenAll(waiters).WaitAsync(TimeSpan.FromSeconds(20), TestContext.Current.CancellationToken);
        var (_, first) = answers[0];
        Assert.All(answers, answer =>
        {
            Assert.Equal(TimelineWait.Available, answer.wait);
            Assert.Same(first, answer.Item2);
        });
    }

    [Fact]
    public void Get_SameSnapshot_IsWrittenOnce()
    {
        var written = 0;
        var cache = new PlaylistCache<object>(_ => [(byte)++written]);
        var (one, two) = (new object(), new object());
        Assert.Same(cache.Get(one), cache.Get(one));
        Assert.Equal([2], cache.Get(two).Bytes(ContentCoding.Identity));
        Assert.Equal(2, written);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void Bytes_OfAnEncoding_DecodeToTheText(int coding)
    {
        var plain = System.Text.Encoding.UTF8.GetBytes(string.Concat(Enumerable.Repeat("#EXTINF:2.0,\n17.m4s\n", 50)));
        var text = new EncodedText(plain);
        using Stream encoded = new MemoryStream(text.Bytes((ContentCoding)coding));
        using Stream decoder = coding == 1
            ? new System.IO.Compression.GZipStream(encoded, System.IO.Compression.CompressionMode.Decompress)
            : new System.IO.Compression.BrotliStream(encoded, System.IO.Compression.CompressionMode.Decompress);
        using var decoded = new MemoryStream();
        decoder.CopyTo(decoded);
        Assert.Equal(plain, decoded.ToArray());
        Assert.Same(text.Bytes((ContentCoding)coding), text.Bytes((ContentCoding)coding));
        Assert.NotEqual(text.ETag(ContentCoding.Identity), text.ETag((ContentCoding)coding));
    }
}
