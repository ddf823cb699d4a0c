using System.Buffers;

namespace Millrace.Delivery;

/// <summary>Reads a journal from its beginning, a piece at a time.</summary>
internal static class JournalFile
{
    private const int PieceBytes = 256 * 1024;

    /// <summary>
    /// Hands the records to <paramref name="take"/> in order, until the end, a record that is cut off or wrong, or
    /// <paramref name="take"/> says false.
    /// </summary>
    /// <returns>Bytes of the records that were taken: what lies behind them counts for nothing.</returns>
    /// <param name="path">The file.</param>
    /// <param name="take">Takes a record.</param>
    /// <param name="upTo">Bytes that count.</param>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static long Read(string path, Func<JournalRecord, bool> take, long upTo = long.MaxValue)
    {
        using var file = File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        var buffer = new byte[PieceBytes];
        var held = 0;
        long good = 0;
        while (true)
        {
            var read = RandomAccess.Read(file, buffer.AsSpan(held, (int)Math.Min(buffer.Length - held, upTo - good - held)), good + held);
            held += read;
            ReadOnlySpan<byte> input = buffer.AsSpan(0, held);
            OperationStatus status;
            while ((status = JournalReader.TryRead(ref input, out var record)) == OperationStatus.Done)
            {
                if (!take(record!))
                    return good;
                good += held - input.Length;
                held = input.Length;
            }
            if (status == OperationStatus.InvalidData || read == 0)
                return good;
            input.CopyTo(buffer);
            // A record larger than the piece: at most the reader's limit.
            if (held == buffer.Length)
                Array.Resize(ref buffer, Math.Min(buffer.Length * 2, JournalReader.MaxBodyBytes + JournalWriter.HeaderBytes + PieceBytes));
        }
    }

    /// <summary>The record of the broadcast's end that a journal ends with; null when it ends with anything else.</summary>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static JournalRecord.Ended? ReadEnd(string path)
    {
        // Type and two numbers of at most ten bytes.
        const int Most = JournalWriter.HeaderBytes + 21;
        using var file = File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        Span<byte> tail = stackalloc byte[Most];
        var read = RandomAccess.Read(file, tail, Math.Max(0, RandomAccess.GetLength(file) - Most));
        for (var from = 0; from + JournalWriter.HeaderBytes < read; from++)
        {
            ReadOnlySpan<byte> input = tail[from..read];
            if (JournalReader.TryRead(ref input, out var record) == OperationStatus.Done && input.IsEmpty && record is JournalRecord.Ended ended)
                return ended;
        }
        return null;
    }
}
