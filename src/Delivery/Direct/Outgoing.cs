using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

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

    /// <summary>The connection is gone, or the media are.</summary>
    Failed,
}

/// <summary>
/// A response on its way into a socket: its head, then bytes of a playlist or a run of a segment. Holds one piece of the
/// segment at a time, however slowly it is read. Used by one thread at a time; reused after <see cref="Clear"/>.
/// </summary>
internal sealed class Outgoing
{
    // Whoever reads fast gets no more in one go: 20 ms of a 1 Gbit/s link.
    private const int TurnBytes = 2 * 1024 * 1024;

    // What is asked of the page cache at a time: it fills and empties in runs of this order.
    private const int FileRunBytes = 512 * 1024;

    private readonly byte[] head = GC.AllocateUninitializedArray<byte>(ResponseHead.MaxBytes, pinned: true);
    private int headLength;
    private int headDone;
    private ReadOnlyMemory<byte> bytes;
    private StoredSegment? segment;
    private int from;
    private int to;
    private SegmentBytes piece;
    private bool hasPiece;
    private int pieceDone;

    /// <summary>The connection ends with it.</summary>
    public bool Closes { get; private set; }

    /// <summary>What it is a response to.</summary>
    public MediaObject Kind { get; private set; }

    /// <summary>Not one piece of its segment was opened.</summary>
    public bool IsUnsent => !hasPiece && segment is not null;

    /// <summary>Bytes that the kernel has taken so far.</summary>
    public long Pushed { get; private set; }

    /// <summary>Begins a response.</summary>
    public void Begin(in MediaAnswer answer, bool withBody, ReadOnlySpan<byte> date, bool closes)
    {
        headLength = ResponseHead.Write(head, answer, date, closes);
        headDone = 0;
        Closes = closes;
        Kind = answer.Kind;
        Pushed = 0;
        if (!withBody || !answer.HasBody)
            return;
        bytes = answer.Pieces is [var only] ? only : default;
        segment = answer.Segment;
        (from, to) = (answer.From, answer.To);
    }

    /// <summary>Gives the socket what it takes now. Never waits.</summary>
    /// <param name="descriptor">The socket.</param>
    /// <param name="slices">Room for <see cref="LinuxCalls.MaxSlices"/>.</param>
    public unsafe PushResult Push(int descriptor, LinuxCalls.Slice* slices)
    {
        var before = Pushed;
        var result = PushTurn(descriptor, slices);
        if (Pushed > before)
            DeliveryMetrics.SentBytes.Add(Math.Max(0, Pushed - headLength) - Math.Max(0, before - headLength));
        return result;
    }

    /// <summary>Opens the file, or sends a run of it, waiting for the disk or the archive; then it goes on with <see cref="Push"/>.</summary>
    /// <returns>Done when that helped, Blocked or Failed.</returns>
    public async ValueTask<PushResult> PushColdAsync(int descriptor)
    {
        if (hasPiece)
            return SendFile(descriptor, Math.Min(FileRunBytes, piece.Length - pieceDone));
        return TryTake(await segment!.Rendition.OpenAsync(segment, from, to).ConfigureAwait(false)) ? PushResult.Done : PushResult.Failed;
    }

    /// <summary>Lets go of everything.</summary>
    public void Clear()
    {
        if (hasPiece)
            piece.Dispose();
        hasPiece = false;
        piece = default;
        bytes = default;
        segment = null;
        from = to = 0;
    }

    // False: the reader was slower than the window.
    private bool TryTake(SegmentBytes? next)
    {
        if (next is not { } opened)
            return false;
        piece = opened;
        hasPiece = true;
        pieceDone = 0;
        return true;
    }

    private unsafe PushResult PushTurn(int descriptor, LinuxCalls.Slice* slices)
    {
        var end = Pushed + TurnBytes;
        while (true)
        {
            if (!hasPiece && from < to)
            {
                if (!segment!.Rendition.TryOpenNow(segment, from, to, out var next))
                    return PushResult.Cold;
                if (!TryTake(next))
                    return PushResult.Failed;
            }
            PushResult result;
            if (headDone < headLength || !bytes.IsEmpty || (hasPiece && piece.File is null))
            {
                result = SendMemory(descriptor, slices);
            }
            else if (hasPiece)
            {
                var run = Math.Min(FileRunBytes, piece.Length - pieceDone);
                var file = piece.File!.DangerousGetHandle();
                var offset = piece.FileOffset + pieceDone;
                if (!LinuxCalls.IsCached(file, offset) || !LinuxCalls.IsCached(file, offset + run - 1))
                    return PushResult.Cold;
                result = SendFile(descriptor, run);
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

    private unsafe PushResult SendMemory(int descriptor, LinuxCalls.Slice* slices)
    {
        var count = 0;
        nint wanted = 0;
        var more = hasPiece && (piece.File is not null || from + piece.Length < to);
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
            slices[count++] = new LinuxCalls.Slice { Address = address, Length = (nuint)length };
            wanted += length;
        }
    }

    private PushResult SendFile(int descriptor, int run)
    {
        var sent = LinuxCalls.SendFile(descriptor, piece.File!.DangerousGetHandle(), piece.FileOffset + pieceDone, run);
        if (sent < 0)
            return FailedSend();
        // Nothing: the file is shorter than what was written to it.
        if (sent == 0)
            return PushResult.Failed;
        Took((int)sent);
        return PushResult.Done;
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
