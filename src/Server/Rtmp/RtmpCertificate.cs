using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Millrace.Server.Rtmp;

/// <summary>Reads the certificate of the RTMPS listener, from PEM or PFX.</summary>
internal static class RtmpCertificate
{
    /// <summary>
    /// Loads certificate, chain and key, or throws <see cref="ListenException"/>, whose message names the file and the fault.
    /// </summary>
    public static SslServerAuthenticationOptions Load(RtmpTlsOptions options)
    {
        var (certificate, chain) = Read(options);
        return new SslServerAuthenticationOptions
        {
            ServerCertificateContext = SslStreamCertificateContext.Create(certificate, chain, offline: true),
            EnabledSslProtocols = SslProtocols.Tls12 | SslProtocols.Tls13,
        };
    }

    /// <summary>The certificate with its key, and the rest of its chain. Throws as <see cref="Load"/> does.</summary>
    public static (X509Certificate2 Certificate, X509Certificate2Collection Chain) Read(RtmpTlsOptions options)
    {
        var path = options.Certificate ?? throw new ListenException("RTMPS needs a certificate: Rtmp:Tls:Certificate is not set.");
        try
        {
            return ReadFiles(path, string.IsNullOrEmpty(options.Key) ? path : options.Key, string.IsNullOrEmpty(options.Password) ? null : options.Password);
        }
        catch (Exception fault) when (fault is CryptographicException or IOException or UnauthorizedAccessException or ArgumentException)
        {
            // The framework's texts may hold line breaks, and are of one file where two are meant.
            var why = fault.Message.ReplaceLineEndings(" ").Trim();
            throw new ListenException($"RTMPS cannot use the certificate of Rtmp:Tls:Certificate {path}{(string.IsNullOrEmpty(options.Key) ? "" : $" with the key {options.Key}")}: {why}", fault);
        }
    }

    private static (X509Certificate2 Certificate, X509Certificate2Collection Chain) ReadFiles(string path, string key, string? password)
    {
        var chain = new X509Certificate2Collection();
        X509Certificate2 certificate;
        if (Path.GetExtension(path) is ".pfx" or ".p12")
        {
            chain = X509CertificateLoader.LoadPkcs12CollectionFromFile(path, password);
            certificate = chain.FirstOrDefault(c => c.HasPrivateKey)
                ?? throw new CryptographicException("It holds no certificate with a private key.");
        }
        else
        {
            certificate = password is null
                ? X509Certificate2.CreateFromPemFile(path, key)
                : X509Certificate2.CreateFromEncryptedPemFile(path, password, key);
            chain.ImportFromPemFile(path);
        }
        chain.Remove(certificate);
        return (certificate, chain);
    }
}
