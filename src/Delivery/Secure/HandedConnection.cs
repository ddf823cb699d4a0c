using System.Buffers;
using System.IO.Pipelines;
using System.Net;
using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core.Features;

namespace Millrace.Delivery;

/// <summary>
/// A TLS connection that is Kestrel's: HTTP/2, and HTTP/1.1 from the first request on that is not for media, with everything
/// that has been read of it.
/// </summary>
/// <remarks>
/// Reads ahead by itself, so that a client that leaves is noticed while its request waits. Disposed by Kestrel, once; owns
/// the streams.
/// </remarks>
internal sealed class HandedConnection
    : DefaultConnectionContext, ITlsConnectionFeature, ITlsHandshakeFeature, ITlsApplicationProtocolFeature, IMemoryPoolFeature
{
    // What Kestrel reads of a connection ahead of its requests; it takes bodies of 64 KB.
    private const int ReadAheadBytes = 64 * 1024;

    // A TLS record's payload: Kestrel's own blocks of 4 KB would each become a record.
    private const int WriteBytes = 16 * 1024;

    private readonly SslStream tls;
    private readonly GatheredStream wire;
    private readonly CancellationTokenSource closed = new();
    private readonly Action left;
    private readonly Pipe input;
    private readonly Task pump;

    /// <param name="tls">After its handshake. Owned.</param>
    /// <param name="wire">Below it.</param>
    /// <param name="begun">What has been read already; copied.</param>
    /// <param name="arrival">A read of nothing that waits for more already, or null.</param>
    /// <param name="pool">For Kestrel's buffers.</param>
    /// <param name="local">Where it was accepted.</param>
    /// <param name="remote">Where it comes from.</param>
    /// <param name="left">Called once when it is over.</param>
    public HandedConnection(
        SslStream tls, GatheredStream wire, ReadOnlySpan<byte> begun, Task? arrival, MemoryPool<byte> pool, EndPoint? local, EndPoint? remote, Action left)
    {
        this.tls = tls;
        this.wire = wire;
        this.left = left;
        MemoryPool = pool;
        LocalEndPoint = local;
        RemoteEndPoint = remote;
        ConnectionClosed = closed.Token;
        ApplicationProtocol = tls.NegotiatedApplicationProtocol.Protocol;
        input = new Pipe(new PipeOptions(
            pool, pauseWriterThreshold: ReadAheadBytes, resumeWriterThreshold: ReadAheadBytes / 2, useSynchronizationContext: false));
        Transport = new DuplexPipe(input.Reader, PipeWriter.Create(tls, new StreamPipeWriterOptions(minimumBufferSize: WriteBytes, leaveOpen: true)));
        Features.Set<ITlsConnectionFeature>(this);
        Features.Set<ITlsHandshakeFeature>(this);
        Features.Set<ITlsApplicationProtocolFeature>(this);
        Features.Set<IMemoryPoolFeature>(this);
        // Kestrel flushes what it has written: once for each of its own flushes.
        wire.Gathers = true;
        input.Writer.Write(begun);
        pump = PumpAsync(arrival);
    }

    /// <inheritdoc/>
    public ReadOnlyMemory<byte> ApplicationProtocol { get; }

    /// <inheritdoc/>
    public MemoryPool<byte> MemoryPool { get; }

    X509Certificate2? ITlsConnectionFeature.ClientCertificate { get; set; }

    Task<X509Certificate2?> ITlsConnectionFeature.GetClientCertificateAsync(CancellationToken cancellationToken) => Task.FromResult<X509Certificate2?>(null);

    SslProtocols ITlsHandshakeFeature.Protocol => tls.SslProtocol;

    TlsCipherSuite? ITlsHandshakeFeature.NegotiatedCipherSuite => tls.NegotiatedCipherSuite;

    // Obsolete, and asked for by nobody here; the interface has them still.
#pragma warning disable SYSLIB0058
    CipherAlgorithmType ITlsHandshakeFeature.CipherAlgorithm => tls.CipherAlgorithm;

    int ITlsHandshakeFeature.CipherStrength => tls.CipherStrength;

    HashAlgorithmType ITlsHandshakeFeature.HashAlgorithm => tls.HashAlgorithm;

    int ITlsHandshakeFeature.HashStrength => tls.HashStrength;

    ExchangeAlgorithmType ITlsHandshakeFeature.KeyExchangeAlgorithm => tls.KeyExchangeAlgorithm;

    int ITlsHandshakeFeature.KeyExchangeStrength => tls.KeyExchangeStrength;
#pragma warning restore SYSLIB0058

    /// <inheritdoc/>
    public override void Abort(ConnectionAbortedException abortReason) => wire.Dispose();

    /// <inheritdoc/>
    public override async ValueTask DisposeAsync()
    {
        // 1. The end of the stream is said if there is room to say it: nobody waits for a client that does not read.
        var goodbye = tls.ShutdownAsync();
        var last = wire.FlushAsync();
        // 2. The pump ends with the socket.
        wire.Dispose();
        await goodbye.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await last.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await pump.ConfigureAwait(false);
        await input.Reader.CompleteAsync().ConfigureAwait(false);
        await tls.DisposeAsync().ConfigureAwait(false);
        closed.Dispose();
        await base.DisposeAsync().ConfigureAwait(false);
        left();
    }

    private async Task PumpAsync(Task? arrival)
    {
        Exception? fault = null;
        try
        {
            await input.Writer.FlushAsync();
            while (true)
            {
                // Nothing is held while nothing comes.
                await (arrival ?? tls.ReadAsync(Memory<byte>.Empty).AsTask());
                arrival = null;
                var count = await tls.ReadAsync(input.Writer.GetMemory());
                if (count == 0)
                    break;
                input.Writer.Advance(count);
                if ((await input.Writer.FlushAsync()).IsCompleted)
                    break;
            }
        }
        catch (Exception end) when (end is IOException or System.Net.Sockets.SocketException or ObjectDisposedException or AuthenticationException)
        {
            fault = new ConnectionResetException(end.Message, end);
        }
        await input.Writer.CompleteAsync(fault);
        await closed.CancelAsync();
    }

    private sealed record DuplexPipe(PipeReader Input, PipeWriter Output) : IDuplexPipe;
}
