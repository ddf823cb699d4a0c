using Microsoft.Extensions.Logging;

namespace Millrace.Delivery.Relay;

/// <summary>The parents, in which order a broadcast asks them, and their going down and coming up.</summary>
internal sealed class ParentSet
{
    private readonly Parent[] parents;
    private readonly ILogger logger;
    private readonly Lock gate = new();
    private TaskCompletionSource recovered = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public ParentSet(RelayOptions options, TimeProvider time, ILogger logger)
    {
        parents = [.. options.Parents.Select(address => new Parent(new Uri(address), time, options.SlowStart))];
        this.logger = logger;
        RelayMetrics.AddParents(parents.Length, 0);
    }

    public IReadOnlyList<Parent> All => parents;

    /// <summary>
    /// In which order to ask for a group's objects: those that take it, best score first; then those that are up but
    /// not yet back in full; then, as there is nothing to lose, those that are down. Those that this node stands above are left out.
    /// </summary>
    public Parent[] Order(ReadOnlySpan<char> group)
    {
        var key = Rendezvous.Hash(group);
        var order = Array.FindAll(parents, parent => !parent.IsLooping);
        var ranks = new (int Class, ulong Score)[order.Length];
        for (var i = 0; i < order.Length; i++)
            ranks[i] = (order[i].Takes(key) ? 0 : order[i].IsUp ? 1 : 2, ~Rendezvous.Score(order[i].Hash, key));
        Array.Sort(ranks, order);
        return order;
    }

    /// <summary>A parent answered.</summary>
    public void Succeed(Parent parent, bool isProbe)
    {
        if (!parent.Succeed(isProbe))
            return;
        logger.ParentUp(parent.Address.Authority);
        RelayMetrics.AddParents(1, -1);
        TaskCompletionSource waiting;
        lock (gate)
        {
            waiting = recovered;
            recovered = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        }
        waiting.TrySetResult();
    }

    /// <summary>
    /// A parent did not answer. Silence alone does not take the last one down: then it is more likely this node or its
    /// network that is slow, and there is nowhere else to go.
    /// </summary>
    public void Fail(Parent parent, bool isCertain, string reason)
    {
        if (parent.Fail(isCertain, HasOther(parent)))
            WentDown(parent, reason);
    }

    /// <summary>A parent answers, and says that none of its own parents does. The others are better, not the last one.</summary>
    public void CutOff(Parent parent)
    {
        if (parent.CutOff(HasOther(parent)))
            WentDown(parent, "none of its parents answers");
    }

    /// <summary>A parent has this node above it: whoever asks it asks itself.</summary>
    public void Loop(Parent parent)
    {
        var isKnown = parent.IsLooping;
        if (parent.Loop())
            RelayMetrics.AddParents(-1, 1);
        if (!isKnown)
            logger.ParentLoops(parent.Address.Authority);
    }

    private bool HasOther(Parent parent) => parents.Any(other => other != parent && other.IsUp);

    private void WentDown(Parent parent, string reason)
    {
        logger.ParentDown(parent.Address.Authority, reason);
        RelayMetrics.AddParents(-1, 1);
    }

    /// <summary>Ends when the next parent comes up. Whoever takes it before asking them misses none.</summary>
    public Task Recovery
    {
        get
        {
            lock (gate)
                return recovered.Task;
        }
    }
}
