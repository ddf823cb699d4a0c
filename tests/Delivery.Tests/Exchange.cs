using System.IO.Pipelines;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Millrace.Delivery.Tests;

/// <summary>What answers a request if it is its business.</summary>
internal delegate bool TryAnswer(HttpContext context, out Task task);

/// <summary>One request and its response as it comes.</summary>
#pragma warning disable CA1001 // A token source without a timer needs no disposal.
internal sealed class Exchange : IHttpRequestLifetimeFeature
#pragma warning restore CA1001
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    private readonly Pipe body = new(new PipeOptions(pauseWriterThreshold: 0));
    private readonly CancellationTokenSource aborted = new();
    private readonly DefaultHttpContext context = new();

    public Exchange(TryAnswer endpoint, string path, Action<HttpRequest>? change, string query)
    {
        context.Features.Set<IHttpRequestLifetimeFeature>(this);
        context.Features.Set<IHttpResponseBodyFeature>(new StreamResponseBodyFeature(body.Writer.AsStream()));
        context.Request.Method = "GET";
        context.Request.Path = path;
        context.Request.QueryString = new QueryString(query);
        change?.Invoke(context.Request);
        Assert.True(endpoint(context, out var task));
        Done = FinishAsync(task);
    }

    public HttpResponse Response => context.Response;

    public Task Done { get; }

    public bool WasAborted { get; private set; }

    public CancellationToken RequestAborted { get => aborted.Token; set => throw new NotSupportedException(); }

    /// <summary>The connection goes: cut by the server, or closed by the client.</summary>
    public void Abort()
    {
        WasAborted = true;
        aborted.Cancel();
    }

    /// <summary>The next bytes, as soon as they are there.</summary>
    public async Task<byte[]> ReadAsync(int count)
    {
        using var limit = new CancellationTokenSource(Patience);
        var read = await body.Reader.ReadAtLeastAsync(count, limit.Token);
        var bytes = System.Buffers.BuffersExtensions.ToArray(read.Buffer.Slice(0, count));
        body.Reader.AdvanceTo(read.Buffer.GetPosition(count));
        return bytes;
    }

    /// <summary>Everything up to the end.</summary>
    public async Task<byte[]> BodyAsync()
    {
        await Done.WaitAsync(Patience, TestContext.Current.CancellationToken);
        using var bytes = new MemoryStream();
        await body.Reader.CopyToAsync(bytes, TestContext.Current.CancellationToken);
        return bytes.ToArray();
    }

    private async Task FinishAsync(Task task)
    {
        await task;
        await context.Response.BodyWriter.FlushAsync();
        await body.Writer.CompleteAsync();
    }
}
