using Millrace.Timeline;

namespace Millrace.Delivery;

/// <summary>
/// The media of a broadcast by rendition: of all it ever had, and of those of the open period. Changed by the broadcast's owner, who
/// alone uses the open period's; <see cref="All"/> and <see cref="Find"/> are for any thread.
/// </summary>
internal sealed class RenditionSet
{
    private readonly OriginBroadcast broadcast;
    private readonly Spooler spooler;
    private readonly DeliveryOptions options;
    private RenditionMedia[] all = [];

    public RenditionSet(OriginBroadcast broadcast, Spooler spooler, DeliveryOptions options)
    {
        this.broadcast = broadcast;
        this.spooler = spooler;
        this.options = options;
    }

    /// <summary>Those of every period; none ever leaves.</summary>
    public IReadOnlyList<RenditionMedia> All => Volatile.Read(ref all);

    /// <summary>The open period's, by its index; the first is the leader. Empty before the first period.</summary>
    public RenditionMedia[] Current { get; private set; } = [];

    /// <summary>What the open period began with, by its index.</summary>
    public NewRendition[] Announced { get; private set; } = [];

    public RenditionMedia? Find(ReadOnlySpan<char> rendition)
    {
        foreach (var known in Volatile.Read(ref all))
        {
            if (rendition.SequenceEqual(known.Name))
                return known;
        }
        return null;
    }

    /// <summary>A period begins: who was there before goes on.</summary>
    public void Begin(NewPeriod period)
    {
        var media = new RenditionMedia[period.Renditions.Count];
        var known = all;
        for (var i = 0; i < media.Length; i++)
        {
            var name = period.Renditions[i].Name;
            media[i] = Array.Find(known, one => one.Name == name) ?? Make(name);
            if (Array.IndexOf(known, media[i]) < 0)
                known = [.. known, media[i]];
        }
        Current = media;
        Announced = [.. period.Renditions];
        Volatile.Write(ref all, known);
    }

    /// <summary>Becomes what it was at a checkpoint of an earlier run. Before anything else.</summary>
    public void Restore(TimelineState state, NewRendition[] open, OriginState origin)
    {
        var restored = new RenditionMedia[state.Renditions.Count];
        for (var i = 0; i < restored.Length; i++)
        {
            restored[i] = Make(state.Renditions[i].Name);
            if (origin.Media[i].End is { } end)
                restored[i].RestoreEnd(end);
            restored[i].Spool.Skip(origin.Media[i].Files - 1);
        }
        Current = [.. state.Current.Select(index => restored[index])];
        Announced = open;
        Volatile.Write(ref all, restored);
    }

    private RenditionMedia Make(string name) => new(broadcast, name, spooler, options);
}
