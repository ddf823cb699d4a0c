using System.Buffers;
using System.Security.Cryptography;
using Millrace.Hls;
using Millrace.Timeline;

namespace Millrace.Delivery;

/// <summary>
/// A rendition's long playlist, kept ready: stretches of segments that change no more are written and compressed once, and a
/// new version costs its head and its newest segments, whether it lists a minute or twelve hours. The bytes are those that
/// <see cref="MediaPlaylist.Write(RenditionSnapshot, MediaPlaylistOptions, PlaylistSkip)"/> gives. Thread-safe.
/// </summary>
internal sealed class PreparedPlaylist
{
    private readonly Lock gate = new();
    private readonly MediaPlaylistOptions options;
    private readonly List<Stretch> stretches = [];
    private readonly ArrayBufferWriter<byte> scratch = new(4096);
    private RenditionSnapshot? newest;
    private EncodedText? text;
    private IReadOnlyList<PlacedDateRange>? ranges;
    private long rewrites;
    private Front? front;

    /// <param name="options">Which playlist.</param>
    public PreparedPlaylist(MediaPlaylistOptions options) => this.options = options;

    /// <summary>Stretches that were written so far: what its versions cost together.</summary>
    internal int Written { get; private set; }

    /// <summary>The text of a snapshot.</summary>
    public EncodedText Get(RenditionSnapshot snapshot)
    {
        lock (gate)
        {
            if (ReferenceEquals(newest, snapshot))
                return text!;
            if (newest is not null && newest.Version > snapshot.Version)
                return text!;
            newest = snapshot;
            return text = Make(snapshot);
        }
    }

    private EncodedText Make(RenditionSnapshot snapshot)
    {
        var first = MediaPlaylist.FirstListed(snapshot, options);
        Update(snapshot, first);
        var (head, crc, length, hash) = FrontOf(snapshot);

        scratch.ResetWrittenCount();
        MediaPlaylist.WriteTail(snapshot, options, stretches.Count > 0 ? stretches[^1].To : first, scratch);
        var tail = scratch.WrittenSpan.ToArray();
        var plain = new ReadOnlyMemory<byte>[stretches.Count + 2];
        var gzip = new ReadOnlyMemory<byte>[stretches.Count + 2];
        plain[0] = head;
        gzip[0] = front!.Deflated;
        for (var i = 0; i < stretches.Count; i++)
        {
            plain[i + 1] = stretches[i].Text;
            gzip[i + 1] = stretches[i].Deflated;
        }
        plain[^1] = tail;
        gzip[^1] = GzipPieces.Last(tail, GzipPieces.Append(crc, tail), length + tail.Length);
        using var sum = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        sum.AppendData(hash);
        sum.AppendData(tail);
        return new EncodedText(plain, gzip, sum.GetCurrentHash());
    }

    /// <summary>Brings the stretches up to what does not change any more.</summary>
    private void Update(RenditionSnapshot snapshot, long first)
    {
        if (!ReferenceEquals(ranges, snapshot.DateRanges) || rewrites != snapshot.Rewrites)
        {
            ranges = snapshot.DateRanges;
            rewrites = snapshot.Rewrites;
            Forget(0, stretches.Count);
        }
        var gone = stretches.FindIndex(stretch => stretch.To > first);
        if (gone != 0)
            Forget(0, gone < 0 ? stretches.Count : gone);
        // What is listed first has its header in front, so it is written anew.
        if (stretches.Count > 0 && (stretches[0].From != first || !stretches[0].IsFirst))
        {
            var to = stretches[0].To;
            Forget(0, 1);
            stretches.Insert(0, Write(snapshot, first, to, isFirst: true));
        }
        var until = MediaPlaylist.FirstWithParts(snapshot, options);
        while (true)
        {
            var from = stretches.Count > 0 ? stretches[^1].To : first;
            var to = (from / OriginBroadcast.SlideSegments + 1) * OriginBroadcast.SlideSegments;
            if (to > until)
                return;
            stretches.Add(Write(snapshot, from, to, isFirst: stretches.Count == 0));
        }
    }

    private Stretch Write(RenditionSnapshot snapshot, long from, long to, bool isFirst)
    {
        scratch.ResetWrittenCount();
        MediaPlaylist.WriteSegments(snapshot, from, to, isFirst, scratch);
        Written++;
        return new Stretch(from, to, isFirst, scratch.WrittenSpan.ToArray(), GzipPieces.Piece(scratch.WrittenSpan));
    }

    /// <summary>The head, and what is known of it and all stretches together: only what is new is read again.</summary>
    private (byte[] Head, uint Crc, long Length, byte[] Hash) FrontOf(RenditionSnapshot snapshot)
    {
        scratch.ResetWrittenCount();
        MediaPlaylist.WriteHead(snapshot, options, scratch);
        if (front is null || !scratch.WrittenSpan.SequenceEqual(front.Head))
        {
            front?.Hash.Dispose();
            var head = scratch.WrittenSpan.ToArray();
            front = new Front(head, [.. GzipPieces.Header, .. GzipPieces.Piece(head)], IncrementalHash.CreateHash(HashAlgorithmName.SHA256))
            {
                Crc = GzipPieces.Append(~0u, head),
                Length = head.Length,
            };
            front.Hash.AppendData(head);
        }
        for (; front.Stretches < stretches.Count; front.Stretches++)
        {
            var added = stretches[front.Stretches].Text;
            front.Crc = GzipPieces.Append(front.Crc, added);
            front.Length += added.Length;
            front.Hash.AppendData(added);
        }
        return (front.Head, front.Crc, front.Length, front.Hash.GetCurrentHash());
    }

    private void Forget(int from, int count)
    {
        if (count == 0)
            return;
        stretches.RemoveRange(from, count);
        front?.Hash.Dispose();
        front = null;
    }

    /// <summary>Segments whose text is written: <paramref name="From"/> to before <paramref name="To"/>.</summary>
    private sealed record Stretch(long From, long To, bool IsFirst, byte[] Text, byte[] Deflated);

    /// <summary>The head and all stretches behind it that were added up.</summary>
    private sealed record Front(byte[] Head, byte[] Deflated, IncrementalHash Hash)
    {
        public uint Crc { get; set; }

        public long Length { get; set; }

        public int Stretches { get; set; }
    }
}
