using System.Buffers;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Millrace.Core;
using Millrace.Delivery;
using Millrace.Ingest;
using Millrace.Media;
using Millrace.Server.Options;

namespace Millrace.Server.Tests.Http;

/// <summary>A node that takes streams in, with a broadcast on air, and a relay below it, each with a port for HTTP and one for HTTPS.</summary>
public sealed class HostileNodes : IAsyncLifetime
{
    private static readonly byte[] Avc = Convert.FromHexString("01f4001fffe1001967f4001f9196805005bb0110000003001000000303c0f1832a01000568ce0f1920fff8f800");
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly DirectoryInfo data = Directory.CreateTempSubdirectory("millrace-hostile-");
    private readonly Dictionary<string, int> ports = [];
    private readonly List<WebApplication> nodes = [];

    private string thumbprint = "";

    /// <summary>A complete segment of the broadcast.</summary>
    public string Segment { get; private set; } = "";

    /// <summary>Its bytes.</summary>
    public int Length { get; private set; }

    public async ValueTask InitializeAsync()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var certificate = new CertificateRequest("CN=localhost", key, HashAlgorithmName.SHA256)
            .CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
        thumbprint = certificate.GetCertHashString();
        var pem = Path.Combine(data.FullName, "certificate.pem");
        await File.WriteAllTextAsync(pem, certificate.ExportCertificatePem() + "\n" + key.ExportPkcs8PrivateKeyPem());
        await StartAsync("origin", NodeRoles.Up, pem, new("Data:Path", data.FullName), new("Rtmp:Address", "127.0.0.1"), new("Rtmp:Port", "0"),
            new("Transcoding:Ladder", "off"), new("Preview:Interval", "off"), new("Packaging:SegmentDuration", "1s"));
        await StartAsync("relay", NodeRoles.Relay, pem, new("Relay:Parents", $"http://127.0.0.1:{ports["origin http"]}"), new("Relay:AnswerTimeout", "20s"),
            new("Relay:ConnectTimeout", "10s"), new("Relay:ProbeTimeout", "10s"), new("Relay:HedgeAfter", "0s"));

        Assert.True(ChannelName.TryParse("studio", out var name));
        var session = nodes[0].Services.GetRequiredService<BroadcastDirectory>().Publish(name, _ => { }).Session!;
        using var arena = new MediaArena(nodes[0].Services.GetRequiredService<MediaBlockPool>());
        Send(session, arena, 0, FlvPacketKind.SequenceStart, key: true, Avc);
        for (var i = 0u; i < 120; i++)
            Send(session, arena, i * 1000 / 30, FlvPacketKind.CodedFrames, key: i % 30 == 0, [0, 0, 0, 100, i % 30 == 0 ? (byte)0x65 : (byte)0x41, .. new byte[99]]);
        Segment = $"/b/{nodes[0].Services.GetRequiredService<OriginStore>().Broadcasts.Single().Id.Value}/source/0.m4s";
        var whole = await AskAsync("origin http", $"GET {Segment} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        Assert.StartsWith("HTTP/1.1 200 ", whole, StringComparison.Ordinal);
        Length = BodyOf(whole).Length;
        Assert.True(Length > 1000);
        // The relay keeps it, so that what is asked below is answered there.
        Assert.Equal(BodyOf(whole), BodyOf(await AskAsync("relay http", $"GET {Segment} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")));
    }

    public static string BodyOf(string answer) => answer[(answer.IndexOf("\r\n\r\n", StringComparison.Ordinal) + 4)..];

    /// <summary>Sends these bytes to a node's port and reads until it closes.</summary>
    public async Task<string> AskAsync(string port, string bytes)
    {
        using var limit = new CancellationTokenSource(Patience);
        using var client = new TcpClient();
        await client.ConnectAsync("127.0.0.1", ports[port], limit.Token);
        Stream stream = client.GetStream();
        if (port.EndsWith(" https", StringComparison.Ordinal))
        {
            var secure = new SslStream(stream);
            await secure.AuthenticateAsClientAsync(new SslClientAuthenticationOptions
            {
                TargetHost = "localhost",
                ApplicationProtocols = [SslApplicationProtocol.Http11],
                RemoteCertificateValidationCallback = (_, shown, _, _) => shown?.GetCertHashString() == thumbprint,
            }, limit.Token);
            stream = secure;
        }
        await using (stream)
        {
            await stream.WriteAsync(Encoding.Latin1.GetBytes(bytes), limit.Token);
            using var answer = new MemoryStream();
            try
            {
                await stream.CopyToAsync(answer, limit.Token);
            }
            catch (IOException)
            {
                // Reset behind the answer: something of the request was left unread.
            }
            return Encoding.Latin1.GetString(answer.ToArray());
        }
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var node in Enumerable.Reverse(nodes))
        {
            await node.StopAsync(CancellationToken.None);
            await node.DisposeAsync();
        }
        Microsoft.Data.Sqlite.SqliteConnection.ClearAllPools();
        data.Delete(recursive: true);
    }

    private async Task StartAsync(string name, NodeRoles roles, string certificate, params KeyValuePair<string, string>[] settings)
    {
        using var free = new TcpListener(IPAddress.Loopback, 0);
        free.Start();
        ports[name + " https"] = ((IPEndPoint)free.LocalEndpoint).Port;
        free.Stop();
        var configuration = EffectiveConfiguration.Load(null,
        [
            new("Http:Address", "127.0.0.1"), new("Http:Port", "0"), new("Http:HeaderTimeout", "1s"), new("Log:Level", "none"),
            new("Http:Tls:Port", ports[name + " https"].ToString(System.Globalization.CultureInfo.InvariantCulture)), new("Http:Tls:Certificate", certificate), .. settings,
        ]);
        Assert.Empty(configuration.Faults);
        var node = ServerHost.Build(configuration, roles, demo: false);
        nodes.Add(node);
        await node.StartAsync(CancellationToken.None);
        ports[name + " http"] = node.Services.GetRequiredService<ServerAddresses>().HttpPort;
    }

    private static void Send(PublishSession session, MediaArena arena, uint milliseconds, FlvPacketKind kind, bool key, byte[] body)
    {
        var tag = new ArrayBufferWriter<byte>();
        FlvTagWriter.WriteVideo(tag, Codec.Avc, kind, key ? FlvFrameType.Key : FlvFrameType.Inter, 0, body, legacy: true);
        Assert.Null(session.OnVideo(arena.Copy(tag.WrittenSpan), milliseconds, DateTimeOffset.UtcNow.UtcTicks));
    }
}
