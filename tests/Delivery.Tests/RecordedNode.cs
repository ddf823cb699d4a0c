using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Millrace.Core;
using Millrace.Hls;
using Millrace.Media;
using Millrace.Packaging;

namespace Millrace.Delivery.Tests;

/// <summary>An origin with a data directory that can be copied.</summary>
internal sealed class RecordedNode : IDisposable
{
    private static readonly TimeSpan Window = TimeSpan.FromSeconds(20);

    private readonly DirectoryInfo directory = Directory.CreateTempSubdirectory("millrace-recovery-");
    private readonly DvrMode mode;
    private readonly Lazy<RecoveredBroadcast> recovered;

    public RecordedNode(DvrMode mode, Action<RecordedNode>? before = null)
    {
        this.mode = mode;
        before?.Invoke(this);
        Arena = new MediaArena(new MediaBlockPool(0));
        Store = new OriginStore(
            // One thread: media that come faster than real time lie in the files in their order.
            new DeliveryOptions { RecordingFileDuration = TimeSpan.FromSeconds(10), MemorySegments = 2, SpoolThreads = 1 }, new DvrOptions { Mode = mode, Window = TimeSpan.FromSeconds(100) },
            new RetentionOptions { MinFreeBytes = 0 }, Window, directory.FullName, Time, NullLogger<OriginStore>.Instance);
        recovered = new(() => Assert.Single(Store.TakeRecovered()));
    }

    /// <summary>Cases of <see cref="RandomBroadcast"/>: eight seeds for each mode.</summary>
    public static TheoryData<DvrMode, int> Seeds(params DvrMode[] modes)
    {
        var data = new TheoryData<DvrMode, int>();
        foreach (var mode in modes)
        {
            for (var seed = 0; seed < 8; seed++)
                data.Add(mode, seed);
        }
        return data;
    }

    public FakeTimeProvider Time { get; } = new(new DateTimeOffset(2026, 11, 22, 20, 0, 0, TimeSpan.Zero));

    public MediaArena Arena { get; }

    public OriginStore Store { get; }

    public RecoveredBroadcast Recovered => recovered.Value;

    public OriginBroadcast Open()
    {
        Assert.True(ChannelName.TryParse("studio-one", out var name));
        return (OriginBroadcast)Store.Open(
            name, BroadcastId.New(Time.GetUtcNow()), new LowLatencyContract(2, new MediaTime(35, 100)), Time.GetUtcNow());
    }

    public string JournalOf(OriginBroadcast broadcast) => Path.Combine(directory.FullName, "recordings", broadcast.Id.Value, "journal");

    /// <summary>Waits until everything but a running segment is on disk.</summary>
    public Task WrittenAsync(OriginBroadcast broadcast) => WrittenAsync(broadcast.Journal);

    /// <summary>Waits until everything that was added to a journal is on disk.</summary>
    public async Task WrittenAsync(Journal journal)
    {
        while (true)
        {
            var progress = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            void Signal() => progress.TrySetResult();
            Store.Spooler.Progressed += Signal;
            try
            {
                if (journal.IsCaughtUp)
                    return;
                await progress.Task.WaitAsync(TimeSpan.FromSeconds(20), TestContext.Current.CancellationToken);
            }
            finally
            {
                Store.Spooler.Progressed -= Signal;
            }
        }
    }

    public RecordedNode Kill(Action<RecordedNode>? then = null) => new(mode, copy =>
    {
        foreach (var path in Directory.GetFiles(directory.FullName, "*", SearchOption.AllDirectories))
        {
            var to = Path.Combine(copy.directory.FullName, Path.GetRelativePath(directory.FullName, path));
            Directory.CreateDirectory(Path.GetDirectoryName(to)!);
            try
            {
                File.Copy(path, to);
            }
            catch (FileNotFoundException)
            {
                // It left the window meanwhile.
            }
        }
        then?.Invoke(copy);
    });

    public static byte[] Read(RenditionMedia media, StoredSegment segment, int length)
    {
        using var bytes = new MemoryStream();
        for (var from = 0; from < length;)
        {
            using var piece = media.OpenLocal(segment, from, length)!.Value;
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

    public static void DemandMedia(OriginBroadcast broadcast, RandomBroadcast script)
    {
        var served = 0;
        foreach (var rendition in broadcast.Timeline.Read().Renditions)
        {
            var media = broadcast.Find(rendition.Name)!;
            foreach (var segment in rendition.Segments.Where(segment => !segment.IsGap))
            {
                Assert.True(media.TryFind(segment.Number, out var stored, out var length, out var isComplete) && isComplete, $"{rendition.Name} {segment.Number} is listed and gone.");
                var bytes = Read(media, stored, length);
                Assert.Equal(script.Media[(rendition.Name, segment.Number)], bytes);
                Assert.Equal(segment.Parts.Length, stored.Parts);
                for (var i = 0; i < segment.Parts.Length; i++)
                {
                    var part = segment.Parts.Span[i];
                    Assert.Equal((part.Offset, part.Offset + part.ByteLength), stored.RangeOf(i));
                }
                served++;
            }
        }
        Assert.True(served > 0);
    }

    public static void DemandTheSame(OriginBroadcast one, OriginBroadcast other)
    {
        Assert.Equal(Text(one.Playlists.Multivariant(false, false)), Text(other.Playlists.Multivariant(false, false)));
        Assert.Equal(Text(one.Playlists.Manifest(true, isWhole: true)), Text(other.Playlists.Manifest(true, isWhole: true)));
        foreach (var rendition in one.Timeline.Read().Renditions)
        {
            foreach (var isDvr in (bool[])[false, true])
            {
                foreach (var skip in Enum.GetValues<PlaylistSkip>())
                    Assert.Equal(Text(one.Playlists.Media(one.Find(rendition.Name)!, isDvr, skip)), Text(other.Playlists.Media(other.Find(rendition.Name)!, isDvr, skip)));
            }
            for (var init = 0; one.Init(rendition.Name, init) is { } header; init++)
                Assert.Equal(header.ToArray(), other.Init(rendition.Name, init)!.Value.ToArray());
        }
    }

    public static string Text(EncodedText? text) => Encoding.UTF8.GetString(text!.Bytes(ContentCoding.Identity));

    public void Dispose()
    {
        Store.Dispose();
        Arena.Dispose();
        directory.Delete(recursive: true);
    }
}
