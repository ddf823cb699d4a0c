using Millrace.Packaging;

namespace Millrace.Ingest;

/// <summary>
/// Sums over every broadcast since the node began, those that are over included, so that no sum ever goes back: for metrics.
/// Thread-safe.
/// </summary>
/// <remarks>Its lock is taken behind the directory's and before a broadcast's.</remarks>
public sealed class IngestTotals
{
    private readonly Lock gate = new();
    private readonly HashSet<Broadcast> running = [];
    private Sums past;

    /// <summary>The sums now. One lock per running broadcast; for a scrape, not for the media path.</summary>
    public Sums Read()
    {
        lock (gate)
        {
            var sums = past;
            foreach (var broadcast in running)
            {
                var health = broadcast.ReadHealth();
                sums.Add(health);
                if (health.Ladder is { } ladder)
                    sums.Ladders = sums.Ladders.With(ladder);
                switch (health.State)
                {
                    case BroadcastState.Discovering:
                        sums.Discovering++;
                        break;
                    case BroadcastState.OnAir:
                        sums.OnAir++;
                        break;
                    case BroadcastState.Suspended:
                        sums.Suspended++;
                        break;
                    default:
                        break;
                }
            }
            return sums;
        }
    }

    internal void Begin(Broadcast broadcast)
    {
        lock (gate)
            running.Add(broadcast);
    }

    /// <summary>The broadcast has ended: what it counted is kept, and the broadcast is not.</summary>
    internal void End(Broadcast broadcast)
    {
        lock (gate)
        {
            if (running.Remove(broadcast))
                past.Add(broadcast.ReadHealth());
        }
    }

    /// <summary>One reading.</summary>
    public struct Sums
    {
        private IngestCounters ingest;
        private RepairCounters repairs;
        private PackagingCounters packaging;

        /// <summary>Children of ladders that took over from one that died or hung.</summary>
        public long LadderRestarts { get; private set; }

        /// <summary>Access units of sources that no child got.</summary>
        public long LadderDropped { get; private set; }

        /// <summary>Renditions that are made, by what their ladder does, and those that are not made, by reason. Now.</summary>
        public LadderCounts Ladders { get; internal set; }

        /// <summary>Broadcasts with a publisher and nothing to be seen yet.</summary>
        public int Discovering { get; internal set; }

        /// <summary>Broadcasts on air.</summary>
        public int OnAir { get; internal set; }

        /// <summary>Broadcasts that wait for their publisher to come back.</summary>
        public int Suspended { get; internal set; }

        /// <summary>Publish sessions.</summary>
        public long Sessions { get; internal set; }

        /// <summary>What came, and what was dropped.</summary>
        public readonly IngestCounters Ingest => ingest;

        /// <summary>What was repaired.</summary>
        public readonly RepairCounters Repairs => repairs;

        /// <summary>What packaging made and bent.</summary>
        public readonly PackagingCounters Packaging => packaging;

        internal void Add(BroadcastHealth health)
        {
            Sessions += health.Sessions;
            ingest.Add(health.Ingest);
            repairs.Add(health.Repairs);
            packaging.Add(health.Packaging);
            LadderRestarts += health.Ladder?.Restarts ?? 0;
            LadderDropped += health.Ladder?.DroppedUnits ?? 0;
        }
    }
}
