using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
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
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=localhost", key, HashAlgorithmName.SHA256);
        using var certificate = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
        var path = directory.NewFile(form);
        if (form == "pem")
            await File.WriteAllTextAsync(path, certificate.ExportCertificatePem() + "\n" + key.ExportPkcs8PrivateKeyPem() + "\n");
        else
            await File.WriteAllBytesAsync(path, certificate.Export(X509ContentType.Pfx, "secret"));
        var port = MillraceProcess.FreePorts(1)[0];

        await using var server = await MillraceProcess.StartAsync([$"--Rtmp:Tls:Port={port}", $"--Rtmp:Tls:Certificate={path}",
            .. form == "pfx" ? ["--Rtmp:Tls:Password=secret"] : Array.Empty<string>()]);
        await using var publisher = FfmpegPublisher.Start($"rtmps://127.0.0.1:{port}/live/secure", new FfmpegSource { Width = 320, Height = 180 });

        var viewer = await HlsViewer.TuneInAsync(server, "secure");
        await viewer.Video.SegmentsAsync(2);
        Assert.DoesNotContain("secret", server.Output, StringComparison.Ordinal);
    }
}
