using Microsoft.Extensions.Logging;

namespace Millrace.Server.Tls;

/// <summary>What the certificates say. Event ids 11200 to 11299.</summary>
internal static partial class Log
{
    [LoggerMessage(11201, LogLevel.Information, "{Section}:Certificate was renewed, until {Until:u}; new connections get it")]
    public static partial void CertificateRenewed(this ILogger logger, string section, DateTime until);

    [LoggerMessage(11202, LogLevel.Error, "{Fault} The certificate before goes on until it expires.")]
    public static partial void CertificateNotRenewed(this ILogger logger, string fault);
}
