using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Millrace.Ingest;
using Millrace.Server.Tls;

namespace Millrace.Server.Rtmp;

/// <summary>Accepts RTMP and RTMPS connections and hands them to read loops.</summary>
internal sealed class RtmpListener : IHostedLifecycleService, IDisposable
{
    private const int Backlog = 512;

    /// <summary>Rest after an accept that failed: short against a handshake.</summary>
    private static readonly TimeSpan AcceptPause = TimeSpan.FromMilliseconds(20);

    /// <summary>Of the five seconds that stopping may take: encoders lag half a second.</summary>
    private static readonly TimeSpan TailPatience = TimeSpan.FromSeconds(1);

    private readonly RtmpOptions options;
    private readonly RtmpConnectionFactory connections;
    private readonly BroadcastDirectory directory;
    private readonly ServerAddresses addresses;
    private readonly TimeProvider time;
    private readonly ILogger<RtmpListener> logger;
    private readonly ConnectionLimits limits;
    private readonly ThrottledReport<(IPAddress Address, int Open)> refusals;
    private readonly ThrottledReport<string> tlsFailures;
    private readonly CancellationTokenSource stopAccepting = new();
    private readonly CancellationTokenSource stopping = new();
    private readonly List<Socket> listeners = [];
    private readonly List<Task> accepting = [];
    private readonly HashSet<Task> streams = [];
    private ReadLoop[] loops = [];
    private int nextLoop;

    public RtmpListener(
        IOptions<RtmpOptions> options, RtmpConnectionFactory connections, BroadcastDirectory directory, ServerAddresses addresses, TimeProvider time, ILogger<RtmpListener> logger)
    {
        this.options = options.Value;
        this.connections = connections;
        this.directory = directory;
        this.addresses = addresses;
        this.time = time;
        this.logger = logger;
        limits = new ConnectionLimits(this.options.MaxConnections, this.options.MaxConnectionsPerAddress);
        refusals = new(time, TimeSpan.FromSeconds(1), (last, count) => logger.ConnectionsRefused(count, last.Address, last.Open));
        tlsFailures = new(time, TimeSpan.FromSeconds(1), (reason, count) => logger.TlsFailed(count, reason));
    }

    /// <summary>Connections open now, both listeners together.</summary>
    public int OpenConnections => limits.Open;

    public Task StartAsync(CancellationToken cancellationToken)
    {
        // What can fail comes first: a fault here ends the start, and nobody has been let in.
        var plain = Listen("Rtmp:Port", options.Port);
        addresses.RtmpPort = ((IPEndPoint)plain.LocalEndPoint!).Port;
        TlsIdentity? tls = null;
        Socket? secure = null;
        if (options.Tls.Listens() is { } securePort)
        {
            tls = new TlsIdentity("Rtmp:Tls", options.Tls, protocols: null, time, logger);
            secure = Listen("Rtmp:Tls:Port", securePort);
            addresses.RtmpsPort = ((IPEndPoint)secure.LocalEndPoint!).Port;
        }

        // Where there is no epoll every connection is served as a stream.
        if (RuntimeInformation.IsOSPlatform(OSPlatform.Linux))
        {
            var count = options.ReadLoops > 0 ? options.ReadLoops : Math.Max(1, Environment.ProcessorCount / 2);
            loops = [.. Enumerable.Range(0, count).Select(i => new ReadLoop(i, options.ReadCoalescing, time, logger))];
        }
        accepting.Add(AcceptAsync(plain, tls: null));
        if (secure is not null)
            accepting.Add(AcceptAsync(secure, tls));
        return Task.CompletedTask;
    }

    public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <summary>Nobody new comes in, publishers are told, and open segments are closed, while viewers are still served.</summary>
    public async Task StoppingAsync(CancellationToken cancellationToken)
    {
        await stopAccepting.CancelAsync();
        foreach (var listener in listeners)
            listener.Dispose();
        await Task.WhenAll(accepting);
        await directory.StopAsync(TailPatience);
    }

    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public async Task StopAsync(CancellationToken cancellationToken)
    {
        await stopping.CancelAsync();
        foreach (var loop in loops)
            loop.Dispose();
        Task[] serving;
        lock (streams)
            serving = [.. streams];
        await Task.WhenAll(serving).WaitAsync(cancellationToken);
    }

    public void Dispose()
    {
        // Also after a start that failed, which nothing stops.
        foreach (var listener in listeners)
            listener.Dispose();
        foreach (var loop in loops)
            loop.Dispose();
        stopAccepting.Dispose();
        stopping.Dispose();
    }

    private Socket Listen(string key, int port)
    {
        var any = options.Address == "*";
        var address = any
            ? Socket.OSSupportsIPv6 ? IPAddress.IPv6Any : IPAddress.Any
            : IPAddress.Parse(options.Address);
        var listener = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            if (any && address.AddressFamily == AddressFamily.InterNetworkV6)
                listener.DualMode = true;
            listener.Bind(new IPEndPoint(address, port));
            listener.Listen(Backlog);
        }
        catch (SocketException fault)
        {
            listener.Dispose();
            var advice = fault.SocketErrorCode switch
            {
                SocketError.AddressAlreadyInUse => $"Another program has it; choose another with --{key}=PORT.",
                SocketError.AccessDenied => $"Ports below 1024 need CAP_NET_BIND_SERVICE; choose another with --{key}=PORT.",
                SocketError.AddressNotAvailable => "This machine has no such address; see Rtmp:Address.",
                _ => $"See {key} and Rtmp:Address.",
            };
            throw new ListenException($"RTMP cannot listen on {options.Address}:{port}: {fault.Message}. {advice}", fault);
        }
        listeners.Add(listener);
        return listener;
    }

    private async Task AcceptAsync(Socket listener, TlsIdentity? tls)
    {
        while (!stopAccepting.IsCancellationRequested)
        {
            Socket socket;
            try
            {
                socket = await listener.AcceptAsync(stopAccepting.Token);
            }
            catch (Exception end) when (end is OperationCanceledException or ObjectDisposedException)
            {
                return;
            }
            catch (SocketException)
            {
                // Out of descriptors, or the peer left between SYN and accept: neither ends the listener, and the first
                // lasts, so it is not tried again at full speed.
                await Task.Delay(AcceptPause, time, CancellationToken.None);
                continue;
            }
            try
            {
                Serve(socket, tls);
            }
            catch (Exception fault) when (fault is SocketException or ObjectDisposedException or IOException)
            {
                socket.Dispose();
            }
        }
    }

    private void Serve(Socket socket, TlsIdentity? tls)
    {
        // What can fail for a peer that is gone already comes before it takes a place.
        var remote = (IPEndPoint)socket.RemoteEndPoint!;
        socket.NoDelay = true;
        if (!limits.TryEnter(remote.Address))
        {
            socket.Dispose();
            connections.Metrics.Refused();
            refusals.Count((remote.Address, limits.Open));
            return;
        }
        var connection = connections.Create(remote, () => limits.Leave(remote.Address));
        if (tls is null && loops.Length > 0)
        {
            socket.Blocking = false;
            loops[(uint)Interlocked.Increment(ref nextLoop) % (uint)loops.Length].Add(socket, connection);
            return;
        }
        var serving = ServeStreamAsync(socket, connection, tls);
        lock (streams)
            streams.Add(serving);
        serving.ContinueWith(
            done =>
            {
                lock (streams)
                    streams.Remove(done);
            },
            CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
    }

    private async Task ServeStreamAsync(Socket socket, RtmpConnection connection, TlsIdentity? tls)
    {
        await Task.Yield();
        Stream stream = new NetworkStream(socket, ownsSocket: true);
        if (tls is not null)
        {
            var secured = new SslStream(stream);
            using var handshake = CancellationTokenSource.CreateLinkedTokenSource(stopping.Token);
            handshake.CancelAfter(options.HandshakeTimeout);
            try
            {
                await secured.AuthenticateAsServerAsync(tls.Current, handshake.Token);
            }
            catch (Exception fault) when (fault is not OutOfMemoryException)
            {
                // Whatever a TLS library finds to throw at a hostile hello: the place is given back.
                connection.Dispose();
                await secured.DisposeAsync();
                connections.Metrics.TlsFailed();
                tlsFailures.Count(fault.Message);
                return;
            }
            stream = secured;
        }
        using var transport = new StreamTransport(stream, connection, time, logger);
        await transport.RunAsync(stopping.Token);
    }
}
