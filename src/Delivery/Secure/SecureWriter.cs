using System.Buffers;
using System.Net.Security;

namespace Millrace.Delivery;

/// <summary>
/// Writes a response as whole TLS records: the head and the slices of media, which are smaller than a record each, are put
/// together first.
/// </summary>
/// <remarks>Has a buffer only between <see cref="Begin"/> and <see cref="EndAsync"/>.</remarks>
internal sealed class SecureWriter(SslStream tls, GatheredStream wire, TimeProvider time)
{
    /// <summary>The longest record's payload (RFC 8446 §5.1).</summary>
    public const int RecordBytes = 16 * 1024;

    private byte[] record = [];
    private int filled;

    /// <summary>Whether what is written goes nowhere any more.</summary>
    public bool IsBroken => wire.IsBroken;

    /// <summary>A response begins with this head.</summary>
    public void Begin(in MediaAnswer answer, bool closes)
    {
        wire.Gathers = true;
        record = ArrayPool<byte>.Shared.Rent(RecordBytes);
        if (!ResponseHead.TryWrite(record, answer, isChunked: false, HttpDate.Now(time), closes, out filled))
            throw new InvalidOperationException($"An origin's answer with status {answer.Status} has no head here.");
    }

    /// <summary>Bytes that stay where they are until the task is done.</summary>
    public ValueTask AddAsync(ReadOnlyMemory<byte> bytes)
    {
        if (bytes.Length > RecordBytes - filled)
            return AddLongAsync(bytes);
        bytes.Span.CopyTo(record.AsSpan(filled));
        filled += bytes.Length;
        return ValueTask.CompletedTask;
    }

    /// <summary>The rest of the record that is being filled, at least one byte; <see cref="Advance"/> says how many were.</summary>
    public async ValueTask<Memory<byte>> RoomAsync()
    {
        if (filled == RecordBytes)
            await WriteAsync();
        return record.AsMemory(filled, RecordBytes - filled);
    }

    /// <summary>So many bytes were put into <see cref="RoomAsync"/>.</summary>
    public void Advance(int count) => filled += count;

    /// <summary>The response is over: whatever is left is sent.</summary>
    public async ValueTask EndAsync()
    {
        if (filled > 0)
            await WriteAsync();
        ArrayPool<byte>.Shared.Return(record);
        record = [];
        await wire.FlushAsync(CancellationToken.None);
        wire.Gathers = false;
    }

    private async ValueTask AddLongAsync(ReadOnlyMemory<byte> bytes)
    {
        while (!bytes.IsEmpty && !IsBroken)
        {
            // A whole record's worth needs no copy.
            if (filled == 0 && bytes.Length >= RecordBytes)
            {
                await tls.WriteAsync(bytes[..RecordBytes]);
                bytes = bytes[RecordBytes..];
                continue;
            }
            var count = Math.Min(bytes.Length, RecordBytes - filled);
            bytes.Span[..count].CopyTo(record.AsSpan(filled));
            filled += count;
            bytes = bytes[count..];
            if (filled == RecordBytes)
                await WriteAsync();
        }
    }

    private async ValueTask WriteAsync()
    {
        await tls.WriteAsync(record.AsMemory(0, filled));
        filled = 0;
    }
}
