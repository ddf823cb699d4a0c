using Millrace.Media;
using Millrace.Packaging;

namespace Millrace.Push;

/// <summary>One broadcast on its way to all origins: each call becomes a frame in every origin's queue. Never waits.</summary>
internal sealed class PushSink : IBroadcastSink
{
    private readonly PushHistory history;
    private readonly PushQueue[] queues;
    private readonly Action? onEnd;
    private int period;

    /// <param name="history">What a newcomer has to be told.</param>
    /// <param name="queues">One for each origin.</param>
    /// <param name="onEnd">Called with the broadcast's end.</param>
    public PushSink(PushHistory history, PushQueue[] queues, Action? onEnd = null)
    {
        period = history.Periods - 1;
        this.onEnd = onEnd;
        this.history = history;
        this.queues = queues;
    }

    /// <inheritdoc/>
    public void BeginPeriod(PeriodDescription period)
    {
        period = history.BeginPeriod(period);
        Append(new PushPeriod(++this.period, period));
    }

    /// <summary>Another pusher told what is in the history: how that ends. Once, before anything else.</summary>
    public void Resume(PushResume end) => Append(end);

    /// <inheritdoc/>
    public void SetInit(int rendition, TrackFormat format, ReadOnlyMemory<byte> init)
    {
        Append(history.SetInit(rendition, format, init));
    }

    /// <inheritdoc/>
    public void BeginSegment(int rendition, long segment)
    {
        history.BeginSegment(rendition, segment);
        Append(new PushBegin(period, rendition, segment));
    }

    /// <inheritdoc/>
    public void AppendPart(in PartDescription part, MediaChunk chunk)
    {
        history.AppendPart(part, chunk.Length);
        var frame = new PushPart(period, part, chunk.Length);
        foreach (var queue in queues)
        {
            if (chunk.TryAddReference())
                queue.Append(frame, chunk);
        }
        chunk.Release();
    }

    /// <inheritdoc/>
    public void EndSegment(in SegmentDescription segment)
    {
        history.EndSegment(segment);
        Append(new PushSegmentEnd(period, segment));
    }

    /// <inheritdoc/>
    public void Suspend() => Append(new PushSuspend(period));

    /// <inheritdoc/>
    public void End()
    {
        Append(new PushEnd(Math.Max(0, period)));
        onEnd?.Invoke();
    }

    private void Append(PushFrame frame)
    {
        foreach (var queue in queues)
            queue.Append(frame, null);
    }
}
