using System.Text;
using Microsoft.Extensions.Logging;

namespace Millrace.Delivery.Relay;

/// <summary>
/// Fetches one object from the parents into memory, for all who wait for it.
/// </summary>
/// <remarks>
/// 0. What memory has dropped may be on disk. 1. Ask; while no parent answers, keep trying as long as a request may be held. 2. The head goes to the waiters at once,
/// 304 gives the kept body a new life. 3. The body goes on while it arrives. 4. When it breaks off, another parent is asked
/// for the same object, and what is here already is skipped. 5. Without any answer the last version is used, within limits.
/// </remarks>
internal sealed class RelayFetcher
{
    private const int MaxResumes = 4;
    // How long a stale answer is shared before a parent is asked again.
    private static readonly TimeSpan StaleShare = TimeSpan.FromSeconds(0.25);

    // A first look waits for a parent to come up for as long as one takes to restart. Whoever hears later stares at nothing, and a player
    // that hears asks again.
    private readonly TimeSpan firstPatience;

    private readonly RelayCache cache;
    private readonly Upstream upstream;
    private readonly LiveDirectories directories;
    private readonly ReplayViewers viewers;
    private readonly RelayMemory memory;
    private readonly RelayDisk? disk;
    private readonly LoopGuard loops;
    private readonly RelayOptions options;
    private readonly TimeProvider time;
    private readonly ILogger logger;

    public RelayFetcher(
        RelayCache cache, Upstream upstream, LiveDirectories directories, ReplayViewers viewers, RelayMemory memory, RelayDisk? disk, LoopGuard loops, RelayOptions options, TimeProvider time, ILogger logger)
    {
        this.cache = cache;
        this.upstream = upstream;
        this.directories = directories;
        this.viewers = viewers;
        this.memory = memory;
        this.disk = disk;
        this.loops = loops;
        this.options = options;
        firstPatience = TimeSpan.FromSeconds(Math.Min(5, options.HoldLimit.TotalSeconds));
        this.time = time;
        this.logger = logger;
    }

    /// <summary>Runs until the object is complete, failed or abandoned. Never throws. Leaves <paramref name="previous"/>.</summary>
    public async Task RunAsync(RelayObject target, RelayObject? previous)
    {
        var pinned = directories.Pin(target.Key);
        try
        {
            await FetchAsync(target, previous);
        }
        catch (Exception fault)
        {
            logger.FetchFault(target.Key.Path, fault);
        }
        finally
        {
            if (target.Head is null)
                Fail(target, 502, "The relay failed.\n");
            else if (!target.Body!.IsComplete)
                target.Fail();
            if (pinned is not null)
                directories.Unpin(pinned);
            cache.Finish(target);
            if (previous is not null)
                cache.Leave(previous);
        }
    }

    private async Task FetchAsync(RelayObject target, RelayObject? previous)
    {
        // 0. The disk.
        if (previous is null && disk?.Find(target.Key) is { } kept && await TryReadAsync(kept, target))
            return;
        // 1. Ask.
        var request = RequestFor(target, previous);
        var attempt = await upstream.SendAsync(request, target.Abandoned);
        if (attempt is null)
        {
            if (!TryServeStale(target, previous))
                Fail(target, 504, "No parent answers.\n");
            return;
        }
        try
        {
            // 2. The head.
            var head = RelayHead.Of(attempt.Answer!, time, options.ErrorTtl);
            if (head.Status == 304 && previous is { Head: { } known, Body: { } body })
            {
                target.Answer(Renew(known, head), body.Share());
                return;
            }
            if (head.Status >= 500 && TryServeStale(target, previous))
                return;
            if (head.IsImmutable)
                viewers.Fetched(target.Key.Path);
            if (head is { Status: 200, Length: { } length } && length > options.MaxObjectBytes)
            {
                // Known for as long as the object would be kept; the bytes go to each viewer by themselves.
                target.Answer(head with { IsPassed = true }, RelayBody.Of(memory, []));
                return;
            }
            target.Answer(head, new RelayBody(memory, head.Length));

            // 3. The body.
            using var copy = new BodyCopy(target, head, request, upstream, cache, directories, options, time) { Attempt = attempt };
            attempt = null;
            for (var resumes = 0; ; resumes++)
            {
                var before = target.Body!.Length;
                if (await copy.RunAsync())
                {
                    // Read before the end is told: whoever asks next, asks knowing what it says.
                    if (head.Status == 200 && RelayPath.IsPlaylist(target.Key.Path) && !directories.Read(target))
                        Upstream.Doubt(copy.Attempt!.Parent, target.Key.Path);
                    target.Complete();
                    return;
                }
                // 4. It broke off. What never changes under its name goes on elsewhere.
                copy.Attempt = null;
                if (target.Body.Length > before)
                    resumes = 0;
                if (!head.IsImmutable || resumes >= MaxResumes || target.Abandoned.IsCancellationRequested || target.Body.Length > options.MaxObjectBytes)
                    return;
                copy.Attempt = await upstream.SendAsync(request with { HedgeAfter = options.HedgePatience }, target.Abandoned);
                if (copy.Attempt is null || !head.IsSame(RelayHead.Of(copy.Attempt.Answer!, time, options.ErrorTtl)))
                    return;
            }
        }
        finally
        {
            attempt?.Dispose();
        }
    }

    private UpstreamRequest RequestFor(RelayObject target, RelayObject? previous)
    {
        var key = target.Key;
        // For the future: by directive, or media that no playlist has listed yet. A first look is held as well.
        var isMedia = RelayPath.IsMedia(key.Path) && !RelayPath.IsSteering(key.Path.AsSpan(0, PathLength(key.Path)));
        var mayBeHeld = isMedia && (key.IsBlocking || (previous is null && !directories.IsListed(key.Path)));
        var knownHold = directories.HoldOf(key.Path);
        var hold = knownHold ?? options.HoldLimit;
        // While a version is here that may be shown nobody needs to wait for a parent to come up, unless that is what was asked for.
        var keepTrying = isMedia && (key.IsBlocking || previous?.Head is not { MayBeStale: true }) ? knownHold ?? firstPatience : TimeSpan.Zero;
        // What may be held is late when the next part is. A first look at a directory is held rarely: for what is not on air yet.
        var dueIn = directories.DueIn(key);
        var isFirst = !key.IsBlocking && knownHold is null;
        var hedgeAfter = mayBeHeld && !isFirst ? dueIn + options.HedgePatience : options.HedgePatience;
        return new UpstreamRequest(key.Target(), key.Path, key.Coding, previous?.Head?.ETag, loops.Append(target.Loop), hedgeAfter, mayBeHeld,
            mayBeHeld ? hold : options.AnswerTimeout, keepTrying)
        {
            IsKnown = dueIn is not null || directories.IsListedLive(key.Path),
        };
    }

    /// <summary>Reads an object from disk. False when nothing has been answered yet and a parent is to be asked.</summary>
    private async Task<bool> TryReadAsync(RelayDiskEntry kept, RelayObject target)
    {
        if (!kept.Head.IsUsable(time))
            return false;
        using var file = await disk!.OpenAsync(kept);
        if (file is null)
            return false;
        for (var at = 0L; at < kept.Length;)
        {
            var piece = await disk.ReadAsync(file, kept, at);
            if (piece.IsEmpty)
                // Whoever got the beginning is cut off (RunAsync): the next one who asks gets it from a parent.
                return at > 0;
            if (at == 0)
                target.Answer(kept.Head with { IsFromDisk = true }, new RelayBody(memory, kept.Length));
            at += piece.Length;
            while (!piece.IsEmpty)
            {
                var space = target.Body!.GetSpace();
                var count = Math.Min(space.Length, piece.Length);
                piece[..count].CopyTo(space);
                piece = piece[count..];
                if (at == kept.Length && piece.IsEmpty)
                    RelayMetrics.CountDisk("read");
                target.Advance(count);
            }
            if (kept.Length > RelayMemory.SmallBytes)
                cache.MakeRoom();
        }
        target.Complete();
        return true;
    }

    // What depends on the viewer has its canonical query in its key's path.
    private static int PathLength(string target) => target.IndexOf('?') is var query and >= 0 ? query : target.Length;

    private bool TryServeStale(RelayObject target, RelayObject? previous)
    {
        if (target.Abandoned.IsCancellationRequested)
            return false;
        var version = previous is { Head.MayBeStale: true } && previous.TryEnter() ? previous : cache.EnterNewest(target.Key);
        if (version is null)
            return false;
        var head = version.Head!;
        var isServed = -head.TimeToLive(time) <= options.StaleLimit;
        if (isServed)
            // What a tier below would keep as the answer to a numbered question must not look like one.
            target.Answer(head with
            {
                StaleUntil = time.GetTimestamp() + (long)(StaleShare.TotalSeconds * time.TimestampFrequency),
                CacheControl = "no-cache",
            }, version.Body!.Share());
        cache.Leave(version);
        return isServed;
    }

    private void Fail(RelayObject target, int status, string text)
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        target.Answer(new RelayHead
        {
            Status = status,
            Length = bytes.Length,
            ContentType = "text/plain; charset=utf-8",
            CacheControl = "no-store",
            Lifetime = options.ErrorTtl,
            MayStore = options.ErrorTtl > TimeSpan.Zero && !target.Abandoned.IsCancellationRequested,
            ReceivedAt = time.GetTimestamp(),
        }, RelayBody.Of(memory, bytes));
    }

    // RFC 9111 §3.2: what the 304 says replaces what was known; the body's own fields stay.
    private static RelayHead Renew(RelayHead known, RelayHead answer)
    {
        var control = Relay.CacheControl.Parse(answer.CacheControl ?? known.CacheControl);
        return known with
        {
            CacheControl = answer.CacheControl ?? known.CacheControl,
            Date = answer.Date,
            CacheStatus = answer.CacheStatus,
            ForwardStatus = 304,
            IsRevalidated = true,
            StaleUntil = null,
            IsStaleAbove = answer.IsStaleAbove,
            MayStore = !control.NoStore,
            MayBeStale = !control.NoStore && !control.MustRevalidate,
            Lifetime = control.NoCache || control.NoStore ? TimeSpan.Zero : TimeSpan.FromSeconds(control.MaxAge ?? 0),
            InitialAge = answer.InitialAge,
            ReceivedAt = answer.ReceivedAt,
        };
    }
}
