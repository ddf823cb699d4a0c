namespace Millrace.Delivery.Relay;

/// <summary>A media playlist that passes through, and who watches it. Thread-safe.</summary>
internal sealed class LivePlaylist
{
    private const int Variants = 9;
    private static readonly TimeSpan DefaultTarget = TimeSpan.FromSeconds(2);

    private readonly TimeProvider time;
    private readonly Lock gate = new();
    private readonly long[] used = new long[Variants];
    private readonly LiveCadence cadence;
    private TaskCompletionSource changed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private PlaylistTail? tail;
    private int viewers;
    private long lastLeft;
    private long partWanted;
    private long touched;

    /// <param name="path">Its path.</param>
    /// <param name="time">For who was here when.</param>
    public LivePlaylist(string path, TimeProvider time)
    {
        Path = path;
        Directory = RelayPath.DirectoryOf(path).ToString();
        this.time = time;
        cadence = new LiveCadence(time);
        touched = time.GetTimestamp();
        Array.Fill(used, -1);
        partWanted = -1;
        lastLeft = -1;
    }

    public string Path { get; }

    /// <summary>With the slash at its end.</summary>
    public string Directory { get; }

    /// <summary>The newest that was read, or null.</summary>
    public PlaylistTail? Tail => Volatile.Read(ref tail);

    /// <summary>The task that asks ahead, while somebody watches; guarded by <see cref="LiveDirectories"/>.</summary>
    public Task? Follower { get; set; }

    /// <summary>Fetches of it before it was read once; guarded by <see cref="LiveDirectories"/>.</summary>
    public int Pins { get; set; }

    /// <summary>Target duration.</summary>
    public TimeSpan Target => Tail is { } known ? TimeSpan.FromSeconds(known.TargetDuration) : DefaultTarget;

    /// <summary>Somebody waits for its next version.</summary>
    public bool HasViewers => Volatile.Read(ref viewers) > 0;

    /// <summary>Somebody waits for its next version, or did within a target duration.</summary>
    public bool IsWatched => Volatile.Read(ref viewers) > 0 || IsWithin(Volatile.Read(ref lastLeft), Target);

    /// <summary>Somebody takes parts and not only segments.</summary>
    public bool ArePartsWanted => IsWithin(Volatile.Read(ref partWanted), 2 * Target);

    /// <summary>Nothing happened here for a minute.</summary>
    public bool IsForgotten => Volatile.Read(ref viewers) == 0 && !IsWithin(Volatile.Read(ref touched), TimeSpan.FromMinutes(1));

    /// <summary>A viewer asks for the next version.</summary>
    public void Enter(in RelayKey key)
    {
        Interlocked.Increment(ref viewers);
        Volatile.Write(ref used[IndexOf(key)], Now());
    }

    /// <summary>It was answered, or left.</summary>
    public void Leave()
    {
        Volatile.Write(ref lastLeft, Now());
        Interlocked.Decrement(ref viewers);
    }

    /// <summary>Somebody takes a part.</summary>
    public void WantParts() => Volatile.Write(ref partWanted, Now());

    /// <summary>The keys under which viewers will ask for the version after <paramref name="tail"/>.</summary>
    public IEnumerable<RelayKey> Next(PlaylistTail tail)
    {
        for (var i = 0; i < Variants; i++)
        {
            if (IsWithin(Volatile.Read(ref used[i]), 2 * Target))
                yield return new RelayKey(Path, tail.NextSegment, tail.NextPart, (Hls.PlaylistSkip)(i / 3), (ContentCoding)(i % 3));
        }
    }

    /// <summary>
    /// A version was read. Older ones than what is known change nothing; false when it is older by more than a segment, and not just
    /// overtaken on its way.
    /// </summary>
    public bool Read(PlaylistTail read)
    {
        TaskCompletionSource waiting;
        lock (gate)
        {
            touched = Now();
            if (tail is not null && !read.IsAtLeast(tail))
                return read.NextSegment >= tail.NextSegment - 1;
            if (tail is null || read.IsNewerThan(tail))
                cadence.Advance(tail, read);
            Volatile.Write(ref tail, read);
            waiting = changed;
            changed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        }
        waiting.TrySetResult();
        return true;
    }

    /// <summary>
    /// How long from now a version of this playlist is in time; null when it lies behind the next one, or nothing tells when it comes.
    /// </summary>
    public TimeSpan? DueIn(in RelayKey key)
    {
        lock (gate)
        {
            if (tail is not { IsEnded: false } || key.Segment > tail.NextSegment || (key.Segment == tail.NextSegment && key.Part > tail.NextPart))
                return null;
            if (key.Segment < tail.NextSegment || (key.Part >= 0 && key.Part < tail.NextPart))
                return TimeSpan.Zero;
            return cadence.DueIn(key.Part < 0 ? TimeSpan.FromSeconds(tail.TargetDuration) : tail.PartTarget);
        }
    }

    /// <summary>How long from now the part that comes next is in time; null when nothing tells.</summary>
    public TimeSpan? PartDueIn()
    {
        lock (gate)
            return tail is { IsEnded: false } ? cadence.DueIn(tail.PartTarget) : null;
    }

    /// <summary>Ends when the newest version is another one than <paramref name="known"/>.</summary>
    public Task WaitForOtherThanAsync(PlaylistTail? known)
    {
        lock (gate)
            return ReferenceEquals(tail, known) ? changed.Task : Task.CompletedTask;
    }

    private static int IndexOf(in RelayKey key) => ((int)key.Skip * 3) + (int)key.Coding;

    private long Now() => Math.Max(0, time.GetTimestamp());

    private bool IsWithin(long since, TimeSpan limit) => since >= 0 && time.GetElapsedTime(since) < limit;
}
