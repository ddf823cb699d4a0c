using System.Buffers.Binary;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Millrace.Core;
using Millrace.Media;
using Millrace.Packaging;

namespace Millrace.Delivery.Tests;

/// <summary>An origin over a directory of its own with one broadcast, fed with media whose bytes tell where they belong.</summary>
internal sealed class Origin : IDisposable
{
    public const int PartBytes = 1000;
    public const int PartsPerSegment = 4;
    private const uint Second = VideoFormat.VideoTimescale;

    private readonly DirectoryInfo directory = Directory.CreateTempSubdirectory("millrace-delivery-");
    private readonly MediaArena arena;

    public Origin(
        DeliveryOptions? options = null, TimeSpan? window = null, string? dataPath = null, DvrOptions? dvr = null, RetentionOptions? retention = null,
        Delivery.Steering.EdgeSet? edges = null)
    {
        arena = new MediaArena(Pool);
        DataPath = dataPath ?? directory.FullName;
        Store = new OriginStore(
            options ?? new DeliveryOptions(), dvr ?? new DvrOptions(), retention ?? new RetentionOptions { MinFreeBytes = 0 }, window ?? TimeSpan.FromSeconds(20),
            DataPath, Time, NullLogger<OriginStore>.Instance, edges: edges);
        Broadcast = OpenBroadcast("studio-one");
    }

    public MediaBlockPool Pool { get; } = new(0);

    public ReadClock Time { get; } = new(new DateTimeOffset(2026, 11, 22, 20, 0, 0, TimeSpan.Zero));

    public OriginStore Store { get; }

    public OriginBroadcast Broadcast { get; }

    public string DataPath { get; }

    public string RecordingsPath => Path.Combine(DataPath, "recordings");

    public RenditionMedia Video => Broadcast.Find("source")!;

    public OriginBroadcast OpenBroadcast(string channel, bool begin = true)
    {
        Assert.True(ChannelName.TryParse(channel, out var name));
        var broadcast = (OriginBroadcast)Store.Open(
            name, BroadcastId.New(Time.GetUtcNow()), new LowLatencyContract(2, new MediaTime(Second / 2, Second)), Time.GetUtcNow());
        if (begin)
            BeginPeriod(0, broadcast);
        return broadcast;
    }

    public void BeginPeriod(long firstSegment, OriginBroadcast? broadcast = null) =>
        (broadcast ?? Broadcast).BeginPeriod(new PeriodDescription(firstSegment, StartOf(firstSegment, 0), Time.GetUtcNow(),
            [new RenditionDescription("source", new VideoFormat(Codec.Avc, "avc1.64001f", [1, 2, 3], 1280, 720), new byte[] { 9, 8, 7 })]));

    /// <summary>Parts of 0.5 s; a whole segment has four and lasts 2 s.</summary>
    public void AddParts(long segment, int from, int to, OriginBroadcast? broadcast = null)
    {
        for (var part = from; part < to; part++)
        {
            (broadcast ?? Broadcast).AppendPart(
                new PartDescription(0, segment, part, StartOf(segment, part), new MediaTime(Second / 2, Second), part == 0, Time.GetUtcNow(), 15),
                new MediaChunk([arena.Copy(BytesOf(segment, part).AsSpan(0, 100)), arena.Copy(BytesOf(segment, part).AsSpan(100))]));
        }
    }

    public void AddSegment(long segment, OriginBroadcast? broadcast = null)
    {
        AddParts(segment, 0, PartsPerSegment, broadcast);
        EndSegment(segment, broadcast);
    }

    public void AddSegments(long from, long to)
    {
        for (var segment = from; segment < to; segment++)
            AddSegment(segment);
    }

    public void EndSegment(long segment, OriginBroadcast? broadcast = null) =>
        (broadcast ?? Broadcast).EndSegment(new SegmentDescription(0, segment, StartOf(segment, 0), new MediaTime(2 * Second, Second), true, false));

    /// <summary>Waits for the spool threads until a condition holds; the test's own time-out ends it otherwise.</summary>
    public async Task SpooledAsync(Func<bool> holds)
    {
        while (true)
        {
            var progress = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            void Signal() => progress.TrySetResult();
            Store.Spooler.Progressed += Signal;
            try
            {
                if (holds())
                    return;
                await progress.Task.WaitAsync(TimeSpan.FromSeconds(20), TestContext.Current.CancellationToken);
            }
            finally
            {
                Store.Spooler.Progressed -= Signal;
            }
        }
    }

    /// <summary>Waits until the deletions that were asked for have been done.</summary>
    public Task ChoresAsync()
    {
        var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        Store.Spooler.Run(done.SetResult);
        return done.Task.WaitAsync(TimeSpan.FromSeconds(60), TestContext.Current.CancellationToken);
    }

    /// <summary>Lets the current block go, so that only what the origin holds is counted.</summary>
    public void ReleaseArena() => arena.Dispose();

    public static byte[] BytesOf(long segment, int part)
    {
        var bytes = new byte[PartBytes];
        for (var i = 0; i + 8 <= bytes.Length; i += 8)
        {
            BinaryPrimitives.WriteInt32BigEndian(bytes.AsSpan(i), (int)segment * 100 + part);
            BinaryPrimitives.WriteInt32BigEndian(bytes.AsSpan(i + 4), i);
        }
        return bytes;
    }

    public static byte[] BytesOf(long segment) => [.. Enumerable.Range(0, PartsPerSegment).SelectMany(part => BytesOf(segment, part))];

    public void Dispose()
    {
        arena.Dispose();
        Store.Dispose();
        directory.Delete(recursive: true);
    }

    private static MediaTime StartOf(long segment, int part) => new(segment * 2 * Second + part * (Second / 2), Second);

    /// <summary>A clock that says when it is read: for what another thread would do in that moment.</summary>
    internal sealed class ReadClock(DateTimeOffset start) : FakeTimeProvider(start)
    {
        public Action? Read { get; set; }

        public override DateTimeOffset GetUtcNow()
        {
            Read?.Invoke();
            return base.GetUtcNow();
        }
    }
}
