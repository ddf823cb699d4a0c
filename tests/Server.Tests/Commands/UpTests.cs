using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Millrace.Server.Commands;

namespace Millrace.Server.Tests.Commands;

/// <summary>What a person reads when the server cannot start: one line, and no stack.</summary>
public sealed class UpTests : IDisposable
{
    private readonly DirectoryInfo data = Directory.CreateTempSubdirectory("millrace-up-");
    private readonly TcpListener taken = new(IPAddress.Loopback, 0);

    public UpTests() => taken.Start();

    private int TakenPort => ((IPEndPoint)taken.LocalEndpoint).Port;

    [Theory]
    [InlineData("Rtmp:Port")]
    [InlineData("Http:Port")]
    public async Task Up_PortIsTaken_SaysWhichAndWhatToDo(string key)
    {
        var line = await StartAsync(key == "Rtmp:Port" ? [$"--Rtmp:Port={TakenPort}"] : [$"--Http:Port={TakenPort}"]);
        Assert.Contains($"{TakenPort}", line, StringComparison.Ordinal);
        Assert.Contains($"--{key}=PORT", line, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--Rtmp:Address=192.0.2.1", "Rtmp:Address")]
    [InlineData("--Http:Address=192.0.2.1", "Http:Address")]
    public async Task Up_AddressOfAnotherMachine_SaysWhichOption(string option, string named) =>
        Assert.Contains(named, await StartAsync(option), StringComparison.Ordinal);

    [Theory]
    [InlineData("text.pem", "this is no certificate")]
    [InlineData("text.pfx", "this is no certificate")]
    [InlineData("empty.pem", "")]
    public async Task Up_BrokenCertificate_SaysWhichFile(string name, string content)
    {
        var path = Path.Combine(data.FullName, name);
        await File.WriteAllTextAsync(path, content, TestContext.Current.CancellationToken);
        Assert.Contains(path, await StartAsync("--Rtmp:Tls:Port=44300", $"--Rtmp:Tls:Certificate={path}"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Up_KeyOfAnotherCertificate_SaysWhichFiles()
    {
        var (path, key) = (Path.Combine(data.FullName, "own.pem"), Path.Combine(data.FullName, "other.key"));
        await File.WriteAllTextAsync(path, Certificate(365).ExportCertificatePem(), TestContext.Current.CancellationToken);
        using var other = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        await File.WriteAllTextAsync(key, other.ExportPkcs8PrivateKeyPem(), TestContext.Current.CancellationToken);
        var line = await StartAsync("--Rtmp:Tls:Port=44300", $"--Rtmp:Tls:Certificate={path}", $"--Rtmp:Tls:Key={key}");
        Assert.Contains(path, line, StringComparison.Ordinal);
        Assert.Contains(key, line, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(365, 0, "ok    certificate")]
    [InlineData(3, 0, "note  certificate")]
    [InlineData(-1, 1, "FIX   certificate")]
    public async Task Doctor_Certificate_SaysHowLongItHolds(int days, int exitCode, string begins)
    {
        var path = Path.Combine(data.FullName, "own.pem");
        using var certificate = Certificate(days);
        await File.WriteAllTextAsync(path, certificate.ExportCertificatePem() + "\n" + certificate.GetECDsaPrivateKey()!.ExportPkcs8PrivateKeyPem(),
            TestContext.Current.CancellationToken);
        var output = new StringWriter();
        // An empty key and password are what the sample file has.
        var code = await Verbs.RunAsync(CommandLine.Parse(
            ["doctor", $"--Data:Path={data.FullName}", "--Rtmp:Port=0", "--Http:Port=0", $"--Rtmp:Tls:Port={FreePort()}", $"--Rtmp:Tls:Certificate={path}",
             "--Rtmp:Tls:Key=", "--Rtmp:Tls:Password="]), output, TextWriter.Null);
        var lines = output.ToString().Split('\n');
        Assert.Contains(lines, line => line.StartsWith(begins, StringComparison.Ordinal));
        Assert.Contains(lines, line => line.Contains("Rtmp:Tls:Port", StringComparison.Ordinal) && line.StartsWith("ok", StringComparison.Ordinal));
        Assert.Contains(lines, line => line.StartsWith("ok    ffmpeg", StringComparison.Ordinal) && line.Contains("encodes in software", StringComparison.Ordinal));
        Assert.Equal(exitCode, code);
    }

    [Fact]
    public async Task Doctor_RtmpPortIsTaken_MustBeFixed()
    {
        var output = new StringWriter();
        var code = await Verbs.RunAsync(CommandLine.Parse(
            ["doctor", $"--Data:Path={data.FullName}", "--Rtmp:Address=127.0.0.1", $"--Rtmp:Port={TakenPort}", "--Http:Port=0"]), output, TextWriter.Null);
        Assert.Equal(1, code);
        Assert.Contains(output.ToString().Split('\n'), line => line.StartsWith("FIX   Rtmp:Port", StringComparison.Ordinal) && line.Contains($"{TakenPort}", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Doctor_StoreIsAway_MustBeFixed()
    {
        var output = new StringWriter();
        var code = await Verbs.RunAsync(CommandLine.Parse(
            ["doctor", $"--Data:Path={data.FullName}", "--Rtmp:Port=0", "--Http:Port=0", "--Storage:Kind=s3", $"--Storage:S3:Endpoint=http://127.0.0.1:{FreePort()}",
             "--Storage:S3:Bucket=recordings", "--Storage:S3:AccessKey=key", "--Storage:S3:SecretKey=not-a-secret"]), output, TextWriter.Null);
        Assert.Equal(1, code);
        var line = Assert.Single(output.ToString().Split('\n'), line => line.StartsWith("FIX   Storage:S3", StringComparison.Ordinal));
        Assert.Contains("bucket recordings", line, StringComparison.Ordinal);
        Assert.DoesNotContain("not-a-secret", line, StringComparison.Ordinal);
    }

    public void Dispose()
    {
        taken.Dispose();
        Microsoft.Data.Sqlite.SqliteConnection.ClearAllPools();
        data.Delete(recursive: true);
    }

    /// <summary>Starts a server that cannot start, and returns its one line.</summary>
    private async Task<string> StartAsync(params string[] options)
    {
        var error = new StringWriter();
        var line = CommandLine.Parse(["up", "--Transcoding:Ladder=off", $"--Data:Path={data.FullName}", "--Http:Address=127.0.0.1", "--Rtmp:Address=127.0.0.1",
            "--Http:Port=0", "--Rtmp:Port=0", "--Log:Level=none", .. options]);
        Assert.Equal(1, await Verbs.RunAsync(line, TextWriter.Null, error));
        var text = error.ToString().TrimEnd();
        Assert.StartsWith("millrace: ", text, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', text);
        return text;
    }

    private static X509Certificate2 Certificate(int days)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var now = DateTimeOffset.UtcNow;
        return new CertificateRequest("CN=stream.example", key, HashAlgorithmName.SHA256).CreateSelfSigned(now.AddDays(-30), now.AddDays(days));
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
