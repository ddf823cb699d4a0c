using System.Net;
using System.Net.Sockets;
using Millrace.Core;
using Millrace.Delivery.Relay;

namespace Millrace.Delivery.Tests.Direct;

/// <summary>What goes through the pipe into a socket is what was given, also when the socket takes a part of it.</summary>
public sealed class SplicePipeTests : IDisposable
{
    private const int Length = 3_000_001;

    private readonly byte[] bytes = new byte[Length];
    private readonly SendableMemory memory = new();
    private readonly SplicePipe pipe = new();
    private readonly string path = Path.GetTempFileName();

    public SplicePipeTests()
    {
        new Random(7).NextBytes(bytes);
        File.WriteAllBytes(path, bytes);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Send_ToASocketThatFillsUp_GoesOnWhereItStoppedAndTheNextSocketGetsItsOwn(bool isMemory)
    {
        Assert.SkipUnless(DirectTransport.IsSupported, "There is no direct path here.");
        var range = memory.TryRent(Length)!;
        bytes.CopyTo(range.Memory.Span);
        using var file = File.OpenHandle(path);
        for (var round = 0; round < 3; round++)
        {
            using var full = new Connection();
            using var next = new Connection();
            var before = Send(full.Sender, 0);
            Assert.InRange(before, 1, Length - 1);
            Assert.Equal(-1, Send(full.Sender, before));
            Assert.Equal(LinuxCalls.ErrorAgain, LinuxCalls.LastError);

            Assert.Equal(bytes, await ReadAsync(next, 0));
            Assert.Equal(bytes, await ReadAsync(full, before));
        }

        range.Return();

        // What the socket takes; -1 when it is full.
        int Send(Socket socket, int from)
        {
            var run = isMemory
                ? new SplicePipe.Run(range.Memory.Span[from..]) : new SplicePipe.Run(file.DangerousGetHandle(), from, Length - from);
            Assert.True(pipe.TrySend((int)socket.Handle, run, more: false, out var sent));
            return (int)sent;
        }

        async Task<byte[]> ReadAsync(Connection connection, int sent)
        {
            var received = new byte[Length];
            for (var done = 0; done < Length;)
            {
                while (sent < Length && Send(connection.Sender, sent) is > 0 and var more)
                    sent += more;
                done += await connection.Receiver.ReceiveAsync(received.AsMemory(done), TestContext.Current.CancellationToken);
            }
            return received;
        }
    }

    [Fact]
    public void Send_FileThatIsShorterThanPromised_SendsWhatThereIsAndThenSaysNo()
    {
        Assert.SkipUnless(DirectTransport.IsSupported, "There is no direct path here.");
        using var connection = new Connection();
        using var file = File.OpenHandle(path);
        Assert.True(pipe.TrySend((int)connection.Sender.Handle, new SplicePipe.Run(file.DangerousGetHandle(), Length - 100, 1000), more: false, out var sent));
        Assert.Equal(100, sent);
        Assert.False(pipe.TrySend((int)connection.Sender.Handle, new SplicePipe.Run(file.DangerousGetHandle(), Length, 1000), more: false, out _));
    }

    public void Dispose()
    {
        pipe.Dispose();
        memory.Dispose();
        File.Delete(path);
    }

    private sealed class Connection : IDisposable
    {
        public Connection()
        {
            using var listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
            listener.Listen();
            Receiver.Connect(listener.LocalEndPoint!);
            Sender = listener.Accept();
            Sender.SendBufferSize = 64 * 1024;
            Sender.Blocking = false;
        }

        public Socket Sender { get; }

        public Socket Receiver { get; } = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { ReceiveBufferSize = 64 * 1024 };

        public void Dispose()
        {
            Sender.Dispose();
            Receiver.Dispose();
        }
    }
}
