using Millrace.Delivery.Previews;
using Millrace.Media;

namespace Millrace.Delivery.Tests.Previews;

public sealed class PictureSizeTests
{
    [Theory]
    [InlineData(1920, 1080, 1, 1, 640, 640, 360)]
    [InlineData(1280, 720, 1, 1, 160, 160, 90)]
    [InlineData(854, 480, 1, 1, 160, 160, 90)]
    [InlineData(1080, 1920, 1, 1, 640, 360, 640)]
    [InlineData(720, 576, 16, 11, 640, 640, 352)]
    [InlineData(1440, 1080, 4, 3, 640, 640, 360)]
    [InlineData(320, 180, 1, 1, 640, 320, 180)]
    [InlineData(7680, 2, 1, 1, 640, 640, 2)]
    [InlineData(1, 1, 1, 1, 640, 2, 2)]
    [InlineData(1280, 720, 0, 1, 640, 640, 360)]
    [InlineData(1280, 720, int.MaxValue, 1, 160, 160, 10)]
    public void Fit_Format_KeepsTheShapeInEvenNumbers(int width, int height, int horizontal, int vertical, int longest, int expectedWidth, int expectedHeight)
    {
        var format = new VideoFormat(Codec.Avc, "avc1.64001f", [], width, height) { SampleAspectRatio = (horizontal, vertical) };
        Assert.Equal(new PictureSize(expectedWidth, expectedHeight), PictureSize.Fit(format, longest));
    }
}
