using System.Formats.Tar;
using System.Globalization;

namespace Millrace.Delivery;

/// <summary>
/// One broadcast's objects in the store: <c>b/{broadcast}/{rendition}-{n}.m4s</c> are its media files as they are, each
/// uploaded once when it is full; <c>journal-{n}</c> pieces of its journal while it is on air; <c>journal</c> all of it,
/// and <c>sprites.tar</c>, once it has ended. Thread-safe; one <see cref="StepAsync"/> at a time.
/// </summary>
internal sealed class BroadcastArchive
{
    /// <summary>The whole journal of a broadcast that has ended.</summary>
    public const string Journal = Delivery.Journal.FileName;

    /// <summary>The sprite sheets, as a tar archive (POSIX.1-1988 ustar).</summary>
    public const string Sprites = "sprites.tar";

    /// <summary>The sprite sheets' directory.</summary>
    public const string SpritesDirectory = "sprites";

    private readonly Lock gate = new();
    private readonly Archive archive;
    private readonly ArchiveLog log;
    private readonly Queue<(string Name, long At)> pending = [];
    private readonly HashSet<string> waiting = new(StringComparer.Ordinal);
    private Replay? ended;
    private string? inFlight;
    private bool isSwept;
    private bool isAnnounced;
    private bool isDeleted;

    public BroadcastArchive(Archive archive, string directory, string store)
    {
        this.archive = archive;
        Directory = directory;
        Id = Path.GetFileName(directory);
        log = new ArchiveLog(directory, store);
        // What nobody finished is of an earlier run: of a broadcast that begins now there is nothing.
        isSwept = !log.WasFound && !File.Exists(Path.Combine(directory, Journal));
    }

    /// <summary>The broadcast's id.</summary>
    public string Id { get; }

    /// <summary>Its directory on this node.</summary>
    public string Directory { get; }

    /// <summary>While it is on air: how often its journal was made shorter, and bytes of it on disk that are good.</summary>
    public Func<(long Generation, long Length)>? JournalGood { get; set; }

    /// <summary>All of it is in the store, and the store's list shows it.</summary>
    public bool IsComplete
    {
        get
        {
            lock (gate)
                return log.IsComplete;
        }
    }

    /// <summary>Bytes of it in the store.</summary>
    public long Bytes
    {
        get
        {
            lock (gate)
                return log.Objects.Sum(entry => entry.Value);
        }
    }

    /// <summary>Guarded by the archive: it stands in the queue, or is being worked on.</summary>
    public bool IsQueued { get; set; }

    /// <summary>Guarded by the archive: something came while it was worked on.</summary>
    public bool IsAgain { get; set; }

    /// <summary>How long the file that waits longest to be uploaded has been full.</summary>
    public TimeSpan Lag
    {
        get
        {
            lock (gate)
                return waiting.Count > 0 && pending.TryPeek(out var oldest) ? archive.Time.GetElapsedTime(oldest.At) : TimeSpan.Zero;
        }
    }

    /// <summary>Whether a file is in the store, and how long it is.</summary>
    public bool TryGet(string name, out long length)
    {
        lock (gate)
            return log.Objects.TryGetValue(name, out length);
    }

    /// <summary>Name of an object of this broadcast in the bucket.</summary>
    public string NameOf(string name) => Archive.NameOf(Id, name);

    /// <summary>A media file is full and will not change any more.</summary>
    public void Add(string name)
    {
        lock (gate)
        {
            if (isDeleted || log.Objects.ContainsKey(name) || !waiting.Add(name))
                return;
            pending.Enqueue((name, archive.Time.GetTimestamp()));
        }
        ArchiveMetrics.AddQueue(1);
        archive.Offer(this);
    }

    /// <summary>The broadcast has ended and all of it is on disk: what is not in the store yet follows, then the replay is known there.</summary>
    public void Finish(Replay replay)
    {
        lock (gate)
        {
            if (isDeleted || log.IsComplete || ended is not null)
                return;
            ended = replay;
        }
        archive.Offer(this);
    }

    /// <summary>Reads a run of a media file's bytes, as far as one block of it goes. Null when the store does not hand them out.</summary>
    public ValueTask<SegmentBytes?> ReadAsync(string name, long from, int length) => archive.ReadAsync(this, name, from, length);

    /// <summary>A media file has left: it is uploaded no more, and what the store has of it is deleted.</summary>
    public void Forget(string name)
    {
        lock (gate)
        {
            if (waiting.Remove(name))
                ArchiveMetrics.AddQueue(-1);
            // What is being uploaded is deleted when it is there. A replay stays whole, whatever this node's window is: it goes as
            // a whole, too.
            if (isDeleted || log.IsComplete || inFlight == name || !log.Objects.ContainsKey(name))
                return;
            log.Remove(name);
        }
        archive.DeleteObject(NameOf(name));
    }

    /// <summary>The broadcast is deleted: nothing more is uploaded.</summary>
    /// <returns>False while something is on its way still; then its end has the broadcast deleted once more.</returns>
    public bool Delete()
    {
        lock (gate)
        {
            isDeleted = true;
            ArchiveMetrics.AddQueue(-waiting.Count);
            waiting.Clear();
            pending.Clear();
            return inFlight is null;
        }
    }

    /// <summary>The next thing to do. True when there is more. Throws what store and disk throw; then it is still to be done.</summary>
    public async Task<bool> StepAsync(S3Bucket bucket, CancellationToken cancellation)
    {
        try
        {
            return await TakeStepAsync(bucket, cancellation).ConfigureAwait(false);
        }
        catch (IOException) when (IsDeleted)
        {
            // Its directory went meanwhile.
            return false;
        }
    }

    private bool IsDeleted
    {
        get
        {
            lock (gate)
                return isDeleted;
        }
    }

    private async Task<bool> TakeStepAsync(S3Bucket bucket, CancellationToken cancellation)
    {
        if (!isSwept)
        {
            await bucket.AbortUploadsAsync(NameOf(""), cancellation).ConfigureAwait(false);
            isSwept = true;
        }
        if (!isAnnounced)
            await AnnounceAsync(bucket, cancellation).ConfigureAwait(false);
        if (Begin() is { } name)
        {
            await UploadAsync(bucket, name, cancellation).ConfigureAwait(false);
            return true;
        }
        Replay? finished;
        lock (gate)
        {
            if (isDeleted || log.IsComplete)
                return false;
            finished = ended;
        }
        if (finished is null)
        {
            await AddJournalAsync(bucket, cancellation).ConfigureAwait(false);
            lock (gate)
                return waiting.Count > 0;
        }
        if (Search())
            return true;
        await FinishAsync(bucket, finished, cancellation).ConfigureAwait(false);
        return false;
    }

    /// <summary>Says that it is on air here, once in a run: without this disk nobody would know whose it is.</summary>
    private async Task AnnounceAsync(S3Bucket bucket, CancellationToken cancellation)
    {
        var name = archive.OpenNameOf(Id);
        lock (gate)
        {
            isAnnounced = ended is not null || log.IsComplete || isDeleted;
            if (isAnnounced)
                return;
            inFlight = name;
        }
        try
        {
            await bucket.PutTextAsync(name, "millrace\n", cancellation).ConfigureAwait(false);
            isAnnounced = true;
        }
        finally
        {
            Ended(null, 0);
        }
    }

    /// <summary>The name of the next file to upload, which is in flight from now on.</summary>
    private string? Begin()
    {
        lock (gate)
        {
            while (pending.TryPeek(out var next))
            {
                if (waiting.Contains(next.Name))
                    return inFlight = next.Name;
                pending.Dequeue();
            }
            return null;
        }
    }

    private async Task UploadAsync(S3Bucket bucket, string name, CancellationToken cancellation)
    {
        long length = 0;
        try
        {
            var file = new FileInfo(Path.Combine(Directory, name));
            length = file.Exists ? file.Length : 0;
            if (length > 0)
                await Archive.CountAsync(bucket.PutFileAsync(NameOf(name), file.FullName, 0, length, cancellation), length).ConfigureAwait(false);
        }
        catch (FileNotFoundException)
        {
            // It left a moment ago.
            length = 0;
        }
        catch
        {
            Ended(null, 0);
            throw;
        }
        Ended(name, length);
    }

    /// <summary>Nothing is in flight any more; a name is in the store.</summary>
    private void Ended(string? name, long length)
    {
        bool isUnwanted;
        lock (gate)
        {
            inFlight = null;
            if (name is not null && waiting.Remove(name))
            {
                ArchiveMetrics.AddQueue(-1);
                if (length > 0)
                    log.Add(name, length);
                return;
            }
            isUnwanted = isDeleted;
        }
        if (isUnwanted)
            archive.DeleteBroadcast(Id);
        else if (name is not null && length > 0)
            archive.DeleteObject(NameOf(name));
    }

    /// <summary>
    /// The name of a piece of a journal that was made shorter so many times: <c>journal-{n}</c>, then <c>journal-{generation}.{n}</c>.
    /// All pieces of one generation, one behind the other, are a journal.
    /// </summary>
    public static string PieceOf(long generation, int number) => generation == 0
        ? string.Create(CultureInfo.InvariantCulture, $"{Journal}-{number}") : string.Create(CultureInfo.InvariantCulture, $"{Journal}-{generation}.{number}");

    /// <summary>What the journal has grown by goes up behind the media that it speaks of; when it was made shorter, all of it.</summary>
    private async Task AddJournalAsync(S3Bucket bucket, CancellationToken cancellation)
    {
        if (JournalGood?.Invoke() is not var (generation, length))
            return;
        long from = 0;
        var piece = 0;
        lock (gate)
        {
            for (; log.Objects.TryGetValue(PieceOf(generation, piece), out var known); piece++)
                from += known;
        }
        if (length <= from)
            return;
        // What is open stays as it is when a shorter one takes its name; a moment ago that may have happened.
        using var file = File.OpenHandle(Path.Combine(Directory, Journal), FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        if (JournalGood().Generation != generation)
            return;
        await PutAsync(PieceOf(generation, piece), length - from, () => bucket.PutFileAsync(NameOf(PieceOf(generation, piece)), file, from, length - from, cancellation)).ConfigureAwait(false);
        if (piece > 0)
            return;
        List<string> older;
        lock (gate)
            older = [.. log.Objects.Keys.Where(name => name.StartsWith(Journal + "-", StringComparison.Ordinal) && name != PieceOf(generation, 0))];
        Drop(older);
    }

    /// <summary>Finds the files that are not in the store. False when there are none.</summary>
    private bool Search()
    {
        var found = false;
        foreach (var path in System.IO.Directory.EnumerateFiles(Directory, "*.m4s"))
        {
            var name = Path.GetFileName(path);
            if (TryGet(name, out _) || new FileInfo(path) is not { Exists: true, Length: > 0 })
                continue;
            Add(name);
            found = true;
        }
        return found;
    }

    private async Task FinishAsync(S3Bucket bucket, Replay replay, CancellationToken cancellation)
    {
        var journal = Path.Combine(Directory, Journal);
        if (!TryGet(Journal, out _))
            await PutAsync(bucket, Journal, journal, new FileInfo(journal).Length, cancellation).ConfigureAwait(false);
        if (!TryGet(Sprites, out _) && System.IO.Directory.Exists(Path.Combine(Directory, SpritesDirectory)))
            await PutSpritesAsync(bucket, cancellation).ConfigureAwait(false);
        List<string> pieces;
        long bytes;
        lock (gate)
        {
            if (isDeleted)
                return;
            inFlight = Journal;
            pieces = [.. log.Objects.Keys.Where(name => name.StartsWith(Journal + "-", StringComparison.Ordinal))];
            bytes = log.Objects.Where(entry => !pieces.Contains(entry.Key)).Sum(entry => entry.Value);
        }
        try
        {
            await bucket.PutTextAsync(ArchivedReplay.NameOf(replay, bytes), "millrace\n", cancellation).ConfigureAwait(false);
            if (replay.Clip is null)
                await archive.CloseAsync(Id, cancellation).ConfigureAwait(false);
        }
        catch
        {
            Ended(null, 0);
            throw;
        }
        lock (gate)
        {
            if (!isDeleted)
                log.Complete();
        }
        replay.Archived(bytes);
        Ended(null, 0);
        Drop(pieces);
    }

    /// <summary>Objects that something else has taken the place of.</summary>
    private void Drop(List<string> names)
    {
        foreach (var name in names)
        {
            archive.DeleteObject(NameOf(name));
            lock (gate)
                log.Remove(name);
        }
    }

    private async Task PutSpritesAsync(S3Bucket bucket, CancellationToken cancellation)
    {
        var path = Path.Combine(Directory, Sprites);
        try
        {
            await TarFile.CreateFromDirectoryAsync(Path.Combine(Directory, SpritesDirectory), path, includeBaseDirectory: false, cancellation).ConfigureAwait(false);
            await PutAsync(bucket, Sprites, path, new FileInfo(path).Length, cancellation).ConfigureAwait(false);
        }
        finally
        {
            File.Delete(path);
        }
    }

    private Task PutAsync(S3Bucket bucket, string name, string path, long length, CancellationToken cancellation) =>
        PutAsync(name, length, () => bucket.PutFileAsync(NameOf(name), path, 0, length, cancellation));

    private async Task PutAsync(string name, long length, Func<Task> put)
    {
        lock (gate)
        {
            if (isDeleted)
                return;
            inFlight = name;
        }
        try
        {
            await Archive.CountAsync(put(), length).ConfigureAwait(false);
            lock (gate)
            {
                if (!isDeleted)
                    log.Add(name, length);
            }
        }
        finally
        {
            Ended(null, 0);
        }
    }
}
