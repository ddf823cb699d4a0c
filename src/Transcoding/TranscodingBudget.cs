namespace Millrace.Transcoding;

/// <summary>
/// What this node can encode, in pixels a second over all broadcasts, and who has how much of it. Thread-safe.
/// </summary>
public sealed class TranscodingBudget
{
    private readonly object gate = new();
    private long used;

    /// <param name="pixelsPerSecond">From <c>Transcoding:MaxPixelsPerSecond</c> or <see cref="Calibration"/>; at least 0.</param>
    public TranscodingBudget(long pixelsPerSecond)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(pixelsPerSecond);
        PixelsPerSecond = pixelsPerSecond;
    }

    /// <summary>All of it.</summary>
    public long PixelsPerSecond { get; }

    /// <summary>What is reserved.</summary>
    public long Used => Interlocked.Read(ref used);

    /// <summary>
    /// Reserves room for as much of a plan as fits: rungs go from the most expensive downwards, and what stands for the source
    /// last. Null when not even the cheapest fits; audio costs nothing. The caller disposes the reservation at the end.
    /// </summary>
    public Reservation? Reserve(LadderPlan plan)
    {
        ArgumentNullException.ThrowIfNull(plan);
        lock (gate)
        {
            for (var candidate = plan; candidate is { IsEmpty: false }; candidate = candidate.WithoutMostExpensive())
            {
                if (used + candidate.PixelsPerSecond > PixelsPerSecond)
                    continue;
                used += candidate.PixelsPerSecond;
                return new Reservation(this, candidate, plan.Video.Count - candidate.Video.Count);
            }
            return null;
        }
    }

    /// <summary>Room for one broadcast's ladder. Disposing it gives the room back; any number of times.</summary>
    public sealed class Reservation : IDisposable
    {
        private readonly TranscodingBudget budget;
        private bool isReleased;

        internal Reservation(TranscodingBudget budget, LadderPlan plan, int leftOut)
        {
            this.budget = budget;
            Plan = plan;
            LeftOut = leftOut;
        }

        /// <summary>What fits.</summary>
        public LadderPlan Plan { get; private set; }

        /// <summary>Rungs of the wanted plan that do not.</summary>
        public int LeftOut { get; }

        /// <summary>Takes another plan's room instead, after a rung was shed or is to come back; false, and no change, when it does not fit.</summary>
        public bool TryChange(LadderPlan plan)
        {
            ArgumentNullException.ThrowIfNull(plan);
            lock (budget.gate)
            {
                var after = budget.used - Plan.PixelsPerSecond + plan.PixelsPerSecond;
                if (isReleased || (after > budget.PixelsPerSecond && plan.PixelsPerSecond > Plan.PixelsPerSecond))
                    return false;
                budget.used = after;
                Plan = plan;
                return true;
            }
        }

        /// <inheritdoc/>
        public void Dispose()
        {
            lock (budget.gate)
            {
                if (isReleased)
                    return;
                isReleased = true;
                budget.used -= Plan.PixelsPerSecond;
            }
        }
    }
}
