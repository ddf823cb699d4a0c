namespace Millrace.Delivery.Tests;

public sealed class MediaPathTests
{
    [Theory]
    [InlineData("/live/abc/main.m3u8", MediaObject.MultivariantPlaylist, 0, 0)]
    [InlineData("/live/abc/manifest.mpd", MediaObject.Manifest, 0, 0)]
    [InlineData("/b/x/main.m3u8", MediaObject.MultivariantPlaylist, 0, 0)]
    [InlineData("/b/x/manifest.mpd", MediaObject.Manifest, 0, 0)]
    [InlineData("/b/x/source/live.m3u8", MediaObject.MediaPlaylist, 0, 0)]
    [InlineData("/b/x/source/dvr.m3u8", MediaObject.DvrPlaylist, 0, 0)]
    [InlineData("/b/x/dvr.m3u8", MediaObject.DvrMultivariantPlaylist, 0, 0)]
    [InlineData("/live/abc/dvr.m3u8", MediaObject.DvrMultivariantPlaylist, 0, 0)]
    [InlineData("/b/x/source/3-init.mp4", MediaObject.Init, 3, 0)]
    [InlineData("/b/x/source/17.m4s", MediaObject.Segment, 17, 0)]
    [InlineData("/b/x/source/0.m4s", MediaObject.Segment, 0, 0)]
    [InlineData("/b/x/source/17.4.m4s", MediaObject.Part, 17, 4)]
    [InlineData("/b/x/source/017.m4s", MediaObject.None, 0, 0)]
    [InlineData("/b/x/source/+1.m4s", MediaObject.None, 0, 0)]
    [InlineData("/b/x/source/-1.m4s", MediaObject.None, 0, 0)]
    [InlineData("/b/x/source/1.2.3.m4s", MediaObject.None, 0, 0)]
    [InlineData("/b/x/source/1..m4s", MediaObject.None, 0, 0)]
    [InlineData("/b/x/source/99999999999999999999.m4s", MediaObject.None, 0, 0)]
    [InlineData("/b/x/source/99999999999-init.mp4", MediaObject.None, 0, 0)]
    [InlineData("/b/x/../etc/passwd", MediaObject.None, 0, 0)]
    public void TryParse_MediaPath_NamesTheObject(string text, object what, long number, int part)
    {
        Assert.True(MediaPath.TryParse(text, out var path));
        Assert.Equal((MediaObject)what, path.Object);
        if ((MediaObject)what != MediaObject.None)
            Assert.Equal((number, part), (path.Number, path.Part));
    }

    [Theory]
    [InlineData("/")]
    [InlineData("/b/01j")]
    [InlineData("/live/abc")]
    [InlineData("/live//main.m3u8")]
    [InlineData("/api/v1/time")]
    [InlineData("/bb/x/main.m3u8")]
    public void TryParse_PathOfOthers_IsLeftToThem(string text) => Assert.False(MediaPath.TryParse(text, out _));
}
