namespace Millrace.Server;

/// <summary>Where this process really listens, for what is printed when it is ready. Each listener fills in its own line on start.</summary>
public sealed class ServerAddresses
{
    /// <summary>RTMP's TCP port, or null when there is no such listener.</summary>
    public int? RtmpPort { get; set; }

    /// <summary>RTMPS's TCP port, or null when there is no such listener.</summary>
    public int? RtmpsPort { get; set; }

    /// <summary>HTTP's TCP port.</summary>
    public int HttpPort { get; set; }
}
