using System.Buffers;
using System.Net;
using System.Net.Http.Headers;

namespace Millrace.Push;

/// <summary>
/// The body of one request: what the queue has, and what comes to it while the request lasts. It ends after
/// <see cref="Span"/>, so that the origin acknowledges and a dead one is noticed.
/// </summary>
internal sealed class PushRequestContent : HttpContent
{
    /// <summary>
    /// How long a request takes what comes. An origin acknowledges at its end: shorter keeps less in memory, longer pauses
    /// less often for a round trip.
    /// </summary>
    internal static readonly TimeSpan Span = TimeSpan.FromSeconds(2);

    /// <summary>It ends earlier after so many bytes: when much has gathered, progress is acknowledged in pieces.</summary>
    internal const long MaxBytes = 4 << 20;

    private readonly PushQueue queue;
    private readonly TimeProvider time;
    private readonly Action onProgress;
    private readonly ulong generation;
    private bool isStarted;

    /// <param name="queue">What is sent.</param>
    /// <param name="generation">Which pusher of the broadcast this is.</param>
    /// <param name="time">The clock.</param>
    /// <param name="onProgress">Called whenever the connection took something.</param>
    public PushRequestContent(PushQueue queue, ulong generation, TimeProvider time, Action onProgress)
    {
        this.generation = generation;
        this.queue = queue;
        this.time = time;
        this.onProgress = onProgress;
        Headers.ContentType = new MediaTypeHeaderValue(PushLimits.MediaType);
    }

    protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) =>
        SerializeToStreamAsync(stream, context, CancellationToken.None);

    protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context, CancellationToken cancellationToken)
    {
        // Frames are taken once: a request that the client would like to repeat fails, and the origin is asked where it is.
        if (isStarted)
            throw new IOException("A push request is not repeated.");
        isStarted = true;
        var began = time.GetTimestamp();
        var head = new ArrayBufferWriter<byte>(256);
        PushFrameWriter.WritePreamble(head, generation);
        var written = 0L;
        var isCaughtUp = false;
        while (true)
        {
            if (!queue.TryTake(out var frame, out var chunk))
            {
                if (!isCaughtUp)
                    PushFrameWriter.Write(head, PushCaughtUp.Instance);
                isCaughtUp = true;
                if (head.WrittenCount > 0)
                    await stream.WriteAsync(head.WrittenMemory, cancellationToken).ConfigureAwait(false);
                head.ResetWrittenCount();
                await stream.FlushAsync(cancellationToken).ConfigureAwait(false);
                onProgress();
                var left = Span - time.GetElapsedTime(began);
                if (left <= TimeSpan.Zero || queue.HasAll)
                    return;
                await queue.ArrivalAsync().WaitAsync(left, time, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                cancellationToken.ThrowIfCancellationRequested();
                continue;
            }
            try
            {
                PushFrameWriter.Write(head, frame);
                await stream.WriteAsync(head.WrittenMemory, cancellationToken).ConfigureAwait(false);
                var bytes = head.WrittenCount + (chunk?.Length ?? 0);
                head.ResetWrittenCount();
                for (var i = 0; i < (chunk?.Slices.Length ?? 0); i++)
                    await stream.WriteAsync(chunk!.Slices[i].Memory, cancellationToken).ConfigureAwait(false);
                written += bytes;
                PushMetrics.SentBytes.Add(bytes);
            }
            finally
            {
                chunk?.Release();
            }
            onProgress();
            if (written >= MaxBytes)
            {
                await stream.FlushAsync(cancellationToken).ConfigureAwait(false);
                return;
            }
        }
    }

    protected override bool TryComputeLength(out long length)
    {
        length = 0;
        return false;
    }
}
