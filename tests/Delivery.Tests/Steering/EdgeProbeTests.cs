using System.Net;
using System.Threading.Channels;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Millrace.Delivery.Steering;

namespace Millrace.Delivery.Tests.Steering;

/// <summary>How the edges' health is known.</summary>
public sealed class EdgeProbeTests
{
    [Fact]
    public async Task Probe_TwoFailures_TakeAnEdgeOutAndOneAnswerBringsItBack()
    {
        var time = new PausingTime();
        var edges = new EdgeSet(new PlaybackOptions { Edges = ["a=http://a.example"] });
        var edge = edges.Find("a")!;
        using var answers = new Answers();
        await using var probe = new EdgeProbe(edges, time, NullLogger.Instance, answers);
        probe.Start();
        await answers.NextAsync(() => new HttpResponseMessage(HttpStatusCode.OK));
        async Task StepAsync(Func<HttpResponseMessage> answer)
        {
            await time.PassPauseAsync();
            await answers.NextAsync(answer);
        }
        await StepAsync(() => throw new HttpRequestException(HttpRequestError.ConnectionError));
        await StepAsync(() => new HttpResponseMessage(HttpStatusCode.OK));
        await StepAsync(() =>
        {
            Assert.Equal(EdgeState.Up, edge.State);
            return new HttpResponseMessage(HttpStatusCode.InternalServerError);
        });
        await StepAsync(() => throw new HttpRequestException(HttpRequestError.ConnectionError));
        await UntilAsync(EdgeState.Down);
        await StepAsync(() => new HttpResponseMessage(HttpStatusCode.ServiceUnavailable) { Content = new StringContent("draining\n") });
        await UntilAsync(EdgeState.Draining);
        await StepAsync(() => new HttpResponseMessage(HttpStatusCode.OK));
        await UntilAsync(EdgeState.Up);

        async Task UntilAsync(EdgeState state)
        {
            using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(20));
            while (edge.State != state)
            {
                limit.Token.ThrowIfCancellationRequested();
                await Task.Yield();
            }
        }
    }

    /// <summary>Time that goes on when the probe rests: what was answered before has been noted then, and nothing is on its way.</summary>
    private sealed class PausingTime : FakeTimeProvider
    {
        private readonly Channel<TimeSpan> pauses = Channel.CreateUnbounded<TimeSpan>();

        public async Task PassPauseAsync()
        {
            using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(20));
            Advance(await pauses.Reader.ReadAsync(limit.Token));
        }

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            var timer = base.CreateTimer(callback, state, dueTime, period);
            // Its limits are shorter than its shortest pause.
            var options = new PlaybackOptions();
            if (dueTime >= options.ProbeInterval * 0.8)
                pauses.Writer.TryWrite(dueTime);
            return timer;
        }
    }

    /// <summary>An edge whose answers the test gives, one question at a time.</summary>
    private sealed class Answers : HttpMessageHandler
    {
        private TaskCompletionSource asked = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private TaskCompletionSource<Func<HttpResponseMessage>> answer = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public async Task NextAsync(Func<HttpResponseMessage> with)
        {
            await asked.Task.WaitAsync(TimeSpan.FromSeconds(20));
            var given = answer;
            Volatile.Write(ref asked, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
            answer = new TaskCompletionSource<Func<HttpResponseMessage>>(TaskCreationOptions.RunContinuationsAsynchronously);
            given.SetResult(with);
        }

        protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            Assert.Equal("/health/ready", request.RequestUri!.AbsolutePath);
            var waiting = answer.Task;
            asked.TrySetResult();
            return (await waiting.WaitAsync(cancellationToken))();
        }
    }
}
