using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using Microsoft.Extensions.Logging;

namespace Millrace.Server.Tls;

/// <summary>
/// What a listener shows in a TLS handshake. When the certificate's files are written anew it is read again, by the next
/// handshake but a moment; a new one that cannot be used is said so, and the one before goes on.
/// </summary>
/// <remarks>Any thread may ask. The options of one certificate are one object, so that sessions can be resumed.</remarks>
internal sealed class TlsIdentity
{
    // A renewal replaces two files: not within the moment between them, and no look at the disk for each connection.
    private static readonly TimeSpan LookInterval = TimeSpan.FromSeconds(10);

    private readonly string section;
    private readonly TlsOptions options;
    private readonly List<SslApplicationProtocol>? protocols;
    private readonly TimeProvider time;
    private readonly ILogger logger;
    private readonly Lock gate = new();
    private volatile SslServerAuthenticationOptions current;
    private (DateTime, DateTime)? writtenAt;
    private long lookedAt;

    /// <summary>Reads the certificate, or throws <see cref="ListenException"/>.</summary>
    /// <param name="section">The options' section, for messages.</param>
    /// <param name="options">Which files.</param>
    /// <param name="protocols">What ALPN offers, the best first; null when the client need not say.</param>
    /// <param name="time">The clock.</param>
    /// <param name="logger">Where renewals are said.</param>
    public TlsIdentity(string section, TlsOptions options, List<SslApplicationProtocol>? protocols, TimeProvider time, ILogger logger)
    {
        this.section = section;
        this.options = options;
        this.protocols = protocols;
        this.time = time;
        this.logger = logger;
        writtenAt = CertificateFile.WrittenAt(options);
        current = Load().Options;
        lookedAt = time.GetTimestamp();
    }

    /// <summary>For a handshake that begins now.</summary>
    public SslServerAuthenticationOptions Current
    {
        get
        {
            if (time.GetElapsedTime(Volatile.Read(ref lookedAt)) >= LookInterval)
                Look();
            return current;
        }
    }

    private void Look()
    {
        lock (gate)
        {
            if (time.GetElapsedTime(lookedAt) < LookInterval)
                return;
            Volatile.Write(ref lookedAt, time.GetTimestamp());
            if (CertificateFile.WrittenAt(options) is not { } now || now == writtenAt)
                return;
            try
            {
                var (renewed, until) = Load();
                current = renewed;
                logger.CertificateRenewed(section, until);
            }
            catch (ListenException fault)
            {
                logger.CertificateNotRenewed(fault.Message);
            }
            writtenAt = now;
        }
    }

    // The one before is not disposed: handshakes and open connections use it.
    private (SslServerAuthenticationOptions Options, DateTime Until) Load()
    {
        var (certificate, chain) = CertificateFile.Read(section, options);
        return (
            new SslServerAuthenticationOptions
            {
                ServerCertificateContext = SslStreamCertificateContext.Create(certificate, chain, offline: true),
                EnabledSslProtocols = SslProtocols.Tls12 | SslProtocols.Tls13,
                ApplicationProtocols = protocols,
            },
            certificate.NotAfter.ToUniversalTime());
    }
}
