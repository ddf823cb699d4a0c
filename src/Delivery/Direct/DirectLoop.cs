using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using Microsoft.Extensions.Logging;
using Millrace.Core;

namespace Millrace.Delivery;

/// <summary>
/// One thread for many connections: <c>epoll_wait</c>, and each connection's own steps for what happened to it. No step waits
/// for a peer, a lock that somebody holds for long, or a disk.
/// </summary>
internal sealed unsafe class DirectLoop : IDisposable
{
    private const int MaxEvents = 256;
    private const int MaxAccepts = 64;

    // A thread that a hung disk holds is a background thread: the process ends without it.
    private static readonly TimeSpan JoinLimit = TimeSpan.FromSeconds(2);

    private readonly int epoll;
    private readonly int wakeUp;
    private readonly Thread thread;
    private readonly ILogger logger;
    private readonly ConcurrentQueue<DirectConnection> posted = new();
    private readonly Dictionary<int, DirectConnection> connections = [];
    private readonly TaskCompletionSource drained = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int accepting = -1;
    private bool isAcceptPaused;
    private int isSignalled;
    private volatile bool isStopping;
    private volatile bool isDraining;

    private enum Happening
    {
        Event,
        Posted,
        Tick,
    }

    /// <param name="number">For the thread's name.</param>
    /// <param name="listener">Whose connections they are.</param>
    /// <param name="limits">What a connection may do.</param>
    /// <param name="time">The clock.</param>
    /// <param name="logger">Where a connection's fault is said.</param>
    public DirectLoop(int number, DirectListener listener, DirectLimits limits, TimeProvider time, ILogger logger)
    {
        Listener = listener;
        Limits = limits;
        Time = time;
        this.logger = logger;
        Now = time.GetTimestamp();
        epoll = LinuxCalls.EpollCreate();
        wakeUp = LinuxCalls.EventFd();
        if (epoll < 0 || wakeUp < 0 || LinuxCalls.EpollControl(epoll, LinuxCalls.EpollAdd, wakeUp, LinuxCalls.EpollIn) < 0)
            throw new IOException($"epoll is not available (errno {LinuxCalls.LastError}).");
        thread = new Thread(Run) { IsBackground = true, Name = $"http-media-{number}" };
    }

    /// <summary>Whose connections they are.</summary>
    public DirectListener Listener { get; }

    /// <summary>What a connection may do.</summary>
    public DirectLimits Limits { get; }

    /// <summary>The clock.</summary>
    public TimeProvider Time { get; }

    /// <summary>The time of this round, as <see cref="TimeProvider.GetTimestamp"/>.</summary>
    public long Now { get; private set; }

    /// <summary>For the connection whose turn it is.</summary>
    public LoopScratch Scratch { get; } = new();

    /// <summary>The server stops: responses end their connections.</summary>
    public bool IsDraining => isDraining;

    /// <summary>Completed when <see cref="Drain"/> was called and the last connection is gone.</summary>
    public Task Drained => drained.Task;

    /// <summary>Begins. With a listening socket, which does not block, this loop accepts for all.</summary>
    public void Start(int listeningSocket)
    {
        accepting = listeningSocket;
        thread.Start();
    }

    /// <summary>A connection is this loop's from now on.</summary>
    public void Add(DirectConnection connection) => Post(connection);

    /// <summary>Has a connection's <see cref="DirectConnection.OnPosted"/> called on this loop's thread. Any thread.</summary>
    public void Post(DirectConnection connection)
    {
        posted.Enqueue(connection);
        Wake();
    }

    /// <summary>The same, from this loop's own thread: when the others have had their turn.</summary>
    public void Again(DirectConnection connection) => posted.Enqueue(connection);

    /// <summary>Says that a connection met a fault of ours. Any thread.</summary>
    public void Report(Exception fault) => logger.DirectConnectionFailed(fault);

    /// <summary>The connection is not watched any more. From this loop's own thread.</summary>
    public void Forget(DirectConnection connection)
    {
        if (connections.Remove(connection.Descriptor))
            LinuxCalls.EpollControl(epoll, LinuxCalls.EpollDelete, connection.Descriptor, 0);
    }

    /// <summary>No new connections; those at rest end, the others when they have been answered.</summary>
    public void Drain()
    {
        isDraining = true;
        Wake();
    }

    /// <summary>Cuts what is left and ends the thread.</summary>
    public void Dispose()
    {
        isDraining = true;
        isStopping = true;
        Wake();
        // Never started, or gone already: then nobody uses these any more.
        if (thread.ThreadState.HasFlag(ThreadState.Unstarted) || thread.Join(JoinLimit))
        {
            // Whoever posts now signals nobody: the number may be another's soon.
            Interlocked.Exchange(ref isSignalled, 1);
            LinuxCalls.Close(wakeUp);
            LinuxCalls.Close(epoll);
            Scratch.Dispose();
        }
    }

    private void Wake()
    {
        if (Interlocked.Exchange(ref isSignalled, 1) == 0)
            LinuxCalls.Signal(wakeUp);
    }

    private void Run()
    {
        var events = stackalloc byte[MaxEvents * LinuxCalls.EventSize];
        var nextTick = Now;
        ListenAgain();
        while (!isStopping || connections.Count > 0)
        {
            var ready = LinuxCalls.EpollWait(epoll, events, MaxEvents, posted.IsEmpty ? 1000 : 0);
            Now = Time.GetTimestamp();
            for (var i = 0; i < ready; i++)
            {
                var flags = *(int*)(events + i * LinuxCalls.EventSize);
                var descriptor = (int)*(long*)(events + i * LinuxCalls.EventSize + LinuxCalls.EventDataOffset);
                if (descriptor == wakeUp)
                {
                    LinuxCalls.DrainSignal(wakeUp);
                    // Whatever is posted from here on signals again.
                    Volatile.Write(ref isSignalled, 0);
                }
                else if (descriptor == accepting)
                {
                    Accept();
                }
                else if (connections.TryGetValue(descriptor, out var connection))
                {
                    Step(connection, Happening.Event, flags);
                }
            }
            // As many as there are now: what posts itself again has its next turn in the next round.
            for (var left = posted.Count; left > 0 && posted.TryDequeue(out var connection); left--)
                Step(connection, Happening.Posted);
            if (Now >= nextTick || isDraining || isStopping)
            {
                nextTick = Now + Time.TimestampFrequency;
                Tick();
            }
        }
        drained.TrySetResult();
    }

    // The outermost loop of every connection here: a bug ends the connection that met it and no other.
    private void Step(DirectConnection connection, Happening what, int events = 0)
    {
        try
        {
            switch (what)
            {
                case Happening.Posted when connection.State == DirectState.New:
                    Begin(connection);
                    break;
                case Happening.Posted:
                    connection.OnPosted();
                    break;
                case Happening.Tick:
                    connection.OnTick();
                    break;
                default:
                    connection.OnEvent(events);
                    break;
            }
        }
        catch (Exception fault) when (fault is not OutOfMemoryException)
        {
            Report(fault);
            connection.Dispose();
        }
    }

    private void Begin(DirectConnection connection)
    {
        connections.Add(connection.Descriptor, connection);
        connection.Start();
        // Edge-triggered: one system call in a connection's life, not two for each time that its socket is full. What has
        // been received before is told now.
        const int Events = LinuxCalls.EpollIn | LinuxCalls.EpollOut | LinuxCalls.EpollReadHup | LinuxCalls.EpollEdge;
        if (LinuxCalls.EpollControl(epoll, LinuxCalls.EpollAdd, connection.Descriptor, Events) < 0)
            connection.Dispose();
    }

    private void Tick()
    {
        if (isAcceptPaused)
            ListenAgain();
        if (isDraining && accepting >= 0)
        {
            LinuxCalls.EpollControl(epoll, LinuxCalls.EpollDelete, accepting, 0);
            accepting = -1;
        }
        foreach (var connection in connections.Values)
        {
            if (isStopping)
                connection.Dispose();
            else
                Step(connection, Happening.Tick);
        }
        if (isDraining && connections.Count == 0)
            drained.TrySetResult();
    }

    private void Accept()
    {
        for (var i = 0; i < MaxAccepts && !isDraining; i++)
        {
            var descriptor = LinuxCalls.Accept(accepting);
            if (descriptor >= 0)
            {
                Listener.Accepted(descriptor);
                continue;
            }
            switch (LinuxCalls.LastError)
            {
                case LinuxCalls.ErrorAgain:
                    return;
                case LinuxCalls.ErrorFileTable or LinuxCalls.ErrorDescriptors or LinuxCalls.ErrorNoBuffers or LinuxCalls.ErrorNoMemory:
                    // Asking again at once would only turn in circles: connections wait in the backlog for a second.
                    LinuxCalls.EpollControl(epoll, LinuxCalls.EpollDelete, accepting, 0);
                    isAcceptPaused = true;
                    logger.DirectAcceptPaused(LinuxCalls.LastError);
                    return;
            }
        }
    }

    private void ListenAgain()
    {
        isAcceptPaused = accepting >= 0 && LinuxCalls.EpollControl(epoll, LinuxCalls.EpollAdd, accepting, LinuxCalls.EpollIn) < 0;
        // What was short is short still: the next tick tries again.
        if (isAcceptPaused)
            logger.DirectAcceptPaused(LinuxCalls.LastError);
    }
}
