using Microsoft.Extensions.Logging;

namespace Millrace.Server.Options;

/// <summary>What reaches the console: section <c>Log</c>.</summary>
public sealed class LogOptions
{
    /// <summary>
    /// Least important level that is shown: trace, debug, information, warning, error, critical or none. Default information:
    /// who came and went. What the frameworks below say is shown from warning on.
    /// </summary>
    public LogLevel Level { get; set; } = LogLevel.Information;
}
