using System.Collections.Concurrent;
using System.Net;
using Microsoft.Extensions.Logging.Abstractions;
using Millrace.Core;

namespace Millrace.Push.Tests;

/// <summary>Takedowns told to other origins, of which some are away.</summary>
public sealed class TakedownTests : IDisposable
{
    private readonly DirectoryInfo data = Directory.CreateTempSubdirectory("millrace-takedowns-");
    private readonly Origins origins = new();
    private readonly BroadcastId id = BroadcastId.New(Script.StartedAt);
    private readonly PushOptions options = new() { Peers = ["http://here:8080", "http://away:8080/"], Secret = new string('s', 32) };

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private string Owed => Path.Combine(data.FullName, "takedowns", id.Value);

    [Fact]
    public async Task TakeDown_OneIsAway_TheOthersHearAndItHearsWhenItIsBack()
    {
        using var peers = Peers();
        origins.Answers["here"] = HttpStatusCode.NoContent;
        var (wasThere, notReached, isRemembered) = await peers.Takedowns.TakeDownAsync(id, TimeSpan.FromSeconds(3), Cancellation);
        Assert.True(wasThere && isRemembered);
        Assert.Equal("http://away:8080/", Assert.Single(notReached));
        Assert.Equal("http://away:8080/", await File.ReadAllTextAsync(Owed, Cancellation));
        var before = origins.Asked("here");

        using var stop = new CancellationTokenSource();
        var running = peers.Takedowns.RunAsync(stop.Token);
        // In vain first.
        await origins.NextAsync("away");
        origins.Answers["away"] = HttpStatusCode.NotFound;
        await UntilAsync(() => !File.Exists(Owed));

        Assert.Equal(0, peers.Takedowns.Owed);
        Assert.Equal(before, origins.Asked("here"));
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => running);
    }

    [Fact]
    public async Task TakeDown_OneIsAwayAndTheNodeIsRestarted_ItHearsFromTheNextRun()
    {
        using (var peers = Peers())
            await peers.Takedowns.TakeDownAsync(id, TimeSpan.Zero, Cancellation);
        // The write of another one was cut off, and somebody left a file of his own.
        await File.WriteAllTextAsync(Owed + ".new", "http://he", Cancellation);
        await File.WriteAllTextAsync(Path.Combine(data.FullName, "takedowns", "notes.txt"), "mine", Cancellation);
        options.Peers = ["http://away:8080", "http://new:8080"];

        using var next = Peers();
        Assert.Equal(1, next.Takedowns.Owed);
        origins.Answers["away"] = HttpStatusCode.NoContent;
        using var stop = new CancellationTokenSource();
        var running = next.Takedowns.RunAsync(stop.Token);
        await UntilAsync(() => !File.Exists(Owed));

        // Who was not there then has nothing of it, and who left the configuration is nobody's business any more.
        Assert.Equal(0, origins.Asked("new"));
        Assert.True(File.Exists(Path.Combine(data.FullName, "takedowns", "notes.txt")));
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => running);
    }

    [Fact]
    public async Task TakeDown_OriginOfAnotherSecretOrWithout_HasNotHeard()
    {
        using var peers = Peers();
        origins.Answers["here"] = HttpStatusCode.Unauthorized;
        origins.Answers["away"] = HttpStatusCode.NoContent;
        var told = await peers.Takedowns.TakeDownAsync(id, TimeSpan.Zero, Cancellation);
        Assert.Equal("http://here:8080/", Assert.Single(told.NotReached));
    }

    [Fact]
    public async Task TakeDown_DiskTakesNoNote_SaysSo()
    {
        await File.WriteAllTextAsync(Path.Combine(data.FullName, "takedowns"), "not a directory", Cancellation);
        using var peers = Peers();
        var told = await peers.Takedowns.TakeDownAsync(id, TimeSpan.Zero, Cancellation);
        Assert.False(told.IsRemembered);
        Assert.Equal(2, told.NotReached.Count);
    }

    public void Dispose()
    {
        origins.Dispose();
        data.Delete(recursive: true);
    }

    private OriginPeers Peers() => new(options, data.FullName, new ScaledTime(20), NullLogger.Instance, origins);

    private async Task UntilAsync(Func<bool> holds)
    {
        // What is noted follows the answer at once.
        while (!holds())
            await Task.WhenAny(origins.NextAsync("away"), Task.Delay(TimeSpan.FromMilliseconds(10), Cancellation));
        Cancellation.ThrowIfCancellationRequested();
    }

    /// <summary>Origins by their host's name; those without an answer are away.</summary>
    private sealed class Origins : HttpMessageHandler
    {
        private readonly ConcurrentDictionary<string, int> asked = new();
        private readonly ConcurrentDictionary<string, TaskCompletionSource> next = new();

        public ConcurrentDictionary<string, HttpStatusCode> Answers { get; } = new();

        public int Asked(string host) => asked.GetValueOrDefault(host);

        public Task NextAsync(string host) =>
            next.GetOrAdd(host, _ => new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).Task;

        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            var host = request.RequestUri!.Host;
            asked.AddOrUpdate(host, 1, (_, count) => count + 1);
            if (next.TryRemove(host, out var waiting))
                waiting.SetResult();
            return Answers.TryGetValue(host, out var status)
                ? Task.FromResult(new HttpResponseMessage(status)) : throw new HttpRequestException("away");
        }
    }
}
