using System.Threading.Channels;
using Microsoft.Extensions.Logging;

namespace Millrace.Delivery.Tests;

/// <summary>Lets a test wait for what is logged.</summary>
internal sealed class NotedLog : ILogger
{
    private readonly Channel<int> events = Channel.CreateUnbounded<int>();

    /// <summary>Waits until so many lines of an event more were logged.</summary>
    public async Task WaitForAsync(int id, int count = 1)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        limit.CancelAfter(TimeSpan.FromSeconds(60));
        while (count > 0)
        {
            if (await events.Reader.ReadAsync(limit.Token) == id)
                count--;
        }
    }

    /// <inheritdoc/>
    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
        events.Writer.TryWrite(eventId.Id);

    /// <inheritdoc/>
    public bool IsEnabled(LogLevel logLevel) => true;

    /// <inheritdoc/>
    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;
}
