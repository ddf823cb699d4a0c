namespace Millrace.Server.Tls;

/// <summary>A listener with TLS 1.2 and 1.3 beside the plain one: sections <c>Http:Tls</c> and <c>Rtmp:Tls</c>.</summary>
public sealed class TlsOptions
{
    /// <summary>TCP port, 1 to 65535, or <c>off</c>. Default <c>off</c>: it needs a certificate. 443 passes most firewalls.</summary>
    public string Port { get; set; } = "off";

    /// <summary>
    /// The certificate: a PEM file with the chain, or a PFX file (<c>.pfx</c>, <c>.p12</c>). Required when <see cref="Port"/> is
    /// set. A renewed file is taken up by new connections, without a restart.
    /// </summary>
    public string? Certificate { get; set; }

    /// <summary>The private key's PEM file. Default: the certificate's own file holds the key too.</summary>
    public string? Key { get; set; }

    /// <summary>The password of the PFX file or of the encrypted PEM key. Default none.</summary>
    public string? Password { get; set; }

    /// <summary>The port as a number; null when there is no such listener.</summary>
    public int? Listens() => int.TryParse(Port, System.Globalization.CultureInfo.InvariantCulture, out var port) ? port : null;
}
