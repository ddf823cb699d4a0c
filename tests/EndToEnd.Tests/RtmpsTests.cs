using Millrace.EndToEnd.Tests.Harness;

namespace Millrace.EndToEnd.Tests;

/// <summary>Publishing through TLS with a certificate made here.</summary>
public sealed class RtmpsTests
{
    [Theory]
    [InlineData("pem")]
    [InlineData("pfx")]
    public async Task Rtmps_SelfSignedCertificate_FfmpegPublishes(string form)
    {
        using var directory = new TestDirectory();
        var path = TestCertificate.Write(directory, form);
        var port = MillraceProcess.FreePorts(1)[0];

        await using var server = await MillraceProcess.StartAsync([$"--Rtmp:Tls:Port={port}", $"--Rtmp:Tls:Certificate={path}",
            .. form == "pfx" ? ["--Rtmp:Tls:Password=secret"] : Array.Empty<string>()]);
        await using var publisher = FfmpegPublisher.Start($"rtmps://127.0.0.1:{port}/live/secure", new FfmpegSource { Width = 320, Height = 180 });

        var viewer = await HlsViewer.TuneInAsync(server, "secure");
        await viewer.Video.SegmentsAsync(2);
        Assert.DoesNotContain("secret", server.Output, StringComparison.Ordinal);
    }
}
