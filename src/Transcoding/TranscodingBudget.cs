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
    /// <param name="plan">What is wanted.</param>
    /// <param name="instead">
    /// Given back in the same step, so that nobody else takes its room in between: what replaces it is no smaller, unless less is wanted.
    /// </param>
    public Reservation? Reserve(LadderPlan plan, Reservation? instead = null)
    {
        ArgumentNullException.ThrowIfNull(plan);
        lock (gate)
        {
            instead?.Dispose();
            if (Fit(plan, PixelsPerSecond - used) is not { } candidate)
                return null;
            used += candidate.PixelsPerSecond;
            return new Reservation(this, candidate, plan.Video.Count - candidate.Video.Count);
        }
    }

    /// <summary>What <see cref="Reserve"/> would give at this moment; null when that is nothing.</summary>
    /// <param name="plan">What is wanted.</param>
    /// <param name="held">Pixels a second that the asker has and would give back.</param>
    public LadderPlan? Preview(LadderPlan plan, long held)
    {
        ArgumentNullException.ThrowIfNull(plan);
        return Fit(plan, PixelsPerSecond - Used + held);
    }

    private static LadderPlan? Fit(LadderPlan plan, long room)
    {
        for (var candidate = plan; candidate is { IsEmpty: false }; candidate = candidate.WithoutMostExpensive())
        {
            if (candidate.PixelsPerSecond <= room)
                return candidate;
        }
        return null;
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
