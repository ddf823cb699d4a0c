using System.ComponentModel.DataAnnotations;
using Millrace.Server.Tls;

namespace Millrace.Server.Http;

/// <summary>The HTTP listener: section <c>Http</c>.</summary>
public sealed class HttpOptions
{
    /// <summary>Address to listen on: an IP address, or <c>*</c> for every address of the machine. Default <c>*</c>: viewers come from outside.</summary>
    public string Address { get; set; } = "*";

    /// <summary>TCP port, 0 to 65535; 0 takes a free one. Default 8080: needs no privilege; a proxy with TLS usually stands in front.</summary>
    [Range(0, 65535)]
    public int Port { get; set; } = 8080;

    /// <summary>HTTPS, with HTTP/1.1 and HTTP/2, beside it. Default off.</summary>
    public TlsOptions Tls { get; set; } = new();

    /// <summary>
    /// Most connections at a time, 1 to 1000000. Default 20000: at about 10 KB for an idle connection that is 200 MB, and far
    /// beyond what one network card carries in video.
    /// </summary>
    [Range(1, 1_000_000)]
    public int MaxConnections { get; set; } = 20_000;

    /// <summary>How long a connection without a request stays open, 1 s to 1 h. Default 75 s: nginx's, longer than any playlist interval.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "01:00:00")]
    public TimeSpan KeepAlive { get; set; } = TimeSpan.FromSeconds(75);

    /// <summary>How long a request's head may take to arrive, 1 s to 5 min. Default 10 s: players send it in one packet.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "00:05:00")]
    public TimeSpan HeaderTimeout { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>
    /// Media over plain HTTP/1.1 are answered on the connection's own socket in front of Kestrel, which gets everything else.
    /// Default true: a third of the processor time for a part, less than half for a segment. False lets Kestrel answer everything.
    /// </summary>
    public bool DirectMedia { get; set; } = true;
}
