namespace Millrace.Delivery.Relay;

/// <summary>One node that is fetched from, and what is known of its health. Thread-safe.</summary>
/// <remarks>
/// A connection that is refused, or two answers in a row that break off or do not come, take it down; a probe that is
/// answered takes it up again. One that answers it, but has lost its own parents, is down as long as another is up. While it is down everything that still waits for it is cancelled through
/// <see cref="WhileUp"/> and goes to another parent: that is how a parent is left whose packets are dropped without a reset,
/// though it holds requests that may be held for seconds.
/// </remarks>
#pragma warning disable CA1001 // A token source without a timer needs no disposal.
internal sealed class Parent
#pragma warning restore CA1001
{
    /// <summary>Failures in a row that take it down.</summary>
    private const int MaxFailures = 2;

    private readonly Lock gate = new();
    private readonly TimeProvider time;
    private readonly TimeSpan slowStart;
    private readonly DoubtedGroups doubted;
    private CancellationTokenSource whileUp = new();
    private int failures;
    private bool isCutOff;
    private bool isLooping;
    private long? upSince;
    private long lastUsed;

    public Parent(Uri address, TimeProvider time, TimeSpan slowStart)
    {
        Address = address;
        Hash = Rendezvous.Hash(address.Authority);
        this.time = time;
        this.slowStart = slowStart;
        doubted = new DoubtedGroups(time);
        lastUsed = time.GetTimestamp();
        IsUp = true;
    }

    public Uri Address { get; }

    /// <summary>Of its name, for rendezvous hashing.</summary>
    public ulong Hash { get; }

    public bool IsUp { get; private set; }

    /// <summary>It is down, or would be if there were another: it does not answer, or finds nobody itself who does.</summary>
    public bool IsFailing
    {
        get
        {
            lock (gate)
                return !IsUp || isCutOff || failures >= MaxFailures;
        }
    }

    /// <summary>This node stands above it: it is asked for nothing, not even as the last one.</summary>
    public bool IsLooping => Volatile.Read(ref isLooping);

    /// <summary>Who stands above this node through it, itself included, as it said the last time.</summary>
    public IReadOnlyList<(string Name, int Distance)> Above { get; set; } = [];

    /// <summary>Cancelled when it goes down.</summary>
    public CancellationToken WhileUp
    {
        get
        {
            lock (gate)
                return whileUp.Token;
        }
    }

    /// <summary>How long nobody asked it for anything.</summary>
    public TimeSpan Idle => time.GetElapsedTime(Volatile.Read(ref lastUsed));

    /// <summary>Somebody asks it for something.</summary>
    public void Use() => Volatile.Write(ref lastUsed, time.GetTimestamp());

    /// <summary>
    /// Whether it takes this group's requests: it is up, and when it came up only a while ago the group's turn has come. Which
    /// turn that is depends on the group alone, so that all of one broadcast's requests move at once. A group that it kept waiting
    /// goes elsewhere for a while.
    /// </summary>
    public bool Takes(ulong group)
    {
        lock (gate)
        {
            if (!IsUp || doubted.Contains(group))
                return false;
            if (upSince is not { } since)
                return true;
            var share = slowStart > TimeSpan.Zero ? time.GetElapsedTime(since) / slowStart : 1;
            if (share >= 1)
                upSince = null;
            return share >= 1 || Rendezvous.Mix(group) / (double)ulong.MaxValue < share;
        }
    }

    /// <summary>It kept a group waiting for what another one had.</summary>
    public void Doubt(ulong group)
    {
        lock (gate)
            doubted.Add(group);
    }

    /// <summary>It was not its fault: it had it in the same moment.</summary>
    public void Trust(ulong group)
    {
        lock (gate)
            doubted.Remove(group);
    }

    /// <summary>It answered. True when it was down before.</summary>
    public bool Succeed(bool isProbe)
    {
        lock (gate)
        {
            failures = 0;
            // What it keeps it can answer though it is cut off.
            isCutOff &= !isProbe;
            isLooping &= !isProbe;
            // A late answer to an old request is no proof of life; a probe's is.
            if (IsUp || !isProbe)
                return false;
            IsUp = true;
            upSince = time.GetTimestamp();
            whileUp = new CancellationTokenSource();
            return true;
        }
    }

    /// <summary>It did not answer. True when that took it down.</summary>
    /// <param name="isCertain">Nobody listens there: one time is enough.</param>
    /// <param name="hasOther">Another one is up; without, only what is certain takes it down.</param>
    public bool Fail(bool isCertain, bool hasOther)
    {
        CancellationTokenSource ended;
        lock (gate)
        {
            failures = Math.Min(failures + 1, MaxFailures);
            if (!IsUp || !(isCertain || (hasOther && failures >= MaxFailures)))
                return false;
            IsUp = false;
            ended = whileUp;
        }
        ended.Cancel();
        return true;
    }

    /// <summary>It answers a probe, and says that none of its own parents answers. True when that took it down.</summary>
    /// <param name="hasOther">Another one is up; without, it is kept: it has still what it keeps.</param>
    public bool CutOff(bool hasOther)
    {
        lock (gate)
        {
            failures = 0;
            isCutOff = true;
        }
        return hasOther && GoDown();
    }

    /// <summary>It says that this node stands above it. True when that took it down.</summary>
    public bool Loop()
    {
        Volatile.Write(ref isLooping, true);
        return GoDown();
    }

    private bool GoDown()
    {
        CancellationTokenSource ended;
        lock (gate)
        {
            if (!IsUp)
                return false;
            IsUp = false;
            ended = whileUp;
        }
        ended.Cancel();
        return true;
    }
}
