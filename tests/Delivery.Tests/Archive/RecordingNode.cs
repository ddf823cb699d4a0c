using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Millrace.Core;
using Millrace.Delivery.Previews;
using Millrace.Media;
using Millrace.Packaging;

namespace Millrace.Delivery.Tests.Archive;

/// <summary>An origin that records everything, over a disk of its own and a storage that it may share with others.</summary>
internal sealed class RecordingNode : IDisposable
{
    private static readonly TimeSpan Step = TimeSpan.FromMilliseconds(100);

    private readonly DirectoryInfo directory = Directory.CreateTempSubdirectory("millrace-archive-");
    private readonly SemaphoreSlim progressed = new(0);
    private readonly string dataPath;
    private bool isDisposed;

    /// <param name="storage">Where recordings are kept.</param>
    /// <param name="from">A node that is killed now: this one finds its disk as it is. Null: an empty disk.</param>
    /// <param name="retention">How long replays stay; null: for ever.</param>
    /// <param name="mode">How far back viewers may go.</param>
    /// <param name="dataPath">Its disk; null: one of its own, which goes with it.</param>
    /// <param name="now">What time it is there.</param>
    public RecordingNode(
        StorageOptions storage, RecordingNode? from = null, RetentionOptions? retention = null, DvrMode mode = DvrMode.Full, string? dataPath = null,
        DateTimeOffset? now = null)
    {
        this.dataPath = dataPath ?? directory.FullName;
        if (from is not null)
            Copy(from.dataPath, this.dataPath);
        Time = new FakeTimeProvider(now ?? from?.Time.GetUtcNow() ?? new DateTimeOffset(2026, 11, 22, 20, 0, 0, TimeSpan.Zero));
        Arena = new MediaArena(new MediaBlockPool(0));
        // One thread: segments that come all at once are in their files in their order.
        Store = new OriginStore(
            new DeliveryOptions { RecordingFileDuration = TimeSpan.FromSeconds(10), MemorySegments = 2, SpoolThreads = 1, KeepEnded = TimeSpan.Zero },
            new DvrOptions { Mode = mode, Window = TimeSpan.FromSeconds(100) }, retention ?? new RetentionOptions { MaxAge = TimeSpan.Zero, MinFreeBytes = 0 },
            TimeSpan.FromSeconds(20), this.dataPath, Time, NullLogger<OriginStore>.Instance, storage);
        Store.Spooler.Progressed += Signal;
        if (Store.Archive is { } archive)
            archive.Progressed += Signal;
    }

    public FakeTimeProvider Time { get; }

    public MediaArena Arena { get; }

    public OriginStore Store { get; }

    public string DirectoryOf(BroadcastId id) => Path.Combine(dataPath, "recordings", id.Value);

    /// <summary>Its media files on the disk.</summary>
    public string[] FilesOf(BroadcastId id) => Directory.Exists(DirectoryOf(id)) ? Directory.GetFiles(DirectoryOf(id), "*.m4s") : [];

    public OriginBroadcast Open(string channel = "studio-one")
    {
        Assert.True(ChannelName.TryParse(channel, out var name));
        return (OriginBroadcast)Store.Open(
            name, BroadcastId.New(Time.GetUtcNow()), new LowLatencyContract(2, new MediaTime(35, 100)), Time.GetUtcNow());
    }

    /// <summary>A broadcast of two renditions and so many segments of 2 s, which goes on.</summary>
    public (OriginBroadcast Broadcast, RandomBroadcast Script) Record(int segments, int seed = 1, string channel = "studio-one")
    {
        var broadcast = Open(channel);
        var script = new RandomBroadcast(broadcast, Arena, seed);
        script.BeginPeriod();
        for (var i = 0; i < segments; i++)
            script.Segment();
        return (broadcast, script);
    }

    /// <summary>So many tiles, 10 s apart, in sheets whose bytes tell them apart.</summary>
    public static void AddSprites(OriginBroadcast broadcast, int count, int from = 0)
    {
        var sprites = broadcast.Previews.Sprites;
        for (var tile = 0; tile < count; tile++)
        {
            var size = new PictureSize(160, 90);
            var (_, next) = sprites.Next(size);
            sprites.Add([0xFF, 0xD8, (byte)tile], size, [0xFF, 0xD8, (byte)next, (byte)tile, 0xFF, 0xD9], from + tile * 10, from + tile * 10 + 10, 0);
        }
    }

    /// <summary>Lets time pass until a condition holds. Whoever works on it says when something was done; what is on its way over the network does not.</summary>
    public async Task UntilAsync(Func<bool> holds, string what)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        while (!holds())
        {
            Time.Advance(Step);
            Assert.False(limit.IsCancellationRequested, $"It does not happen that {what}. The store: {Store.ArchiveProblem ?? "well"}.");
            await progressed.WaitAsync(TimeSpan.FromMilliseconds(50), TestContext.Current.CancellationToken);
        }
    }

    /// <summary>Waits until the deletions that were asked for have been done.</summary>
    public Task ChoresAsync()
    {
        var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        Store.Spooler.Run(done.SetResult);
        return done.Task.WaitAsync(TimeSpan.FromSeconds(60), TestContext.Current.CancellationToken);
    }

    /// <summary>All of an ended broadcast is where it stays.</summary>
    public Task KeptAsync(OriginBroadcast broadcast) => UntilAsync(
        () => broadcast.IsStored && Store.Replays.Find(broadcast.Id.Value) is { } replay && (Store.Archive is null || replay.IsArchived), "the recording is stored");

    public static async Task<byte[]> ReadAsync(RenditionMedia media, StoredSegment segment, int length)
    {
        using var bytes = new MemoryStream();
        for (var from = 0; from < length;)
        {
            var opened = await media.OpenAsync(segment, from, length);
            Assert.True(opened is not null, $"{media.Name} {segment.Number} cannot be read.");
            using var piece = opened.Value;
            foreach (var slice in piece.Slices)
                bytes.Write(slice.Span);
            if (piece.File is { } file)
            {
                var part = new byte[piece.Length];
                Assert.Equal(part.Length, RandomAccess.Read(file, part, piece.FileOffset));
                bytes.Write(part);
            }
            from += piece.Length;
        }
        return bytes.ToArray();
    }

    /// <summary>What is listed can be read, and is what was recorded. How many segments that were.</summary>
    public static async Task<int> DemandMediaAsync(OriginBroadcast broadcast, RandomBroadcast script)
    {
        var count = 0;
        foreach (var rendition in broadcast.Timeline.Read().Renditions)
        {
            var media = broadcast.Find(rendition.Name)!;
            foreach (var segment in rendition.Segments.Where(segment => !segment.IsGap))
            {
                Assert.True(media.TryFind(segment.Number, out var stored, out var length, out _), $"{rendition.Name} {segment.Number} is listed and gone.");
                Assert.Equal(script.Media[(rendition.Name, segment.Number)], await ReadAsync(media, stored, length));
                count++;
            }
        }
        return count;
    }

    /// <summary>Media files that are in the store, too, look as if they had been written an hour ago: they may leave the disk.</summary>
    public void Age(OriginBroadcast broadcast)
    {
        foreach (var file in FilesOf(broadcast.Id))
        {
            if (broadcast.Archive!.TryGet(Path.GetFileName(file), out _))
                File.SetLastWriteTimeUtc(file, DateTime.UtcNow.AddHours(-1));
        }
    }

    /// <summary>A request and its whole answer.</summary>
    public async Task<(HttpResponse Response, byte[] Body)> GetAsync(string path)
    {
        var exchange = new Exchange(new MediaEndpoint(Store, Time).TryInvoke, path, null, "");
        var body = await exchange.BodyAsync();
        Assert.False(exchange.WasAborted, $"{path} was cut off.");
        return (exchange.Response, body);
    }

    /// <summary>A second call does nothing: a test may end a node before its own end.</summary>
    public void Dispose()
    {
        if (isDisposed)
            return;
        isDisposed = true;
        Store.Dispose();
        Arena.Dispose();
        progressed.Dispose();
        directory.Delete(recursive: true);
    }

    private void Signal()
    {
        try
        {
            progressed.Release();
        }
        catch (ObjectDisposedException)
        {
            // The test is over.
        }
    }

    private static void Copy(string from, string to)
    {
        foreach (var path in Directory.GetFiles(from, "*", SearchOption.AllDirectories))
        {
            var copy = Path.Combine(to, Path.GetRelativePath(from, path));
            Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
            try
            {
                File.Copy(path, copy);
            }
            catch (Exception fault) when (fault is FileNotFoundException or DirectoryNotFoundException)
            {
                // It left meanwhile.
            }
        }
    }
}
