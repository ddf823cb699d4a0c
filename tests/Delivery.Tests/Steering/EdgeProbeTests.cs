using System.Net;
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
        var time = new FakeTimeProvider();
        var edges = new EdgeSet(new PlaybackOptions { Edges = ["a=http://a.example"] });
        var edge = edges.Find("a")!;
        using var answers = new Answers();
        await using var probe = new EdgeProbe(edges, time, NullLogger.Instance, answers);
        probe.Start();
        await answers.NextAsync(() => new HttpResponseMessage(HttpStatusCode.OK));
        // The longest pause is six fifths of the interval.
        async Task StepAsync(Func<HttpResponseMessage> answer)
        {
            while (!answers.IsAsked)
            {
                time.Advance(TimeSpan.FromSeconds(0.1));
                await Task.Yield();
            }
            await answers.NextAsync(answer);
        }
        await StepAsync(() => throw new HttpRequestException(HttpRequestError.ConnectionError));
        await StepAsync(() => new HttpResponseMessage(HttpStatusCode.OK));
        Assert.Equal(EdgeState.Up, edge.State);
        await StepAsync(() => new HttpResponseMessage(HttpStatusCode.InternalServerError));
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

    /// <summary>An edge whose answers the test gives, one question at a time.</summary>
    private sealed class Answers : HttpMessageHandler
    {
        private TaskCompletionSource asked = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private TaskCompletionSource<Func<HttpResponseMessage>> answer = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public bool IsAsked => Volatile.Read(ref asked).Task.IsCompleted;

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
