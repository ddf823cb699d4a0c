namespace Millrace.Push.Tests;

/// <summary>The clock, faster: pauses of seconds take milliseconds, and still end by themselves.</summary>
internal sealed class ScaledTime(int factor) : TimeProvider
{
    private readonly DateTimeOffset origin = System.GetUtcNow();

    public override long TimestampFrequency => System.TimestampFrequency;

    public override long GetTimestamp() => System.GetTimestamp() * factor;

    public override DateTimeOffset GetUtcNow() => origin + (System.GetUtcNow() - origin) * factor;

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
        new Scaled(System.CreateTimer(callback, state, Scale(dueTime, factor), Scale(period, factor)), factor);

    private static TimeSpan Scale(TimeSpan span, int factor) => span == Timeout.InfiniteTimeSpan ? span : span / factor;

    private sealed class Scaled(ITimer inner, int factor) : ITimer
    {
        public bool Change(TimeSpan dueTime, TimeSpan period) => inner.Change(Scale(dueTime, factor), Scale(period, factor));

        public void Dispose() => inner.Dispose();

        public ValueTask DisposeAsync() => inner.DisposeAsync();
    }
}
