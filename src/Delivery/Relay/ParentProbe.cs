using System.Text;

namespace Millrace.Delivery.Relay;

/// <summary>
/// Asks parents for their health: those in use and those that are down every <see cref="RelayOptions.ProbeInterval"/>, idle
/// ones eight times less often. Each question has its own time-out and none waits for another, so that two lost answers are
/// noticed after an interval and a time-out.
/// </summary>
internal sealed class ParentProbe : IAsyncDisposable
{
    private const int IdleRounds = 8;
    private static readonly TimeSpan UseCountsFor = TimeSpan.FromSeconds(10);

    private readonly ParentSet parents;
    private readonly HttpMessageInvoker http;
    private readonly RelayOptions options;
    private readonly TimeProvider time;
    private readonly LoopGuard loops;
    private readonly CancellationTokenSource stop = new();
    private readonly HashSet<Task> asking = [];
    private Task running = Task.CompletedTask;

    public ParentProbe(ParentSet parents, HttpMessageInvoker http, RelayOptions options, TimeProvider time, LoopGuard loops)
    {
        this.parents = parents;
        this.http = http;
        this.options = options;
        this.time = time;
        this.loops = loops;
    }

    public void Start() => running = RunAsync();

    public async ValueTask DisposeAsync()
    {
        await stop.CancelAsync();
        await running;
        stop.Dispose();
    }

    private async Task RunAsync()
    {
        using var timer = new PeriodicTimer(options.ProbeInterval, time);
        for (var round = 0; await WaitAsync(timer); round++)
        {
            asking.RemoveWhere(task => task.IsCompleted);
            foreach (var parent in parents.All)
            {
                if (!parent.IsUp || parent.Idle < UseCountsFor || round % IdleRounds == 0)
                    asking.Add(AskAsync(parent));
            }
        }
        await Task.WhenAll(asking);
    }

    private async Task<bool> WaitAsync(PeriodicTimer timer)
    {
        try
        {
            return await timer.WaitForNextTickAsync(stop.Token);
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }

    private async Task AskAsync(Parent parent)
    {
        using var limit = new LinkedLimit(options.ProbeTimeout, time, stop.Token);
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(parent.Address, "/health/ready"));
        request.Headers.TryAddWithoutValidation("CDN-Loop", loops.Token);
        try
        {
            using var answer = await http.SendAsync(request, limit.Token);
            parent.Above = LoopGuard.Read(answer.Headers.NonValidated.TryGetValues(RelayNode.AboveHeader, out var above) ? above.ToString() : null);
            if (parent.Above.Any(node => node.Name == loops.Name))
                parents.Loop(parent);
            else if (!answer.IsSuccessStatusCode)
                parents.Fail(parent, isCertain: true, $"its health is {(int)answer.StatusCode}");
            else if (await IsCutOffAsync(answer, limit.Token))
                parents.CutOff(parent);
            else
                parents.Succeed(parent, isProbe: true);
        }
        catch (HttpRequestException fault)
        {
            parents.Fail(parent, UpstreamFault.IsCertain(fault), UpstreamFault.Words(fault));
        }
        catch (IOException fault)
        {
            parents.Fail(parent, isCertain: false, UpstreamFault.Words(fault));
        }
        catch (OperationCanceledException)
        {
            if (!stop.IsCancellationRequested)
                parents.Fail(parent, isCertain: false, "it does not answer");
        }
    }

    private static async Task<bool> IsCutOffAsync(HttpResponseMessage answer, CancellationToken token)
    {
        await using var body = await answer.Content.ReadAsStreamAsync(token);
        var start = new byte[RelayNode.CutOffHealth.Length];
        var length = await body.ReadAtLeastAsync(start, start.Length, throwOnEndOfStream: false, token);
        return Encoding.ASCII.GetString(start, 0, length) == RelayNode.CutOffHealth;
    }
}
