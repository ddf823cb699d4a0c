using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Millrace.EndToEnd.Tests.Harness;

/// <summary>A certificate of one day that nobody has signed.</summary>
internal static class TestCertificate
{
    /// <summary>Writes it with its key: <c>pem</c>, or <c>pfx</c> with the password <c>secret</c>.</summary>
    public static string Write(TestDirectory directory, string form)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=localhost", key, HashAlgorithmName.SHA256);
        using var certificate = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
        var path = directory.NewFile(form);
        if (form == "pem")
            File.WriteAllText(path, certificate.ExportCertificatePem() + "\n" + key.ExportPkcs8PrivateKeyPem() + "\n");
        else
            File.WriteAllBytes(path, certificate.Export(X509ContentType.Pfx, "secret"));
        return path;
    }
}
