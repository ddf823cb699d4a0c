using System.Collections.Concurrent;
using System.IO.Pipelines;
using System.Net;
using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using Millrace.Core;
using Millrace.Delivery;
using Millrace.Timeline;

namespace Millrace.Push.Tests;

/// <summary>An origin behind an HTTP client without a network: requests are cut where a test says, and it can forget everything.</summary>
internal sealed class TestOrigin : HttpMessageHandler
{
    private readonly List<DirectoryInfo> directories = [];
    private readonly Lock gate = new();
    private readonly PushOptions options;
    private readonly TimeProvider time;
    private TaskCompletionSource answer = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private OriginStore store = null!;
    private PushedBroadcasts broadcasts = null!;
    private PushReceiver receiver = null!;
    private readonly List<Task> leaving = [];
    private int life;

    public TestOrigin(PushOptions options, TimeProvider time)
    {
        this.options = options;
        this.time = time;
        Start(null);
    }

    public OriginStore Store => store;

    public PushReceiver Receiver => receiver;

    public PushedBroadcasts Broadcasts => broadcasts;

    public MediaBlockPool Pool { get; } = new(0);

    /// <summary>Requests with a body, one after the other: bytes after which the connection breaks, and null for one that holds.</summary>
    public Queue<int?> Cuts { get; } = new();

    /// <summary>What the next requests throw, one after the other, before it hears of them.</summary>
    public ConcurrentQueue<Exception> Faults { get; } = new();

    /// <summary>Nobody reaches it.</summary>
    public bool IsAway { get; set; }

    /// <summary>Ends with the next answer to anybody.</summary>
    public Task NextAnswerAsync()
    {
        lock (gate)
            return answer.Task;
    }

    /// <summary>Comes back without anything.</summary>
    public void Forget() => Restart(null);

    /// <summary>As a process that is killed: what another one finds is the directory as it is now, in the midst of writing.</summary>
    public void Kill() => Restart(directories[^1]);

    private void Restart(DirectoryInfo? left)
    {
        lock (gate)
        {
            // From now on nobody hears of what the old one still takes.
            life++;
            var (oldStore, oldBroadcasts) = (store, broadcasts);
            Start(left);
            // It waits for its disk, and nobody for it.
            leaving.Add(Task.Run(() =>
            {
                oldStore.Dispose();
                oldBroadcasts.Dispose();
            }));
        }
    }

    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        PushReceiver target;
        int? cut;
        int asked;
        lock (gate)
        {
            if (IsAway)
                throw new HttpRequestException("away");
            if (Faults.TryDequeue(out var fault))
                throw fault;
            target = receiver;
            asked = life;
            cut = request.Content is not null && request.RequestUri!.Segments.Length > 3 && Cuts.TryDequeue(out var next) ? next : null;
        }
        var path = request.RequestUri!.Segments;
        if (path.Length == 3 && request.Method == HttpMethod.Post)
            return await TakeOverAsync(target, path[^1], await request.Content!.ReadAsStreamAsync(cancellationToken), asked, cancellationToken);
        Assert.True(ChannelName.TryParse(path[^2].TrimEnd('/'), out var channel));
        Assert.True(BroadcastId.TryParse(path[^1], out var id));
        if (request.Method == HttpMethod.Delete)
            return Answer(new PushReply(broadcasts.TakeDown(id).Count > 0 ? 204 : 404, null, ""), asked);
        if (request.Content is null)
            return Answer(target.Read(channel, id), asked);

        var pipe = new Pipe(new PipeOptions(pauseWriterThreshold: 64 * 1024, resumeWriterThreshold: 32 * 1024, useSynchronizationContext: false));
        var receiving = ReceiveAsync(target, channel, id, pipe.Reader, cancellationToken);
        var stream = new CutStream(pipe.Writer, cut);
        try
        {
            await request.Content.CopyToAsync(stream, cancellationToken);
            await pipe.Writer.CompleteAsync();
        }
        catch (Exception broken)
        {
            // As with a socket: whoever answered before the request's end closed it, and the answer may still be read.
            await pipe.Writer.CompleteAsync(new IOException("cut"));
            var early = await receiving;
            if (early is not { } said || stream.IsCut || (broken.InnerException ?? broken) is not ReaderGoneException)
                throw;
            return Answer(said, asked);
        }
        return await receiving is { } result ? Answer(result, asked) : throw new HttpRequestException("cut");
    }

    protected override void Dispose(bool disposing)
    {
        Task.WaitAll(leaving);
        store.Dispose();
        broadcasts.Dispose();
        foreach (var directory in directories)
            directory.Delete(recursive: true);
        base.Dispose(disposing);
    }

    private static async Task<PushReply?> ReceiveAsync(
        PushReceiver receiver, ChannelName channel, BroadcastId id, PipeReader reader, CancellationToken cancellation)
    {
        try
        {
            return await receiver.ReceiveAsync(channel, id, reader, cancellation);
        }
        catch (Exception gone) when (gone is IOException or OperationCanceledException)
        {
            return null;
        }
        finally
        {
            await reader.CompleteAsync();
        }
    }

    private async Task<HttpResponseMessage> TakeOverAsync(PushReceiver receiver, string name, Stream body, int asked, CancellationToken cancellation)
    {
        Assert.True(ChannelName.TryParse(name, out var channel));
        var result = await receiver.TakeOverAsync(channel, PipeReader.Create(body), cancellation);
        if (result.Story is not var (id, frames))
            return Answer(result, asked);
        var response = new HttpResponseMessage(HttpStatusCode.OK) { Content = new ByteArrayContent(frames) };
        response.Content.Headers.ContentLocation = new Uri($"/push/{name}/{id}", UriKind.Relative);
        return response;
    }

    private HttpResponseMessage Answer(PushReply result, int asked)
    {
        lock (gate)
        {
            if (asked != life)
                throw new HttpRequestException("killed");
            answer.TrySetResult();
            answer = new(TaskCreationOptions.RunContinuationsAsynchronously);
        }
        return new HttpResponseMessage((HttpStatusCode)result.Status)
        {
            Content = new ByteArrayContent(result.Position?.ToJson() ?? Encoding.UTF8.GetBytes(result.Reason)),
        };
    }

    private void Start(DirectoryInfo? left)
    {
        var directory = Directory.CreateTempSubdirectory("millrace-push-");
        directories.Add(directory);
        if (left is not null)
            Copy(left, directory);
        store = new OriginStore(
            new DeliveryOptions(), new DvrOptions(), new RetentionOptions { MinFreeBytes = 0 }, TimeSpan.FromHours(1), directory.FullName,
            TimeProvider.System, NullLogger<OriginStore>.Instance);
        broadcasts = new PushedBroadcasts(store, options, time, NullLogger<PushedBroadcasts>.Instance);
        receiver = new PushReceiver(broadcasts, Pool, time);
    }

    private static void Copy(DirectoryInfo from, DirectoryInfo to)
    {
        foreach (var inner in from.EnumerateDirectories())
            Copy(inner, to.CreateSubdirectory(inner.Name));
        // What the journal speaks of is written before it: it is copied first, so that nothing it speaks of is missing.
        var journal = Path.Combine(from.FullName, "journal");
        if (File.Exists(journal))
            File.Copy(journal, Path.Combine(to.FullName, "journal"));
        foreach (var file in from.EnumerateFiles().Where(file => file.Name != "journal"))
            File.Copy(file.FullName, Path.Combine(to.FullName, file.Name));
    }

    private sealed class ReaderGoneException : IOException;

    private sealed class CutStream(PipeWriter writer, int? cut) : Stream
    {
        private int written;

        public bool IsCut { get; private set; }

        public override bool CanRead => false;

        public override bool CanSeek => false;

        public override bool CanWrite => true;

        public override long Length => throw new NotSupportedException();

        public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

        public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
        {
            var count = cut is { } at ? Math.Min(buffer.Length, at - written) : buffer.Length;
            written += count;
            if ((await writer.WriteAsync(buffer[..count], cancellationToken)).IsCompleted)
                throw new ReaderGoneException();
            if (count < buffer.Length)
            {
                IsCut = true;
                throw new IOException("cut");
            }
        }

        public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
            WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

        public override async Task FlushAsync(CancellationToken cancellationToken) => await writer.FlushAsync(cancellationToken);

        public override void Flush() => throw new NotSupportedException();

        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    }
}

/// <summary>Holds what one origin serves against what another does.</summary>
internal static class Serving
{
    /// <summary>Everything that <paramref name="late"/> has is as <paramref name="first"/> has it: names, times, discontinuities, bytes.</summary>
    /// <returns>Segments with media compared, and gaps at the late one where the first has media.</returns>
    public static (int Same, int Gaps) AssertSame(OriginBroadcast first, OriginBroadcast late)
    {
        var (same, gaps) = (0, 0);
        var expected = first.Timeline.Read();
        var actual = late.Timeline.Read();
        Assert.Equal(expected.IsEnded, actual.IsEnded);
        Assert.Equal(expected.Periods.Select(period => (period.Index, period.FirstSegment, period.Start, period.WallClock)),
            actual.Periods.Select(period => (period.Index, period.FirstSegment, period.Start, period.WallClock)));
        Assert.Equal(expected.Renditions.Select(rendition => rendition.Name), actual.Renditions.Select(rendition => rendition.Name));
        foreach (var rendition in actual.Renditions)
        {
            var model = expected.Renditions.Single(known => known.Name == rendition.Name);
            Assert.Equal(model.NextSegment, rendition.NextSegment);
            Assert.Equal(model.FirstEver, rendition.FirstEver);
            foreach (var segment in rendition.Segments.AsSpan().ToArray())
            {
                var counterpart = model.Find(segment.Number);
                Assert.NotNull(counterpart);
                if (segment.IsGap && model.IsDerived)
                {
                    // How far its encoder's pictures lag behind is known from parts alone: a gap stands where it is decoded.
                    gaps += counterpart.IsGap ? 0 : 1;
                    continue;
                }
                Assert.Equal((counterpart.Start, counterpart.Duration, counterpart.WallClock, counterpart.Track.Init, counterpart.Track.Period.Index),
                    (segment.Start, segment.Duration, segment.WallClock, segment.Track.Init, segment.Track.Period.Index));
                if (segment.IsGap)
                {
                    gaps += counterpart.IsGap ? 0 : 1;
                    continue;
                }
                Assert.Equal((counterpart.IsIndependent, counterpart.IsGap), (segment.IsIndependent, segment.IsGap));
                Assert.Equal(counterpart.Parts.ToArray(), segment.Parts.ToArray());
                Assert.Equal(BytesOf(first, rendition.Name, segment.Number), BytesOf(late, rendition.Name, segment.Number));
                Assert.Equal(first.Init(rendition.Name, segment.Track.Init)!.Value.ToArray(), late.Init(rendition.Name, segment.Track.Init)!.Value.ToArray());
                same++;
            }
        }
        return (same, gaps);
    }

    /// <summary>Every playlist and the manifest, as a viewer gets them.</summary>
    public static string Texts(OriginBroadcast broadcast)
    {
        var text = new StringBuilder();
        foreach (var rendition in broadcast.Timeline.Read().Renditions)
            text.Append(Text(broadcast.Playlists.Media(broadcast.Find(rendition.Name)!, isDvr: false, default)));
        return text.Append(Text(broadcast.Playlists.Multivariant(false, false))).Append(Text(broadcast.Playlists.Manifest(isFromChannel: false, isWhole: false))).ToString();
    }

    private static string Text(EncodedText? text) => text is null ? "-" : Encoding.UTF8.GetString(text.Bytes(ContentCoding.Identity));

    /// <summary>
    /// Two origins that may each lack something: the same periods and numbers, the same times, and behind each name the same bytes or
    /// none. Segments that both have with media, and gaps of one where the other has media.
    /// </summary>
    /// <param name="one">An origin's.</param>
    /// <param name="other">Another's.</param>
    /// <param name="timesOfGaps">Gaps are as long at both.</param>
    public static (int Same, int Gaps) AssertAgree(OriginBroadcast one, OriginBroadcast other, bool timesOfGaps = true)
    {
        var (same, gaps) = (0, 0);
        var (a, b) = (one.Timeline.Read(), other.Timeline.Read());
        Assert.Equal(a.IsEnded, b.IsEnded);
        Assert.Equal(a.Periods.Select(period => (period.Index, period.FirstSegment, period.Start, period.WallClock)),
            b.Periods.Select(period => (period.Index, period.FirstSegment, period.Start, period.WallClock)));
        Assert.Equal(a.Renditions.Select(rendition => (rendition.Name, rendition.NextSegment)), b.Renditions.Select(rendition => (rendition.Name, rendition.NextSegment)));
        foreach (var (left, right) in a.Renditions.Zip(b.Renditions))
        {
            foreach (var segment in left.Segments.AsSpan().ToArray())
            {
                // One of them may have begun later.
                if (right.Find(segment.Number) is not { } counterpart)
                    continue;
                Assert.Equal((segment.Track.Period.Index, segment.Track.Init), (counterpart.Track.Period.Index, counterpart.Track.Init));
                if (segment.IsGap || counterpart.IsGap)
                {
                    gaps += segment.IsGap == counterpart.IsGap ? 0 : 1;
                    if (!left.IsDerived && timesOfGaps)
                        Assert.Equal((segment.Start, segment.Duration), (counterpart.Start, counterpart.Duration));
                    continue;
                }
                Assert.Equal((segment.Start, segment.Duration, segment.WallClock), (counterpart.Start, counterpart.Duration, counterpart.WallClock));
                Assert.Equal(segment.Parts.ToArray(), counterpart.Parts.ToArray());
                Assert.Equal(BytesOf(one, left.Name, segment.Number), BytesOf(other, left.Name, segment.Number));
                same++;
            }
        }
        return (same, gaps);
    }

    /// <summary>Every segment with media, also one that runs: what somebody may have fetched by now.</summary>
    public static Dictionary<(string Rendition, long Segment), byte[]> Fetched(OriginBroadcast broadcast) =>
        broadcast.Timeline.Read().Renditions
            .SelectMany(rendition => rendition.Segments.AsSpan().ToArray().Append(rendition.Running).OfType<Segment>().Where(segment => !segment.IsGap)
                .Select(segment => (rendition.Name, segment.Number)))
            .ToDictionary(name => name, name => BytesOf(broadcast, name.Name, name.Number));

    /// <summary>No name that somebody fetched means other bytes: a segment has gone on, is a gap, or was never complete.</summary>
    public static void AssertKept(Dictionary<(string Rendition, long Segment), byte[]> fetched, OriginBroadcast now)
    {
        foreach (var ((rendition, number), bytes) in fetched)
        {
            if (now.Timeline.Read(rendition)!.Find(number) is not { IsGap: false })
                continue;
            var kept = BytesOf(now, rendition, number);
            var length = Math.Min(kept.Length, bytes.Length);
            Assert.Equal(bytes[..length], kept[..length]);
        }
    }

    private static byte[] BytesOf(OriginBroadcast broadcast, string rendition, long segment)
    {
        var media = broadcast.Find(rendition)!;
        Assert.True(media.TryFind(segment, out var stored, out var length, out _));
        var bytes = new MemoryStream();
        while (bytes.Length < length)
        {
            using var run = media.OpenLocal(stored, (int)bytes.Length, length)!.Value;
            if (run.File is { } file)
            {
                var buffer = new byte[run.Length];
                Assert.Equal(buffer.Length, RandomAccess.Read(file, buffer, run.FileOffset));
                bytes.Write(buffer);
            }
            foreach (var slice in run.Slices)
                bytes.Write(slice.Span);
        }
        return bytes.ToArray();
    }
}
