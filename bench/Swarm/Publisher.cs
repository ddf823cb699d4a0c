using System.Diagnostics;
using System.Net.Sockets;

namespace Millrace.Swarm;

/// <summary>One stream of the swarm: sends each message of the loop when it is due, never blocks.</summary>
/// <remarks>Owned by the pacer's thread, but for <see cref="Connect"/>, which runs on a pool thread while the state is
/// <see cref="State.Connecting"/>.</remarks>
internal sealed class Publisher(MediaLoop loop, Uri url, string name, int phaseMilliseconds)
{
    private enum State { Waiting, Connecting, Ready, Live }

    private volatile State state;
    private Socket? socket;
    private long startedAt;
    private long turns;
    private int index;
    private int sentOfMessage;
    private long nextReconnectAt;
    private string? failure;

    public string Name => name;

    public long BytesSent { get; private set; }

    public long MessagesSent { get; private set; }

    /// <summary>Messages whose last byte left more than 100 ms after they were due.</summary>
    public long LateMessages { get; private set; }

    public double WorstLatenessMilliseconds { get; private set; }

    public int Connections { get; private set; }

    public int Disconnections { get; private set; }

    public string? Failure => failure;

    public bool IsLive => state == State.Live;

    /// <summary>Called with the picture's index in the loop when its last byte was handed to the kernel.</summary>
    public Action<int>? FrameSent { get; init; }

    /// <summary>Seconds after which the stream is closed and published anew; 0 for never.</summary>
    public int ReconnectSeconds { get; init; }

    /// <summary>Begins to connect on a pool thread; <see cref="Tick"/> goes on when that is done.</summary>
    public void Start()
    {
        state = State.Connecting;
        ThreadPool.QueueUserWorkItem(_ => Connect());
    }

    /// <summary>Sends what is due at this time (<see cref="Stopwatch"/> ticks).</summary>
    public void Tick(long now)
    {
        if (state == State.Ready)
            GoLive(now);
        if (state != State.Live)
            return;
        if (ReconnectSeconds > 0 && now >= nextReconnectAt)
        {
            Close();
            Start();
            return;
        }
        while (true)
        {
            var message = loop.Messages[index];
            var due = startedAt + ToTicks(turns * loop.DurationMilliseconds + message.DueMilliseconds);
            if (due > now)
                return;
            if (!SendSome(message))
                return;
            MessagesSent++;
            var late = Stopwatch.GetElapsedTime(due).TotalMilliseconds;
            WorstLatenessMilliseconds = Math.Max(WorstLatenessMilliseconds, late);
            if (late > 100)
                LateMessages++;
            if (message.VideoFrame >= 0)
                FrameSent?.Invoke(message.VideoFrame);
            sentOfMessage = 0;
            if (++index == loop.Messages.Count)
                (index, turns) = (0, turns + 1);
        }
    }

    /// <summary>Reads and forgets what the server sent, and notices when it closed.</summary>
    public void Drain(Span<byte> scratch)
    {
        if (state != State.Live)
            return;
        while (true)
        {
            var read = socket!.Receive(scratch, SocketFlags.None, out var error);
            if (error == SocketError.WouldBlock)
                return;
            if (error != SocketError.Success || read == 0)
            {
                Lost(error == SocketError.Success ? "closed by the server" : error.ToString());
                return;
            }
        }
    }

    public void Close()
    {
        socket?.Dispose();
        socket = null;
        state = State.Waiting;
    }

    /// <summary>Forgets the counts, at the end of the warm-up.</summary>
    public void ResetCounts()
    {
        BytesSent = MessagesSent = LateMessages = 0;
        WorstLatenessMilliseconds = 0;
    }

    private void Connect()
    {
        try
        {
            socket = RtmpLogin.Publish(url, name);
            socket.Blocking = true;
            socket.Send(loop.Preamble);
            socket.Blocking = false;
            state = State.Ready;
        }
        catch (Exception exception) when (exception is IOException or SocketException)
        {
            failure = exception.Message;
            Disconnections++;
            state = State.Waiting;
        }
    }

    private void GoLive(long now)
    {
        Connections++;
        startedAt = now + ToTicks(Connections == 1 ? phaseMilliseconds : 0);
        (turns, index, sentOfMessage) = (0, 0, 0);
        nextReconnectAt = now + ToTicks((long)ReconnectSeconds * 1000);
        state = State.Live;
    }

    /// <summary>True when the message is whole in the kernel's hands.</summary>
    private bool SendSome(LoopMessage message)
    {
        var rest = loop.Bytes.AsSpan(message.Offset + sentOfMessage, message.Length - sentOfMessage);
        var sent = socket!.Send(rest, SocketFlags.None, out var error);
        if (error != SocketError.Success)
        {
            if (error != SocketError.WouldBlock)
                Lost(error.ToString());
            return false;
        }
        BytesSent += sent;
        sentOfMessage += sent;
        return sent == rest.Length;
    }

    private void Lost(string why)
    {
        failure = why;
        Disconnections++;
        Close();
    }

    private static long ToTicks(long milliseconds) => milliseconds * Stopwatch.Frequency / 1000;
}
