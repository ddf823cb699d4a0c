using System.Collections.Concurrent;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using Microsoft.Extensions.Logging;
using Millrace.Core;

namespace Millrace.Server.Rtmp;

/// <summary>
/// One thread that reads many publishers: <c>epoll_wait</c>, one <c>recv</c> per readable socket into the loop's one
/// buffer, and straight into the connection's session. No task, no pipe and no buffer per connection.
/// </summary>
/// <remarks>
/// Publishers send 75 small messages a second each. With many of them a wake-up per message costs more than the
/// message; so a loop that finds several sockets ready rests for <see cref="RtmpOptions.ReadCoalescing"/> before it
/// looks again, and then finds the messages of that time in a few large batches. A loop with little to do never rests.
/// </remarks>
internal sealed unsafe class ReadLoop : IDisposable
{
    /// <summary>Bytes of the loop's receive buffer, and so the most that one connection gets read before the next one's turn.</summary>
    private const int BufferBytes = 256 * 1024;

    private const int MaxEvents = 512;

    /// <summary>Ready sockets in one round from which on resting pays.</summary>
    private const int BusyRound = 4;

    /// <summary>Bytes that a peer may leave unread before it is cut off; answers to control messages are all we send.</summary>
    private const int MaxQueuedBytes = 64 * 1024;

    private readonly int epoll;
    private readonly int wakeUp;
    private readonly Thread thread;
    private readonly TimeProvider time;
    private readonly TimeSpan coalescing;
    private readonly ILogger logger;
    private readonly ConcurrentQueue<Entry> posted = new();
    private readonly Dictionary<int, Entry> entries = [];
    private volatile bool stopping;

    public ReadLoop(int number, TimeSpan coalescing, TimeProvider time, ILogger logger)
    {
        this.coalescing = coalescing;
        this.time = time;
        this.logger = logger;
        epoll = LinuxCalls.EpollCreate();
        wakeUp = LinuxCalls.EventFd();
        if (epoll < 0 || wakeUp < 0 || LinuxCalls.EpollControl(epoll, LinuxCalls.EpollAdd, wakeUp, LinuxCalls.EpollIn) < 0)
            throw new IOException($"epoll is not available (errno {LinuxCalls.LastError}).");
        thread = new Thread(Run) { IsBackground = true, Name = $"rtmp-read-{number}" };
        thread.Start();
    }

    /// <summary>Takes over an accepted socket. <paramref name="connection"/> is called from this loop's thread from now on.</summary>
    public void Add(Socket socket, RtmpConnection connection)
    {
        var entry = new Entry(this, socket, connection);
        connection.Attach(entry);
        Post(entry);
    }

    /// <summary>Ends the loop and closes every connection of it.</summary>
    public void Dispose()
    {
        if (stopping)
            return;
        stopping = true;
        LinuxCalls.Signal(wakeUp);
        thread.Join();
        LinuxCalls.Close(wakeUp);
        LinuxCalls.Close(epoll);
    }

    private void Post(Entry entry)
    {
        posted.Enqueue(entry);
        LinuxCalls.Signal(wakeUp);
    }

    private void Run()
    {
        var buffer = (byte*)NativeMemory.AlignedAlloc(BufferBytes, 4096);
        var events = stackalloc byte[MaxEvents * LinuxCalls.EventSize];
        var nextSweep = time.GetTimestamp();
        while (!stopping)
        {
            var ready = LinuxCalls.EpollWait(epoll, events, MaxEvents, 1000);
            for (var i = 0; i < ready; i++)
            {
                var flags = *(int*)(events + i * LinuxCalls.EventSize);
                var descriptor = (int)*(long*)(events + i * LinuxCalls.EventSize + LinuxCalls.EventDataOffset);
                if (descriptor == wakeUp)
                    LinuxCalls.DrainSignal(wakeUp);
                else if (entries.TryGetValue(descriptor, out var entry))
                    Serve(entry, flags, buffer);
            }
            while (posted.TryDequeue(out var entry))
                Settle(entry);
            var now = time.GetTimestamp();
            if (now >= nextSweep)
            {
                nextSweep = now + time.TimestampFrequency;
                Sweep();
            }
            if (ready >= BusyRound && coalescing > TimeSpan.Zero)
                Thread.Sleep(coalescing);
        }
        foreach (var entry in entries.Values.ToArray())
            Remove(entry);
        while (posted.TryDequeue(out var entry))
            Remove(entry);
        NativeMemory.AlignedFree(buffer);
    }

    private void Serve(Entry entry, int flags, byte* buffer)
    {
        if ((flags & LinuxCalls.EpollOut) != 0)
            entry.FlushQueued();
        if ((flags & (LinuxCalls.EpollIn | LinuxCalls.EpollErr | LinuxCalls.EpollHup | LinuxCalls.EpollReadHup)) == 0)
            return;
        var received = LinuxCalls.Receive(entry.Descriptor, buffer, BufferBytes);
        if (received > 0)
        {
            try
            {
                entry.Connection.Receive(new ReadOnlySpan<byte>(buffer, (int)received));
            }
            catch (Exception fault) when (fault is not OutOfMemoryException)
            {
                // The outermost loop of every connection here: a bug ends the connection that met it and no other.
                logger.ConnectionFailed(fault);
                Remove(entry);
                return;
            }
            if (entry.IsClosing)
                Remove(entry);
            return;
        }
        if (received < 0 && LinuxCalls.LastError is LinuxCalls.ErrorAgain or LinuxCalls.ErrorInterrupted)
            return;
        Remove(entry);
    }

    /// <summary>Begins or ends what another thread posted.</summary>
    private void Settle(Entry entry)
    {
        if (entry.IsClosing)
        {
            Remove(entry);
            return;
        }
        if (entries.ContainsKey(entry.Descriptor))
            return;
        entries.Add(entry.Descriptor, entry);
        if (LinuxCalls.EpollControl(epoll, LinuxCalls.EpollAdd, entry.Descriptor, LinuxCalls.EpollIn | LinuxCalls.EpollReadHup) < 0)
            Remove(entry);
    }

    private void Sweep()
    {
        List<Entry>? expired = null;
        foreach (var entry in entries.Values)
        {
            entry.Connection.CheckTimeouts();
            if (entry.IsClosing)
                (expired ??= []).Add(entry);
        }
        foreach (var entry in expired ?? [])
            Remove(entry);
    }

    private void Remove(Entry entry)
    {
        if (!entry.TryFinish())
            return;
        entries.Remove(entry.Descriptor);
        entry.Socket.Dispose();
        entry.Connection.Dispose();
    }

    /// <summary>A connection's socket within the loop. Sends may come from any thread under the connection's lock; closing is the loop's.</summary>
    private sealed class Entry(ReadLoop loop, Socket socket, RtmpConnection connection) : ITransport
    {
        private byte[] queued = [];
        private int queuedBytes;
        private bool finished;
        private volatile bool closing;

        public Socket Socket => socket;

        public RtmpConnection Connection => connection;

        public int Descriptor { get; } = (int)socket.SafeHandle.DangerousGetHandle();

        public bool IsClosing => closing;

        public bool Send(ReadOnlySpan<byte> bytes)
        {
            lock (this)
            {
                if (finished)
                    return false;
                if (queuedBytes == 0)
                {
                    var sent = LinuxCalls.Send(Descriptor, bytes);
                    if (sent < 0 && LinuxCalls.LastError is not (LinuxCalls.ErrorAgain or LinuxCalls.ErrorInterrupted))
                        return false;
                    bytes = bytes[(int)Math.Max(0, sent)..];
                    if (bytes.IsEmpty)
                        return true;
                }
                if (queuedBytes + bytes.Length > MaxQueuedBytes)
                    return false;
                if (queued.Length < queuedBytes + bytes.Length)
                    Array.Resize(ref queued, Math.Max(4096, (queuedBytes + bytes.Length) * 2));
                bytes.CopyTo(queued.AsSpan(queuedBytes));
                if (queuedBytes == 0)
                    LinuxCalls.EpollControl(loop.epoll, LinuxCalls.EpollModify, Descriptor, LinuxCalls.EpollIn | LinuxCalls.EpollReadHup | LinuxCalls.EpollOut);
                queuedBytes += bytes.Length;
                return true;
            }
        }

        public void FlushQueued()
        {
            lock (this)
            {
                if (finished || queuedBytes == 0)
                    return;
                var sent = (int)LinuxCalls.Send(Descriptor, queued.AsSpan(0, queuedBytes));
                if (sent <= 0)
                    return;
                queued.AsSpan(sent, queuedBytes - sent).CopyTo(queued);
                queuedBytes -= sent;
                if (queuedBytes > 0)
                    return;
                queued = [];
                LinuxCalls.EpollControl(loop.epoll, LinuxCalls.EpollModify, Descriptor, LinuxCalls.EpollIn | LinuxCalls.EpollReadHup);
            }
        }

        public void Close()
        {
            if (closing)
                return;
            closing = true;
            loop.Post(this);
        }

        /// <summary>Marks the entry finished; false when it was already. After it no send reaches the descriptor.</summary>
        public bool TryFinish()
        {
            lock (this)
            {
                if (finished)
                    return false;
                finished = true;
                closing = true;
                return true;
            }
        }
    }
}
