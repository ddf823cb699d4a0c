using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Millrace.Server.Tls;

namespace Millrace.Server.Tests;

/// <summary>A certificate that is renewed while the server runs.</summary>
public sealed class TlsIdentityTests : IDisposable
{
    private readonly DirectoryInfo directory = Directory.CreateTempSubdirectory("millrace-tls");
    private readonly FakeTimeProvider time = new();
    private readonly TlsOptions options;

    public TlsIdentityTests()
    {
        options = new TlsOptions { Port = "443", Certificate = Path.Combine(directory.FullName, "cert.pem"), Key = Path.Combine(directory.FullName, "key.pem") };
        Write("CN=first", age: 2);
    }

    [Fact]
    public void Files_WrittenAnew_AreShownToNewConnectionsAfterALittle()
    {
        var identity = new TlsIdentity("Http:Tls", options, null, time, NullLogger.Instance);
        var first = identity.Current;
        Assert.Equal("CN=first", Subject(first));
        Write("CN=second", age: 1);
        Assert.Same(first, identity.Current);
        time.Advance(TimeSpan.FromSeconds(11));
        Assert.Equal("CN=second", Subject(identity.Current));
        // Sessions can be resumed: the same as long as the files are.
        time.Advance(TimeSpan.FromSeconds(11));
        Assert.Same(identity.Current, identity.Current);
    }

    [Fact]
    public void Files_ThatCannotBeUsed_LeaveTheOneBefore()
    {
        var identity = new TlsIdentity("Http:Tls", options, null, time, NullLogger.Instance);
        File.WriteAllText(options.Key!, "no key");
        time.Advance(TimeSpan.FromSeconds(11));
        Assert.Equal("CN=first", Subject(identity.Current));
        File.Delete(options.Key!);
        time.Advance(TimeSpan.FromSeconds(11));
        Assert.Equal("CN=first", Subject(identity.Current));
        Write("CN=third", age: 0);
        time.Advance(TimeSpan.FromSeconds(11));
        Assert.Equal("CN=third", Subject(identity.Current));
    }

    [Fact]
    public void Start_WithoutAUsableFile_SaysWhich()
    {
        File.WriteAllText(options.Key!, "no key");
        var fault = Assert.Throws<ListenException>(() => new TlsIdentity("Http:Tls", options, null, time, NullLogger.Instance));
        Assert.Contains("Http:Tls:Certificate", fault.Message, StringComparison.Ordinal);
        Assert.Contains(options.Key!, fault.Message, StringComparison.Ordinal);
    }

    public void Dispose() => directory.Delete(recursive: true);

    private static string Subject(SslServerAuthenticationOptions shown) => shown.ServerCertificateContext!.TargetCertificate.Subject;

    // Written so many minutes ago: files of one moment have one time.
    private void Write(string subject, int age)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var certificate = new CertificateRequest(subject, key, HashAlgorithmName.SHA256)
            .CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
        File.WriteAllText(options.Certificate!, certificate.ExportCertificatePem());
        File.WriteAllText(options.Key!, key.ExportPkcs8PrivateKeyPem());
        foreach (var path in (string[])[options.Certificate!, options.Key!])
            File.SetLastWriteTimeUtc(path, DateTime.UtcNow.AddMinutes(-age));
    }
}
