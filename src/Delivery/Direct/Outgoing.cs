using System.Diagnostics.Metrics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Millrace.Core;

namespace Millrace.Delivery;

/// <summary>How far a push got.</summary>
internal enum PushResult
{
    /// <summary>Everything is with the kernel.</summary>
    Done,

    /// <summary>The socket is full.</summary>
    Blocked,

    /// <summary>There is more, and the others' turn has come.</summary>
    Paused,

    /// <summary>The disk would have to turn for what comes next: <see cref="Outgoing.PushColdAsync"/> on a thread that may wait.</summary>
    Cold,

    /// <summary>What comes next is still on its way: <see cref="Outgoing.TryWait"/>.</summary>
    Starved,

    /// <summary>The connection is gone, or the media are.</summary>
    Failed,
}

/// <summary>
/// A response on its way into a socket: its head, then bytes of a playlist or a run of a body. Holds one piece of an origin's
/// segment at a time, however slowly it is read. Used by one thread at a time; reused after <see cref="Clear"/>.
/// </summary>
internal sealed class Outgoing
{
    // Whoever reads fast gets no more in one go: 20 ms of a 1 Gbit/s link.
    private const int TurnBytes = 2 * 1024 * 1024;

    // How far apart the page cache is asked whether it has a file: it fills and empties in runs of this order.
    private const int FileRunBytes = 1024 * 1024;

    // Behind a head a chunk's.
    private readonly byte[] head = GC.AllocateUninitializedArray<byte>(ResponseHead.MaxBytes + ResponseHead.MaxFrameBytes, pinned: true);
    private int headLength;
    private int headDone;
    private ReadOnlyMemory<byte>[] texts = [];
    private int nextText;
    private ReadOnlyMemory<byte> bytes;
    private IMediaBody? body;
    private int from;
    private int to;
    private bool isChunked;
    private bool isFirstChunk;
    private MediaObject kind;
    private Counter<long>? counter;
    private long sentBody;
    private long counted;
    private SegmentBytes piece;
    private bool hasPiece;
    private int pieceDone;

    /// <summary>The connection ends with it.</summary>
    public bool Closes { get; private set; }

    /// <summary>What is said instead of it when its body could not be opened.</summary>
    public MediaAnswer Refusal => MediaDecisions.NotOpened(kind, body!);

    /// <summary>Not one piece of its body was opened.</summary>
    public bool IsUnsent => !hasPiece && body is not null;

    /// <summary>Bytes that the kernel has taken so far.</summary>
    public long Pushed { get; private set; }

    /// <summary>Begins a response. False when it is not for this path; the body is released then as at any end.</summary>
    public bool TryBegin(in MediaAnswer answer, bool withBody, ReadOnlySpan<byte> date, bool closes, Counter<long> sentBytes)
    {
        body = (IMediaBody?)answer.Segment ?? answer.Body;
        var hasBody = withBody && answer.HasBody;
        isChunked = hasBody && answer.ContentLength is null;
        if (!ResponseHead.TryWrite(head.AsSpan(0, ResponseHead.MaxBytes), answer, isChunked, date, closes, out headLength))
            return false;
        isFirstChunk = true;
        headDone = 0;
        Closes = closes;
        kind = answer.Kind;
        Pushed = 0;
        counter = sentBytes;
        sentBody = counted = 0;
        if (!hasBody)
            return true;
        texts = answer.Pieces ?? [];
        (from, to) = body is null ? (0, 0) : (answer.From, answer.To);
        return true;
    }

    /// <summary>Gives the socket what it takes now. Never waits.</summary>
    /// <param name="descriptor">The socket.</param>
    /// <param name="scratch">Its loop's.</param>
    public PushResult Push(int descriptor, LoopScratch scratch)
    {
        var result = PushTurn(descriptor, scratch);
        Count();
        return result;
    }

    /// <summary>After <see cref="PushResult.Starved"/>: has somebody woken when there may be more; false when there is.</summary>
    public bool TryWait(IWaiter waiter) => body!.TryWaitBeyond(from, waiter);

    /// <summary>Opens the file, or sends a run of it, waiting for the disk or the archive; then it goes on with <see cref="Push"/>.</summary>
    /// <returns>Done when that helped, Blocked or Failed.</returns>
    public async ValueTask<PushResult> PushColdAsync(int descriptor)
    {
        if (hasPiece)
            return SendFile(descriptor, Math.Min(FileRunBytes, piece.Length - pieceDone));
        if (await body!.OpenAsync(from, to).ConfigureAwait(false) is not { } opened)
            return PushResult.Failed;
        Take(opened);
        return PushResult.Done;
    }

    /// <summary>Lets go of everything.</summary>
    public void Clear()
    {
        Count();
        if (hasPiece)
            piece.Dispose();
        hasPiece = false;
        piece = default;
        texts = [];
        nextText = 0;
        bytes = default;
        body?.Release();
        body = null;
        from = to = 0;
    }

    private void Count()
    {
        if (sentBody > counted)
            counter!.Add(sentBody - counted);
        counted = sentBody;
    }

    private void Take(SegmentBytes next)
    {
        piece = next;
        hasPiece = true;
        pieceDone = 0;
        if (isChunked)
            Frame(next.Length);
    }

    // A chunk's head stands behind what is left of the response's own.
    private void Frame(int length)
    {
        if (headDone == headLength)
            headDone = headLength = 0;
        headLength += ResponseHead.WriteFrame(head.AsSpan(headLength), length, isFirstChunk);
        isFirstChunk = false;
    }

    private unsafe PushResult PushTurn(int descriptor, LoopScratch scratch)
    {
        var end = Pushed + TurnBytes;
        // What the page cache had in an earlier turn may be gone.
        var near = 0;
        while (true)
        {
            if (!hasPiece && from < to)
            {
                switch (body!.TryOpenNow(from, to, prefersFile: true, out var next))
                {
                    case BodyTurn.Ready:
                        Take(next);
                        near = 0;
                        break;
                    case BodyTurn.Cold:
                        return PushResult.Cold;
                    case BodyTurn.Later when headDone == headLength:
                        return PushResult.Starved;
                    case BodyTurn.Later:
                        // The head goes ahead.
                        break;
                    case BodyTurn.Done when isChunked:
                        to = from;
                        Frame(0);
                        break;
                    default:
                        return PushResult.Failed;
                }
            }
            while (bytes.IsEmpty && nextText < texts.Length)
                bytes = texts[nextText++];
            PushResult result;
            if (headDone < headLength || !bytes.IsEmpty || (hasPiece && piece.File is null))
            {
                result = SendMemory(descriptor, scratch.Slices);
            }
            else if (hasPiece)
            {
                // A call for each turn and not for each run: the end of each is a packet that is not full.
                if (pieceDone >= near)
                    near = pieceDone + NearBytes();
                if (pieceDone >= near)
                    return PushResult.Cold;
                result = SendFile(descriptor, near - pieceDone, scratch.Pipe);
            }
            else
            {
                return PushResult.Done;
            }
            if (result != PushResult.Done)
                return result;
            if (Pushed >= end)
                return PushResult.Paused;
        }
    }

    /// <summary>Bytes of the piece in its file that can be had without waiting for the disk: at most a turn's.</summary>
    private int NearBytes()
    {
        var most = Math.Min(TurnBytes, piece.Length - pieceDone);
        if (piece.IsMemoryFile)
            return most;
        var file = piece.File!.DangerousGetHandle();
        var offset = piece.FileOffset + pieceDone;
        var near = 0;
        while (near < most && (near > 0 || LinuxCalls.IsCached(file, offset)))
        {
            var run = Math.Min(FileRunBytes, most - near);
            if (!LinuxCalls.IsCached(file, offset + near + run - 1))
                break;
            near += run;
        }
        return near;
    }

    private unsafe PushResult SendMemory(int descriptor, LinuxCalls.Slice* slices)
    {
        var count = 0;
        nint wanted = 0;
        // What is still on its way does not hold back what is here.
        var more = nextText < texts.Length || (hasPiece && (piece.File is not null || (body is StoredSegment && from + piece.Length < to)));
        fixed (byte* pinned = bytes.Span)
        {
            if (headDone < headLength)
                Add((byte*)Unsafe.AsPointer(ref MemoryMarshal.GetArrayDataReference(head)) + headDone, headLength - headDone);
            if (!bytes.IsEmpty)
                Add(pinned, bytes.Length);
            if (hasPiece && piece.File is null)
            {
                var skip = pieceDone;
                foreach (var slice in piece.Slices)
                {
                    if (skip >= slice.Length)
                    {
                        skip -= slice.Length;
                        continue;
                    }
                    if (count == LinuxCalls.MaxSlices)
                    {
                        more = true;
                        break;
                    }
                    // Native memory (MediaBlock), which does not move; the piece holds it.
                    Add((byte*)Unsafe.AsPointer(ref MemoryMarshal.GetReference(slice.Span)) + skip, slice.Length - skip);
                    skip = 0;
                }
            }
            var sent = LinuxCalls.Send(descriptor, slices, count, more);
            if (sent < 0)
                return FailedSend();
            Took((int)sent);
            return sent < wanted ? PushResult.Blocked : PushResult.Done;
        }

        void Add(byte* address, int length)
        {
            slices[count++] = new LinuxCalls.Slice(address, length);
            wanted += length;
        }
    }

    private PushResult SendFile(int descriptor, int run, SplicePipe? pipe = null)
    {
        if (pipe is null || !pipe.TrySend(descriptor, RunOf(run), run < piece.Length - pieceDone, out var sent))
            sent = LinuxCalls.SendFile(descriptor, piece.File!.DangerousGetHandle(), piece.FileOffset + pieceDone, run);
        if (sent < 0)
            return FailedSend();
        // Nothing: the file is shorter than what was written to it.
        if (sent == 0)
            return PushResult.Failed;
        Took((int)sent);
        return PushResult.Done;
    }

    private SplicePipe.Run RunOf(int length)
    {
        if (!piece.IsMemoryFile)
            return new SplicePipe.Run(piece.File!.DangerousGetHandle(), piece.FileOffset + pieceDone, length);
        var slices = piece.Slices;
        slices.MoveNext();
        // The piece holds it.
        return new SplicePipe.Run(slices.Current.Span.Slice(pieceDone, length));
    }

    private static PushResult FailedSend() => LinuxCalls.LastError switch
    {
        LinuxCalls.ErrorAgain => PushResult.Blocked,
        LinuxCalls.ErrorInterrupted => PushResult.Paused,
        _ => PushResult.Failed,
    };

    private void Took(int count)
    {
        Pushed += count;
        var ofHead = Math.Min(count, headLength - headDone);
        headDone += ofHead;
        count -= ofHead;
        sentBody += count;
        var ofBytes = Math.Min(count, bytes.Length);
        bytes = bytes[ofBytes..];
        count -= ofBytes;
        if (!hasPiece)
            return;
        pieceDone += count;
        if (pieceDone < piece.Length)
            return;
        from += piece.Length;
        piece.Dispose();
        piece = default;
        hasPiece = false;
    }
}
