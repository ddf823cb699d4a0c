using Millrace.Server.Tls;

namespace Millrace.Server.Rtmp;

/// <summary>The RTMP listeners: section <c>Rtmp</c>.</summary>
public sealed class RtmpOptions
{
    /// <summary>Address to listen on: an IP address, or <c>*</c> for every address of the machine. Default <c>*</c>: streamers come from outside.</summary>
    public string Address { get; set; } = "*";

    /// <summary>TCP port, 0 to 65535; 0 takes a free one. Default 1935: registered for RTMP, and what every encoder assumes.</summary>
    public int Port { get; set; } = 1935;

    /// <summary>RTMPS.</summary>
    public TlsOptions Tls { get; set; } = new();

    /// <summary>Most connections at a time, 1 to 100000. Default 2000: several times what two cores carry.</summary>
    public int MaxConnections { get; set; } = 2000;

    /// <summary>
    /// Most connections at a time from one IPv4 address or IPv6 /64, 1 to 100000. Default 300: a studio or a university behind
    /// one address fits, a single host cannot take all places.
    /// </summary>
    public int MaxConnectionsPerAddress { get; set; } = 300;

    /// <summary>
    /// How long a connection may take from being accepted to asking for publish, 1 s to 5 min. Default 10 s: encoders take
    /// well under one second, over a satellite link about three.
    /// </summary>
    public TimeSpan HandshakeTimeout { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>
    /// How long a publisher may send nothing at all before its connection counts as dead, 1 s to 10 min. Default 20 s:
    /// longer than a Wi-Fi change or a TCP retransmission, shorter than <c>Ingest:ReconnectGrace</c>.
    /// </summary>
    public TimeSpan IdleTimeout { get; set; } = TimeSpan.FromSeconds(20);

    /// <summary>
    /// How long a busy read loop rests to gather messages, 0 to 20 ms. Default 8 ms: a fraction of a frame's duration,
    /// paid only when several publishers send at once.
    /// </summary>
    public TimeSpan ReadCoalescing { get; set; } = TimeSpan.FromMilliseconds(8);

    /// <summary>Read loops (threads), 0 to 64. Default 0: one for every two processors, at least one.</summary>
    public int ReadLoops { get; set; }
}
