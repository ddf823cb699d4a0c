using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Amazon.S3;
using Amazon.S3.Model;

namespace Millrace.Delivery.Tests.Archive;

/// <summary>
/// A real S3 server: Ceph's gateway over one monitor and one object daemon in memory, on free ports, for all tests of a process.
/// Started with the first test that asks for it; that takes about 12 s.
/// </summary>
public sealed class RadosGateway : IAsyncDisposable
{
    public const string AccessKey = "millrace-test";
    public const string SecretKey = "not-a-secret-of-anybody";

    private static readonly string[] Programs = ["radosgw", "radosgw-admin", "ceph", "ceph-mon", "ceph-osd", "monmaptool"];
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(120);

    private readonly Lock gate = new();
    private readonly List<Process> running = [];
    private DirectoryInfo? directory;
    private Task? started;
    private int port;

    public string Endpoint => $"http://127.0.0.1:{port}";

    /// <summary>Waits until it takes requests. A test on a machine without it skips, and names the packages.</summary>
    public Task ReadyAsync()
    {
        var path = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator);
        var missing = Programs.Where(name => !path.Any(part => File.Exists(Path.Combine(part, name)))).ToList();
        Assert.SkipWhen(missing.Count > 0,
            $"{string.Join(", ", missing)} missing on this machine: the S3 server that these tests need is in the packages radosgw, ceph-mon, ceph-osd and ceph-common.");
        lock (gate)
            return started ??= StartAsync();
    }

    /// <summary>A new bucket, ready to be written.</summary>
    public async Task<string> CreateBucketAsync()
    {
        await ReadyAsync();
        var name = "t" + Guid.NewGuid().ToString("N");
        using var client = new AmazonS3Client(AccessKey, SecretKey, new AmazonS3Config { ServiceURL = Endpoint, ForcePathStyle = true, AuthenticationRegion = "us-east-1" });
        await client.PutBucketAsync(name);
        // The first upload of all makes the server's pools, which takes it seconds.
        await client.PutObjectAsync(new PutObjectRequest { BucketName = name, Key = "first", ContentBody = "x" });
        return name;
    }

    public async ValueTask DisposeAsync()
    {
        running.Reverse();
        foreach (var process in running)
        {
            process.Kill();
            await process.WaitForExitAsync();
            process.Dispose();
        }
        directory?.Delete(recursive: true);
    }

    private async Task StartAsync()
    {
        directory = Directory.CreateTempSubdirectory("millrace-s3-");
        var ports = FreePorts(2);
        port = ports[1];
        var path = directory.FullName;
        var configuration = Path.Combine(path, "ceph.conf");
        var cluster = Guid.NewGuid().ToString();
        await File.WriteAllTextAsync(configuration, $"""
            [global]
            fsid = {cluster}
            mon initial members = a
            mon host = v2:127.0.0.1:{ports[0]}/0
            public addr = 127.0.0.1
            cluster addr = 127.0.0.1
            ms bind msgr1 = false
            ms bind ipv6 = false
            auth cluster required = none
            auth service required = none
            auth client required = none
            mon allow pool size one = true
            mon max pg per osd = 10000
            osd pool default size = 1
            osd pool default min size = 1
            osd pool default pg num = 1
            osd pool default pgp num = 1
            osd pool default pg autoscale mode = off
            osd crush chooseleaf type = 0
            osd objectstore = memstore
            memstore device bytes = 4294967296
            log file = {path}/$name.log
            mon cluster log file = {path}/cluster.log
            run dir = {path}
            admin socket =
            pid file =
            keyring = {path}/keyring
            mon data = {path}/mon
            osd data = {path}/osd
            [client]
            ms mon client mode = crc
            [client.rgw.a]
            rgw frontends = beast endpoint=127.0.0.1:{port}
            rgw thread pool size = 32

            """);
        Directory.CreateDirectory(Path.Combine(path, "mon"));
        Directory.CreateDirectory(Path.Combine(path, "osd"));
        await File.WriteAllBytesAsync(Path.Combine(path, "keyring"), []);
        var map = Path.Combine(path, "monmap");
        await RunAsync("monmaptool", "--create", "--addv", "a", $"[v2:127.0.0.1:{ports[0]}/0]", "--fsid", cluster, map);
        await RunAsync("ceph-mon", "--mkfs", "-i", "a", "--monmap", map, "-c", configuration);
        Keep("ceph-mon", "-i", "a", "-f", "-c", configuration);
        await RunAsync("ceph", "-c", configuration, "--connect-timeout", "60", "osd", "create");
        await RunAsync("ceph-osd", "--mkfs", "-i", "0", "--osd-uuid", Guid.NewGuid().ToString(), "-c", configuration);
        Keep("ceph-osd", "-i", "0", "-f", "-c", configuration);
        await RunAsync("radosgw-admin", "-c", configuration, "-n", "client.rgw.a", "user", "create", "--uid=millrace", "--display-name=millrace",
            $"--access-key={AccessKey}", $"--secret-key={SecretKey}");
        Keep("radosgw", "-n", "client.rgw.a", "-f", "-c", configuration);
        await AnswersAsync();
    }

    /// <summary>It listens a moment after it was started, and says so to nobody.</summary>
    private async Task AnswersAsync()
    {
        using var limit = new CancellationTokenSource(Patience);
        using var pause = new PeriodicTimer(TimeSpan.FromMilliseconds(100));
        while (true)
        {
            using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            try
            {
                await socket.ConnectAsync(IPAddress.Loopback, port, limit.Token);
                return;
            }
            catch (SocketException) when (running.TrueForAll(process => !process.HasExited))
            {
                await pause.WaitForNextTickAsync(limit.Token);
            }
        }
    }

    private static async Task RunAsync(string program, params string[] arguments)
    {
        using var process = Start(program, arguments);
        var output = process.StandardOutput.ReadToEndAsync();
        var errors = process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync().WaitAsync(Patience);
        if (process.ExitCode != 0)
            throw new InvalidOperationException($"{program} {string.Join(' ', arguments)} ended with {process.ExitCode}.\n{await output}{await errors}");
    }

    private void Keep(string program, params string[] arguments)
    {
        var process = Start(program, arguments);
        process.OutputDataReceived += (_, _) => { };
        process.ErrorDataReceived += (_, _) => { };
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        running.Add(process);
    }

    private static Process Start(string program, string[] arguments)
    {
        var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true })!;
        process.StandardInput.Close();
        return process;
    }

    private static int[] FreePorts(int count)
    {
        var listeners = Enumerable.Range(0, count).Select(_ => new TcpListener(IPAddress.Loopback, 0)).ToArray();
        foreach (var listener in listeners)
            listener.Start();
        var ports = listeners.Select(listener => ((IPEndPoint)listener.LocalEndpoint).Port).ToArray();
        foreach (var listener in listeners)
            listener.Stop();
        return ports;
    }
}
