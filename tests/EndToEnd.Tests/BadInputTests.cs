using System.Net.Sockets;
using System.Text;
using Millrace.EndToEnd.Tests.Harness;

namespace Millrace.EndToEnd.Tests;

/// <summary>Whatever a client sends over the real socket: the process lives, and the stream of someone else goes on.</summary>
public sealed class BadInputTests(LiveBroadcast broadcast, ITestOutputHelper output) : IClassFixture<LiveBroadcast>
{
    [Theory]
    [InlineData("garbage")]
    [InlineData("http")]
    [InlineData("tls")]
    [InlineData("wrong-version")]
    [InlineData("handshake-then-garbage")]
    [InlineData("huge-message")]
    [InlineData("huge-chunk-size")]
    [InlineData("many-chunk-streams")]
    [InlineData("amf-bomb")]
    [InlineData("amf-long-string")]
    public async Task Connection_HostileBytes_IsClosedAndNobodyElseNotices(string kind)
    {
        var (server, viewer) = await broadcast.OnAirAsync();
        var before = await viewer.Video.LoadAsync();
        using var timeout = new CancellationTokenSource(TimeSpan.FromSeconds(25));

        using (var client = new TcpClient())
        {
            await client.ConnectAsync("127.0.0.1", server.RtmpPort, timeout.Token);
            var stream = client.GetStream();
            try
            {
                await stream.WriteAsync(Hostile(kind), timeout.Token);
                client.Client.Shutdown(SocketShutdown.Send);
                var buffer = new byte[16384];
                while (await stream.ReadAsync(buffer, timeout.Token) > 0)
                    continue;
            }
            catch (Exception fault) when (fault is IOException or SocketException)
            {
                // Reset: closed as well.
            }
        }

        server.AssertAlive();
        await GoesOnAsync(viewer, before);
    }

    [Fact]
    public async Task Connection_HalfHandshake_IsClosedAtItsTimeout()
    {
        await using var server = await MillraceProcess.StartAsync("--Rtmp:HandshakeTimeout=1s");
        using var client = new TcpClient();
        await client.ConnectAsync("127.0.0.1", server.RtmpPort);
        await client.GetStream().WriteAsync(new byte[] { 3, 0, 0, 0, 0 });
        using var timeout = new CancellationTokenSource(TimeSpan.FromSeconds(8));
        var read = 0;
        try
        {
            var buffer = new byte[8192];
            while ((read = await client.GetStream().ReadAsync(buffer, timeout.Token)) > 0)
                continue;
        }
        catch (IOException)
        {
            // Reset: closed as well.
        }
        Assert.Equal(0, read);
        server.AssertAlive();
    }

    [Fact]
    public async Task Publisher_ThatSendsNothing_IsClosedAtTheIdleTimeout()
    {
        await using var server = await MillraceProcess.StartAsync("--Rtmp:IdleTimeout=1s");
        await using var client = await RtmpPublisher.PublishAsync(server, "silent");
        await client.Closed.WaitAsync(TimeSpan.FromSeconds(8));
        server.AssertAlive();
    }

    [Theory]
    [InlineData("media-before-header")]
    [InlineData("broken-configuration")]
    [InlineData("nal-longer-than-tag")]
    [InlineData("random-media")]
    [InlineData("unknown-codec")]
    [InlineData("empty-tags")]
    public async Task Publisher_BrokenMedia_HarmsOnlyItself(string kind)
    {
        var (server, viewer) = await broadcast.OnAirAsync();
        var before = await viewer.Video.LoadAsync();
        await using (var client = await RtmpPublisher.PublishAsync(server, $"broken-{kind}"))
        {
            try
            {
                foreach (var message in Broken(kind))
                    await client.SendNowAsync(message);
                await client.LeaveAsync();
            }
            catch (IOException)
            {
                // Refused on the way: as good.
            }
        }
        server.AssertAlive();
        await GoesOnAsync(viewer, before);
        Assert.DoesNotContain("Unhandled exception", server.Output, StringComparison.Ordinal);
        output.WriteLine(string.Join('\n', server.Output.Split('\n').Where(line => line.Contains($"broken-{kind}", StringComparison.Ordinal))));
    }

    [Fact]
    public async Task Publisher_UnknownCodec_IsRefusedByAStatusThatNamesIt()
    {
        var (server, _) = await broadcast.OnAirAsync();
        await using var client = await RtmpPublisher.PublishAsync(server, "sorenson");
        foreach (var message in Broken("unknown-codec"))
            await client.SendNowAsync(message);
        await client.Closed.WaitAsync(TimeSpan.FromSeconds(10));
        Assert.Contains(client.StatusDescriptions, text => text.Contains("H.263", StringComparison.OrdinalIgnoreCase) || text.Contains("Sorenson", StringComparison.OrdinalIgnoreCase));
    }

    [Fact]
    public async Task Publisher_Flood_DoesNotDelayAnotherOne()
    {
        var (server, viewer) = await broadcast.OnAirAsync();
        var video = viewer.Video;
        await video.LoadAsync();
        using var directory = new TestDirectory();
        var (track, _) = await ReconnectTests.SmallTracksAsync(directory, 2);
        using var stop = new CancellationTokenSource(TimeSpan.FromSeconds(5));
        var memory = server.ResidentBytes;

        var flood = Task.Run(async () =>
        {
            await using var client = await RtmpPublisher.PublishAsync(server, "flood");
            var bytes = 0L;
            try
            {
                await client.SendNowAsync(new MediaMessage(true, 0, FlvTags.Header(track, FlvForm.Legacy)!));
                // A picture of 100 KB each millisecond of its clock, as fast as the socket takes it: 1 GB at the most.
                byte[] picture = [0x17, 1, 0, 0, 0, 0, 1, 0x86, 0xA0, 0x65, .. new byte[99_999]];
                for (var time = 0.0; !stop.IsCancellationRequested && bytes < 1_000_000_000; time += 0.001)
                {
                    await client.SendNowAsync(new MediaMessage(true, time, picture));
                    bytes += picture.Length;
                }
            }
            catch (IOException)
            {
                // Closed for its bit rate, for example.
            }
            return (bytes, client.StatusDescriptions);
        });
        var longest = TimeSpan.Zero;
        while (!stop.IsCancellationRequested)
        {
            await video.NextAsync();
            longest = video.Held > longest ? video.Held : longest;
        }
        var (sent, told) = await flood;
        Assert.Contains(told, text => text.Contains("Mbit/s", StringComparison.Ordinal));
        output.WriteLine($"{sent / 1e6:0} MB of flood; longest hold of the other stream {longest.TotalMilliseconds:0} ms; memory {memory / 1e6:0} -> {server.ResidentBytes / 1e6:0} MB");
        Assert.True(longest < TimeSpan.FromSeconds(4), $"The other stream stood still for {longest.TotalSeconds:0.0} s.");
        Assert.True(server.ResidentBytes < memory + 300_000_000, $"Memory grew to {server.ResidentBytes / 1e6:0} MB.");
    }

    [Fact]
    public async Task Connections_ManyThatStall_DoNotKeepOthersOut()
    {
        var (server, viewer) = await broadcast.OnAirAsync();
        List<TcpClient> idle = [];
        try
        {
            for (var index = 0; index < 100; index++)
            {
                var client = new TcpClient();
                idle.Add(client);
                await client.ConnectAsync("127.0.0.1", server.RtmpPort);
                await client.GetStream().WriteAsync(new byte[] { 3 });
            }
            await using var publisher = await RtmpPublisher.PublishAsync(server, "comes-through");
            await publisher.LeaveAsync();
            await GoesOnAsync(viewer, await viewer.Video.LoadAsync());
        }
        finally
        {
            idle.ForEach(client => client.Dispose());
        }
    }

    [Fact]
    public async Task Viewer_ReadingOneKilobyteASecond_DelaysNobody()
    {
        var (server, viewer) = await broadcast.OnAirAsync();
        var video = viewer.Video;
        await video.SegmentsAsync(2);
        var name = new Uri(video.PlaylistUri, video.Current.Segments[^1].Uri!).AbsolutePath;
        using var stop = new CancellationTokenSource(TimeSpan.FromSeconds(6));
        var slow = Enumerable.Range(0, 20).Select(_ => ReadSlowlyAsync(server.HttpPort, name, stop.Token)).ToArray();

        var longest = TimeSpan.Zero;
        while (!stop.IsCancellationRequested)
        {
            await video.NextAsync();
            longest = video.Held > longest ? video.Held : longest;
            await video.GetAsync(video.Current.Segments[^1].Uri!);
        }
        await Task.WhenAll(slow);
        output.WriteLine($"Longest hold beside 20 slow viewers: {longest.TotalMilliseconds:0} ms");
        // Whoever is held up by a slow reader stands still as long as that one reads: six seconds. A busy machine costs less.
        Assert.True(longest < TimeSpan.FromSeconds(4), $"The stream stood still for {longest.TotalSeconds:0.0} s.");
    }

    [Theory]
    [InlineData("GET /live/../../../etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n")]
    [InlineData("GET /b/%2e%2e/%2e%2e/etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n")]
    [InlineData("\u0016\u0003\u0001\u0002\0\u0001\0\u0001")]
    [InlineData("GET / HTTP/9.9\r\n\r\n")]
    [InlineData("GET /b/a/b/1.m4s HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n")]
    public async Task Http_HostileRequest_IsRefusedAndNobodyElseNotices(string request)
    {
        var (server, viewer) = await broadcast.OnAirAsync();
        var before = await viewer.Video.LoadAsync();
        using var client = new TcpClient();
        await client.ConnectAsync("127.0.0.1", server.HttpPort);
        var stream = client.GetStream();
        await stream.WriteAsync(Encoding.Latin1.GetBytes(request));
        client.Client.Shutdown(SocketShutdown.Send);
        using var reader = new StreamReader(stream, Encoding.Latin1);
        using var timeout = new CancellationTokenSource(TimeSpan.FromSeconds(15));
        var answer = "";
        try
        {
            answer = await reader.ReadToEndAsync(timeout.Token);
        }
        catch (IOException)
        {
            // Reset: refused as well.
        }
        Assert.DoesNotContain("root:", answer, StringComparison.Ordinal);
        // 505 names the one fault of an HTTP version that does not exist; any other 5xx would be ours.
        Assert.DoesNotMatch("^HTTP/1.1 (200|5(?!05))", answer);
        await GoesOnAsync(viewer, before);
    }

    /// <summary>The ordinary stream goes on: two further parts come, in one stretch with what was there before.</summary>
    private static async Task GoesOnAsync(HlsViewer viewer, HlsMediaPlaylist before)
    {
        var video = viewer.Video;
        var (segment, parts) = (before.NextSegment, before.OpenParts.Count);
        await video.LoadAsync();
        await video.NextAsync();
        await video.UntilAsync(playlist => playlist.NextSegment > segment || playlist.OpenParts.Count > parts + 1, TimeSpan.FromSeconds(8));
        Assert.DoesNotContain(video.Current.Segments, each => each.IsDiscontinuity || each.IsGap);
    }

    private static async Task ReadSlowlyAsync(int port, string path, CancellationToken stop)
    {
        using var client = new TcpClient { ReceiveBufferSize = 4096 };
        await client.ConnectAsync("127.0.0.1", port, CancellationToken.None);
        var stream = client.GetStream();
        // Several requests on one connection, so that more is owed than the kernel's buffers take.
        for (var index = 0; index < 50; index++)
            await stream.WriteAsync(Encoding.ASCII.GetBytes($"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n"), CancellationToken.None);
        using var timer = new PeriodicTimer(TimeSpan.FromSeconds(1));
        var buffer = new byte[1024];
        try
        {
            while (await timer.WaitForNextTickAsync(stop))
                await stream.ReadExactlyAsync(buffer, stop);
        }
        catch (Exception fault) when (fault is OperationCanceledException or IOException)
        {
            // Time is up, or the server has lost its patience.
        }
    }

    private static byte[] Hostile(string kind)
    {
        var random = new Random(7);
        byte[] Random(int count)
        {
            var bytes = new byte[count];
            random.NextBytes(bytes);
            return bytes;
        }
        byte[] Handshaken(params byte[] rest) => [3, .. new byte[1536], .. new byte[1536], .. rest];
        byte[] Message(byte type, byte[] payload) =>
            [3, 0, 0, 0, (byte)(payload.Length >> 16), (byte)(payload.Length >> 8), (byte)payload.Length, type, 0, 0, 0, 0, .. payload];
        // One chunk holds any of the messages below.
        byte[] bigChunks = Message(1, [0, 0x10, 0, 0]);
        return kind switch
        {
            "garbage" => Random(100_000),
            "http" => "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"u8.ToArray(),
            "tls" => [0x16, 3, 1, 2, 0, 1, 0, 1, 0xFC, 3, 3, .. Random(600)],
            "wrong-version" => [6, .. Random(4000)],
            "handshake-then-garbage" => Handshaken(Random(60_000)),
            // 16 MB declared, on a stream that never ends.
            "huge-message" => Handshaken([3, 0, 0, 0, 0xFF, 0xFF, 0xFF, 9, 1, 0, 0, 0, .. Random(60_000)]),
            "huge-chunk-size" => Handshaken([.. Message(1, [0x7F, 0xFF, 0xFF, 0xFF]), .. Message(1, [0, 0, 0, 0])]),
            "many-chunk-streams" => Handshaken([.. Enumerable.Range(0, 5000).SelectMany(index =>
                (byte[])[1, (byte)index, (byte)(index >> 8), 0, 0, 0, 0x0F, 0xFF, 0xFF, 9, 1, 0, 0, 0, .. new byte[128]])]),
            // Objects in objects, five thousand deep.
            "amf-bomb" => Handshaken([.. bigChunks, .. Message(20, [2, 0, 7, .. "connect"u8, .. Enumerable.Range(0, 5000).SelectMany(_ => (byte[])[3, 0, 1, 0x61])])]),
            "amf-long-string" => Handshaken([.. bigChunks, .. Message(20, [12, 0x7F, 0xFF, 0xFF, 0xFF, .. new byte[1000]])]),
            _ => throw new ArgumentOutOfRangeException(nameof(kind)),
        };
    }

    private static IEnumerable<MediaMessage> Broken(string kind)
    {
        // A genuine 320x180 baseline configuration, so that what follows is what is wrong.
        byte[] configuration = [0x17, 0, 0, 0, 0, 1, 0x42, 0xC0, 0x0D, 0xFF, 0xE1, 0, 0x0B, 0x67, 0x42, 0xC0, 0x0D, 0xDA, 0x05, 0x07, 0xEC, 0x04, 0x40, 0x00, 1, 0, 4, 0x68, 0xCE, 0x0F, 0xC8];
        var random = new Random(11);
        for (var index = 0; index < 120; index++)
        {
            var time = index / 30.0;
            byte[] noise = new byte[random.Next(1, 600)];
            random.NextBytes(noise);
            switch (kind)
            {
                case "media-before-header":
                    yield return new MediaMessage(true, time, [0x17, 1, 0, 0, 0, 0, 0, 0, 4, 0x65, 1, 2, 3]);
                    yield return new MediaMessage(false, time, [0xAF, 1, 0x21, 0x10, 5]);
                    break;
                case "broken-configuration":
                    yield return new MediaMessage(true, time, [.. configuration[..random.Next(2, configuration.Length)]]);
                    yield return new MediaMessage(false, time, [0xAF, 0]);
                    break;
                case "nal-longer-than-tag":
                    if (index == 0)
                        yield return new MediaMessage(true, 0, configuration);
                    yield return new MediaMessage(true, time, [0x17, 1, 0, 0, 0, 0x7F, 0xFF, 0xFF, 0xFF, 0x65, 1, 2, 3]);
                    break;
                case "random-media":
                    yield return new MediaMessage(index % 2 == 0, time, noise);
                    break;
                case "unknown-codec":
                    yield return new MediaMessage(true, time, [0x12, .. noise]);
                    break;
                default:
                    yield return new MediaMessage(index % 2 == 0, time, []);
                    break;
            }
        }
    }
}
