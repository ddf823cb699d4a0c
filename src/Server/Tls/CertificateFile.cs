using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Millrace.Server.Tls;

/// <summary>Reads a listener's certificate, from PEM or PFX.</summary>
internal static class CertificateFile
{
    /// <summary>
    /// The certificate with its key, and the rest of its chain, or throws <see cref="ListenException"/>, whose message names
    /// the file and the fault.
    /// </summary>
    /// <param name="section">The section of the options, for the message.</param>
    /// <param name="options">Which files.</param>
    public static (X509Certificate2 Certificate, X509Certificate2Collection Chain) Read(string section, TlsOptions options)
    {
        var path = options.Certificate ?? throw new ListenException($"TLS needs a certificate: {section}:Certificate is not set.");
        try
        {
            return ReadFiles(path, string.IsNullOrEmpty(options.Key) ? path : options.Key, string.IsNullOrEmpty(options.Password) ? null : options.Password);
        }
        catch (Exception fault) when (fault is CryptographicException or IOException or UnauthorizedAccessException or ArgumentException)
        {
            // The framework's texts may hold line breaks, and are of one file where two are meant.
            var why = fault.Message.ReplaceLineEndings(" ").Trim();
            throw new ListenException($"The certificate of {section}:Certificate {path}{(string.IsNullOrEmpty(options.Key) ? "" : $" with the key {options.Key}")} cannot be used: {why}", fault);
        }
    }

    /// <summary>When its files were last written, or null when one is not there now.</summary>
    public static (DateTime Certificate, DateTime Key)? WrittenAt(TlsOptions options)
    {
        var certificate = File.GetLastWriteTimeUtc(options.Certificate!);
        var key = string.IsNullOrEmpty(options.Key) ? certificate : File.GetLastWriteTimeUtc(options.Key);
        // A file that is not there has the beginning of the system's time.
        return certificate.Year < 1980 || key.Year < 1980 ? null : (certificate, key);
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
