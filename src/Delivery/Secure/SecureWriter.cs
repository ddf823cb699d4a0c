using System.Buffers;
using System.Net.Security;

namespace Millrace.Delivery;

/// <summary>
/// Writes a response as whole TLS records: the head and the slices of media, which are smaller than a record each, are put
/// together first.
/// </summary>
/// <remarks>Has a buffer only between <see cref="TryBegin"/> and <see cref="EndAsync"/>, and none from <see cref="FlushAsync"/> to what follows.</remarks>
internal sealed class SecureWriter(SslStream tls, GatheredStream wire, TimeProvider time)
{
    /// <summary>The longest record's payload (RFC 8446 §5.1).</summary>
    public const int RecordBytes = 16 * 1024;

    private byte[] record = [];
    private int filled;
    private bool isFirstChunk;

    /// <summary>Whether what is written goes nowhere any more.</summary>
    public bool IsBroken => wire.IsBroken;

    /// <summary>A response begins with this head. False when it is Kestrel's to say; then nothing has begun.</summary>
    public bool TryBegin(in MediaAnswer answer, bool isChunked, bool closes)
    {
        record = ArrayPool<byte>.Shared.Rent(RecordBytes);
        isFirstChunk = true;
        wire.Gathers = ResponseHead.TryWrite(record.AsSpan(0, ResponseHead.MaxBytes), answer, isChunked, HttpDate.Now(time), closes, out filled);
        if (!wire.Gathers)
            Return();
        return wire.Gathers;
    }

    /// <summary>A chunk of so many bytes follows, at least 1; 0: the body is over.</summary>
    public async ValueTask AddChunkAsync(int length)
    {
        if (RecordBytes - filled < ResponseHead.MaxFrameBytes)
            await WriteAsync();
        Rent();
        filled += ResponseHead.WriteFrame(record.AsSpan(filled), length, isFirstChunk);
        isFirstChunk = false;
    }

    /// <summary>Bytes that stay where they are until the task is done.</summary>
    public ValueTask AddAsync(ReadOnlyMemory<byte> bytes)
    {
        Rent();
        if (bytes.Length > RecordBytes - filled)
            return AddLongAsync(bytes);
        bytes.Span.CopyTo(record.AsSpan(filled));
        filled += bytes.Length;
        return ValueTask.CompletedTask;
    }

    /// <summary>The rest of the record that is being filled, at least one byte; <see cref="Advance"/> says how many were.</summary>
    public async ValueTask<Memory<byte>> RoomAsync()
    {
        Rent();
        if (filled == RecordBytes)
            await WriteAsync();
        return record.AsMemory(filled, RecordBytes - filled);
    }

    /// <summary>So many bytes were put into <see cref="RoomAsync"/>.</summary>
    public void Advance(int count) => filled += count;

    /// <summary>Whatever is there is sent.</summary>
    public async ValueTask FlushAsync()
    {
        if (filled > 0)
            await WriteAsync();
        Return();
        await wire.FlushAsync(CancellationToken.None);
    }

    /// <summary>The response is over: whatever is left is sent.</summary>
    public async ValueTask EndAsync()
    {
        await FlushAsync();
        wire.Gathers = false;
    }

    private void Rent()
    {
        if (record.Length == 0)
            record = ArrayPool<byte>.Shared.Rent(RecordBytes);
    }

    private void Return()
    {
        if (record.Length > 0)
            ArrayPool<byte>.Shared.Return(record);
        record = [];
        filled = 0;
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
