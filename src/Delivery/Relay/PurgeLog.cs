using System.Globalization;
using System.Security.Cryptography;
using Millrace.Core;

namespace Millrace.Delivery.Relay;

/// <summary>One purge: everything whose path begins so.</summary>
/// <param name="Id">The same in the whole tree, so that a node that hears it from two parents knows it again.</param>
/// <param name="Prefix"><c>/b/{broadcast}/</c> or <c>/live/{channel}/</c>.</param>
/// <param name="At">When it began, wherever that was: the <see cref="TimeProvider"/>'s timestamp.</param>
public readonly record struct Purge(string Id, string Prefix, long At);

/// <summary>
/// The last purges of this node, for the relays below it: they wait here for the next one, so each hop of the tree takes as
/// long as an answer takes. Thread-safe.
/// </summary>
/// <remarks>
/// Kept in memory, the newest 1024. A relay that was away asks from where it stopped; one that meets another process than
/// before, or stopped too far back, gets all that are there. What was published while it was away, and was forgotten by
/// the time it comes back, does not reach it: publish it again. One that is told again is carried out again: between the two
/// a copy may have come from a parent that had not heard of it. It goes on to those below only when there was such a copy, so
/// nothing goes around in circles.
/// </remarks>
public sealed class PurgeLog
{
    private const int MaxKept = 1024;

    private readonly string epoch = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(8));
    private readonly List<Purge> kept = [];
    // How often each is kept, and when it began by whoever told it with the least delay.
    private readonly Dictionary<string, (int Times, long At)> known = [];
    private readonly TimeProvider time;
    private readonly Lock gate = new();
    private TaskCompletionSource added = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private long dropped;
    private bool isClosed;

    /// <summary>Without any purge.</summary>
    public PurgeLog(TimeProvider time) => this.time = time;

    /// <summary>
    /// Carries a purge out on this node, before any other node hears of it: a prefix, and how long ago it was begun. How many
    /// copies it dropped. Set once, at the start.
    /// </summary>
    public Func<string, TimeSpan, int> Apply { get; set; } = (_, _) => 0;

    /// <summary>Whether a text is a prefix that can be purged.</summary>
    public static bool IsPrefix(string text) =>
        text.EndsWith('/') && RelayPath.IsMedia(text) && RelayPath.IsWellFormed(text.AsSpan(0, text.Length - 1));

    /// <summary>Begins a purge here.</summary>
    public void Publish(string prefix) => Add(new Purge(Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(16)), prefix, time.GetTimestamp()));

    /// <summary>Begins the purges of a takedown.</summary>
    /// <param name="gone">What was deleted.</param>
    /// <param name="channel">Whose newest broadcast was among it, so that its pictures and manifests were of that one; or null.</param>
    public void PublishTakedown(IReadOnlyList<BroadcastId> gone, ChannelName? channel)
    {
        foreach (var broadcast in gone)
            Publish($"/b/{broadcast.Value}/");
        if (channel is { } name)
            Publish($"/live/{name.Value}/");
    }

    /// <summary>Takes a purge over from a parent, though another one, or the same, may have told of it before.</summary>
    public void Add(Purge purge)
    {
        lock (gate)
        {
            if (known.TryGetValue(purge.Id, out var told) && told.At < purge.At)
                purge = purge with { At = told.At };
        }
        var count = Apply(purge.Prefix, time.GetElapsedTime(purge.At));
        TaskCompletionSource waiting;
        lock (gate)
        {
            if (known.TryGetValue(purge.Id, out var before) && count == 0)
                return;
            known[purge.Id] = (before.Times + 1, purge.At);
            kept.Add(purge);
            if (kept.Count > MaxKept)
            {
                var oldest = kept[0].Id;
                var (times, at) = known[oldest];
                if (times == 1)
                    known.Remove(oldest);
                else
                    known[oldest] = (times - 1, at);
                kept.RemoveAt(0);
                dropped++;
            }
            waiting = added;
            added = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        }
        waiting.TrySetResult();
    }

    /// <summary>What came after a cursor, and the cursor behind it; a task to wait on when that is nothing.</summary>
    public (string Cursor, IReadOnlyList<Purge> Purges, Task More) Since(string? cursor)
    {
        lock (gate)
        {
            var end = dropped + kept.Count;
            var from = cursor is not null && cursor.StartsWith(epoch + ".", StringComparison.Ordinal)
                && long.TryParse(cursor.AsSpan(epoch.Length + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number <= end ? number : 0;
            var skip = (int)Math.Max(0, from - dropped);
            return (string.Create(CultureInfo.InvariantCulture, $"{epoch}.{end}"), kept[skip..], isClosed ? Task.CompletedTask : added.Task);
        }
    }

    /// <summary>Nobody waits here any more: the node stops.</summary>
    public void Close()
    {
        TaskCompletionSource waiting;
        lock (gate)
        {
            isClosed = true;
            waiting = added;
        }
        waiting.TrySetResult();
    }
}
