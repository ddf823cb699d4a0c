using Microsoft.AspNetCore.Http;
using Millrace.Core;

namespace Millrace.Delivery;

/// <summary>What a direct connection is doing.</summary>
internal enum DirectState
{
    /// <summary>Accepted, and not watched yet.</summary>
    New,

    /// <summary>Between requests, or in the middle of a head.</summary>
    Idle,

    /// <summary>Its request waits for the future.</summary>
    Held,

    /// <summary>Its response waits for the socket, or for its turn.</summary>
    Sending,

    /// <summary>Its response waits for bytes that are still on their way to this node.</summary>
    Starved,

    /// <summary>A pool thread sends for it what the disk has to bring first.</summary>
    Cold,

    /// <summary>Closed, or Kestrel's.</summary>
    Gone,
}

/// <summary>
/// One connection of the direct path: looks at what has been received, answers requests for media, and gives the connection
/// to Kestrel with the first thing that is anything else.
/// </summary>
/// <remarks>
/// Received bytes stay in the kernel until their request is answered: a held request and a connection at rest own no buffer,
/// what is handed over has all its bytes, and whoever sends requests faster than they are answered fills his own window.
/// Everything here runs on the loop's thread, but for <see cref="IThreadPoolWorkItem.Execute"/> and <see cref="IWaiter.Wake"/>, which
/// post the connection back.
/// </remarks>
internal sealed class DirectConnection(DirectLoop loop, int descriptor) : IWaiter, IThreadPoolWorkItem, IDisposable
{
    // A head comes in one packet or a few; one that comes byte by byte is read by who keeps what he has read.
    private const int MaxLooks = 8;

    // Requests that are answered before the others' turn.
    private const int MaxTurns = 16;

    private Outgoing? outgoing;
    private IHeldRequest? held;
    private PushResult coldResult;
    private volatile bool isColdOver;
    private long since;
    private long acknowledged;
    private int looks;
    private bool isReadable;
    private bool isPeerDone;
    private bool wasWritable;
    private bool isDoomed;

    /// <summary>Its socket.</summary>
    public int Descriptor => descriptor;

    /// <summary>What it is doing.</summary>
    public DirectState State { get; private set; }

    /// <summary>It waits for nothing but its client.</summary>
    public bool IsAtRest => State == DirectState.Idle && looks == 0;

    /// <summary>It is watched from now on.</summary>
    public void Start()
    {
        State = DirectState.Idle;
        since = loop.Now;
    }

    /// <summary>Something happened to the socket; each change is told once.</summary>
    public void OnEvent(int events)
    {
        if ((events & (LinuxCalls.EpollErr | LinuxCalls.EpollHup)) != 0)
        {
            Dispose();
            return;
        }
        if ((events & LinuxCalls.EpollReadHup) != 0)
        {
            isPeerDone = true;
            // Nobody is there for whom to wait.
            if (State == DirectState.Held)
            {
                Dispose();
                return;
            }
        }
        isReadable |= (events & (LinuxCalls.EpollIn | LinuxCalls.EpollReadHup)) != 0;
        if ((events & LinuxCalls.EpollOut) != 0)
        {
            wasWritable = true;
            if (State == DirectState.Sending)
                Push();
        }
        Go();
    }

    /// <summary>It was posted: a wait is over, a pool thread is done, or its turn has come again.</summary>
    public void OnPosted()
    {
        switch (State)
        {
            case DirectState.Held when held!.IsOver:
                EndHold();
                break;
            case DirectState.Cold when isColdOver:
                EndCold();
                break;
            case DirectState.Sending:
                Push();
                break;
            case DirectState.Starved:
                State = DirectState.Sending;
                since = loop.Now;
                Push();
                break;
        }
        Go();
    }

    /// <summary>Once a second: time-outs.</summary>
    public void OnTick()
    {
        var elapsed = loop.Time.GetElapsedTime(since, loop.Now);
        switch (State)
        {
            case DirectState.Idle when looks > 0 && elapsed >= loop.Limits.HeaderTimeout:
                HandOver();
                break;
            case DirectState.Idle when elapsed >= loop.Limits.KeepAlive || (loop.IsDraining && IsAtRest):
                Dispose();
                break;
            case DirectState.Held when elapsed >= held!.Longest:
                EndHold();
                Go();
                break;
            case DirectState.Sending when elapsed >= DirectLimits.SlowWindow:
                var taken = outgoing!.Pushed - LinuxCalls.Unacknowledged(descriptor);
                if (taken - acknowledged < DirectLimits.SlowBytes)
                    Dispose();
                acknowledged = taken;
                since = loop.Now;
                break;
        }
    }

    /// <summary>Ends the connection, or sees to it that it ends when the pool thread is done with it.</summary>
    public void Dispose()
    {
        if (State == DirectState.Cold)
        {
            isDoomed = true;
            return;
        }
        if (State == DirectState.Gone)
            return;
        State = DirectState.Gone;
        held?.Leave();
        held = null;
        Release();
        loop.Forget(this);
        LinuxCalls.Close(descriptor);
        loop.Listener.Left();
    }

    /// <summary>The disk's turn: on a pool thread, which alone has the connection now.</summary>
    void IThreadPoolWorkItem.Execute() => _ = PushColdAsync();

    /// <summary>What it waits for may be there. Any thread.</summary>
    void IWaiter.Wake() => loop.Post(this);

    private async Task PushColdAsync()
    {
        try
        {
            coldResult = await outgoing!.PushColdAsync(descriptor).ConfigureAwait(false);
        }
        catch (Exception fault) when (fault is not OutOfMemoryException)
        {
            // Nobody else's, as in the loop.
            loop.Report(fault);
            coldResult = PushResult.Failed;
        }
        isColdOver = true;
        loop.Post(this);
    }

    private void Go()
    {
        for (var turn = 0; State == DirectState.Idle && isReadable; turn++)
        {
            if (turn == MaxTurns)
            {
                loop.Again(this);
                return;
            }
            Serve();
        }
    }

    private void Serve()
    {
        switch (Look(out var received, out var head))
        {
            case HeadStatus.Foreign:
                HandOver();
                return;
            case HeadStatus.Incomplete:
                if (received == 0)
                    return;
                if (looks++ == 0)
                    since = loop.Now;
                if (looks > MaxLooks || isPeerDone)
                    HandOver();
                return;
        }
        looks = 0;
        var request = head.ToRequest(loop.Scratch.Text);
        switch (loop.Listener.Media.Begin(request, out var answer, out held))
        {
            case MediaTurn.Answered:
                Answer(head, received, answer);
                break;
            case MediaTurn.Held:
                if (!TryHold())
                    EndHold(request, head, received);
                break;
            default:
                HandOver();
                break;
        }
    }

    /// <summary>Looks at what has been received. Incomplete with nothing received: there is nothing to do now.</summary>
    private unsafe HeadStatus Look(out int received, out RequestHead head)
    {
        head = default;
        received = (int)LinuxCalls.Peek(descriptor, loop.Scratch.Input, LoopScratch.LookBytes);
        if (received > 0)
        {
            // Less than there was room for: that was all. Unless the end follows, of which no further event tells.
            if (received < LoopScratch.LookBytes && !isPeerDone)
                isReadable = false;
            return RequestHead.TryRead(new ReadOnlySpan<byte>(loop.Scratch.Input, received), out head);
        }
        if (received < 0 && LinuxCalls.LastError == LinuxCalls.ErrorAgain)
            isReadable = false;
        else if (received == 0 || LinuxCalls.LastError != LinuxCalls.ErrorInterrupted)
            Dispose();
        received = 0;
        return HeadStatus.Incomplete;
    }

    private void Answer(in RequestHead head, int received, in MediaAnswer answer)
    {
        outgoing = loop.Scratch.Take();
        if (!outgoing.TryBegin(answer, withBody: !head.IsHead, HttpDate.Now(loop.Time), head.Closes || loop.IsDraining, loop.Listener.Media.SentBytes))
        {
            HandOver();
            return;
        }
        if (LinuxCalls.Discard(descriptor, head.Length) != head.Length)
        {
            Dispose();
            return;
        }
        isReadable |= received > head.Length;
        State = DirectState.Sending;
        since = loop.Now;
        acknowledged = 0;
        Push();
    }

    private void Push()
    {
        wasWritable = false;
        switch (outgoing!.Push(descriptor, loop.Scratch))
        {
            case PushResult.Done when outgoing.Closes:
                // What came behind the last request would turn the end into a reset, and the response might be lost to it.
                LinuxCalls.Discard(descriptor, int.MaxValue);
                LinuxCalls.ShutDown(descriptor);
                Dispose();
                break;
            case PushResult.Done:
                Release();
                State = DirectState.Idle;
                since = loop.Now;
                break;
            case PushResult.Paused:
                loop.Again(this);
                break;
            case PushResult.Cold:
                State = DirectState.Cold;
                isColdOver = false;
                ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
                break;
            case PushResult.Starved:
                State = DirectState.Starved;
                if (!outgoing.TryWait(this))
                    loop.Again(this);
                break;
            case PushResult.Failed:
                Dispose();
                break;
        }
    }

    private void EndCold()
    {
        State = DirectState.Sending;
        if (!isDoomed && coldResult == PushResult.Failed && outgoing!.Pushed == 0 && outgoing.IsUnsent)
        {
            // Nothing was promised yet.
            var refused = outgoing.Refusal;
            DeliveryMetrics.CountResponse(refused.Kind, refused.Status);
            var closes = outgoing.Closes;
            outgoing.Clear();
            if (outgoing.TryBegin(refused, withBody: true, HttpDate.Now(loop.Time), closes, loop.Listener.Media.SentBytes))
                Push();
            else
                Dispose();
        }
        else if (isDoomed || coldResult == PushResult.Failed)
            Dispose();
        // Room that the socket got while the pool thread was at it is not told again.
        else if (coldResult != PushResult.Blocked || wasWritable)
            Push();
    }

    /// <summary>True when it waits now; false when there is nothing to wait for.</summary>
    private bool TryHold()
    {
        if (!held!.TryWait(this))
            return false;
        State = DirectState.Held;
        since = loop.Now;
        if (isPeerDone)
            Dispose();
        return true;
    }

    /// <summary>The wait is over, or has been too long: the request is still where it was.</summary>
    private void EndHold()
    {
        State = DirectState.Idle;
        if (Look(out var received, out var head) == HeadStatus.Complete)
            EndHold(head.ToRequest(loop.Scratch.Text), head, received);
        else
            Dispose();
    }

    private void EndHold(in MediaRequest request, in RequestHead head, int received)
    {
        var over = held!;
        held = null;
        if (over.TryAnswer(request, out var answer))
            Answer(head, received, answer);
        else
            HandOver();
    }

    private void HandOver()
    {
        State = DirectState.Gone;
        Release();
        loop.Forget(this);
        loop.Listener.HandOver(descriptor);
    }

    private void Release()
    {
        if (outgoing is null)
            return;
        loop.Scratch.Return(outgoing);
        outgoing = null;
    }
}
