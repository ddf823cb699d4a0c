namespace Millrace.Delivery.Tests;

public sealed class MediaPathPreviewTests
{
    [Theory]
    [InlineData("/live/abc/preview.jpg", MediaObject.Preview, 640, 0)]
    [InlineData("/live/abc/preview-320.jpg", MediaObject.Preview, 320, 0)]
    [InlineData("/b/x/preview.jpg", MediaObject.Preview, 640, 0)]
    [InlineData("/b/x/preview-320.jpg", MediaObject.Preview, 320, 0)]
    [InlineData("/b/x/preview-321.jpg", MediaObject.None, 0, 0)]
    [InlineData("/b/x/sprites.vtt", MediaObject.SpriteIndex, 0, 0)]
    [InlineData("/live/abc/sprites.vtt", MediaObject.None, 0, 0)]
    [InlineData("/b/x/sprites/0.jpg", MediaObject.SpriteSheet, 0, 0)]
    [InlineData("/b/x/sprites/12.24.jpg", MediaObject.SpriteSheet, 12, 24)]
    [InlineData("/b/x/sprites/12.25.jpg", MediaObject.None, 0, 0)]
    [InlineData("/b/x/sprites/12.0.jpg", MediaObject.None, 0, 0)]
    [InlineData("/b/x/sprites/012.jpg", MediaObject.None, 0, 0)]
    [InlineData("/b/x/sprites/1.2.3.jpg", MediaObject.None, 0, 0)]
    [InlineData("/b/x/sprites/0.tiles", MediaObject.None, 0, 0)]
    [InlineData("/b/x/sprites/../0.jpg", MediaObject.None, 0, 0)]
    public void TryParse_PathOfAPicture_NamesTheObject(string text, object what, long number, int count)
    {
        Assert.True(MediaPath.TryParse(text, out var path));
        Assert.Equal((MediaObject)what, path.Object);
        if ((MediaObject)what != MediaObject.None)
            Assert.Equal((number, count), (path.Number, path.Part));
        Assert.True(path.Rendition.IsEmpty);
    }
}
