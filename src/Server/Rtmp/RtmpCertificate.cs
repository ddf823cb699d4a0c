using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;

namespace Millrace.Server.Rtmp;

/// <summary>Reads the certificate of the RTMPS listener, from PEM or PFX.</summary>
internal static class RtmpCertificate
{
    /// <summary>
    /// Loads certificate, chain and key. Throws <see cref="IOException"/> or
    /// <see cref="System.Security.Cryptography.CryptographicException"/> with the file's name when it cannot.
    /// </summary>
    public static SslServerAuthenticationOptions Load(RtmpTlsOptions options)
    {
        var path = options.Certificate ?? throw new IOException("Rtmp:Tls:Certificate is not set.");
        var chain = new X509Certificate2Collection();
        X509Certificate2 certificate;
        if (Path.GetExtension(path) is ".pfx" or ".p12")
        {
            chain = X509CertificateLoader.LoadPkcs12CollectionFromFile(path, options.Password);
            certificate = chain.FirstOrDefault(c => c.HasPrivateKey)
                ?? throw new IOException($"{path} holds no certificate with a private key.");
        }
        else
        {
            certificate = options.Password is null
                ? X509Certificate2.CreateFromPemFile(path, options.Key ?? path)
                : X509Certificate2.CreateFromEncryptedPemFile(path, options.Password, options.Key ?? path);
            chain.ImportFromPemFile(path);
        }
        chain.Remove(certificate);
        return new SslServerAuthenticationOptions
        {
            ServerCertificateContext = SslStreamCertificateContext.Create(certificate, chain, offline: true),
            EnabledSslProtocols = SslProtocols.Tls12 | SslProtocols.Tls13,
        };
    }
}
