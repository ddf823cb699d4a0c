namespace Millrace.Delivery;

/// <summary>Who waits for what another thread brings.</summary>
internal interface IWaiter
{
    /// <summary>
    /// What was waited for may be there: another look is worth it. Called by a thread that wakes others as well: it is not to be
    /// kept and gets no exception. A call may come late, when the wait was given up already.
    /// </summary>
    void Wake();
}

/// <summary>A waiter that is a task, for code that awaits. What follows it runs on the pool.</summary>
internal sealed class TaskWaiter() : TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously), IWaiter
{
    /// <inheritdoc/>
    public void Wake() => TrySetResult();
}
