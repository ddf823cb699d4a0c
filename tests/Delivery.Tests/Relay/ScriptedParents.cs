using System.Collections.Concurrent;
using System.IO.Pipelines;
using System.Net;
using System.Text;

namespace Millrace.Delivery.Tests.Relay;

/// <summary>Parents of a relay whose answers the test writes.</summary>
internal sealed class ScriptedParents : HttpMessageHandler
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    private readonly Lock gate = new();
    private readonly List<ParentRequest> requests = [];
    private readonly ConcurrentDictionary<string, byte> refusing = new();
    private readonly ConcurrentDictionary<string, byte> silent = new();
    private readonly ConcurrentDictionary<string, byte> cutOff = new();
    private TaskCompletionSource changed = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Every request for an object so far, probes left out.</summary>
    public IReadOnlyList<ParentRequest> Requests
    {
        get
        {
            lock (gate)
                return [.. requests];
        }
    }

    /// <summary>Answers that need no script; null leaves a request to the test.</summary>
    public Func<ParentRequest, bool>? Automatic { get; set; }

    /// <summary>Who stands above, as a host's health tells it.</summary>
    public ConcurrentDictionary<string, string> Above { get; } = new();

    /// <summary>Health questions so far.</summary>
    public int Probes { get; private set; }

    /// <summary>Connections to the host are refused from now on, or no longer.</summary>
    public void Refuse(string host, bool refuses = true)
    {
        if (refuses)
            refusing[host] = 0;
        else
            refusing.TryRemove(host, out _);
    }

    /// <summary>The host answers nothing any more, as when its packets are dropped; or it does again.</summary>
    public void Silence(string host, bool isSilent = true)
    {
        if (isSilent)
            silent[host] = 0;
        else
            silent.TryRemove(host, out _);
    }

    /// <summary>The host says in its health that none of its own parents answers, or no longer.</summary>
    public void CutOff(string host, bool isCutOff = true)
    {
        if (isCutOff)
            cutOff[host] = 0;
        else
            cutOff.TryRemove(host, out _);
    }

    /// <summary>The <paramref name="index"/>th request, as soon as it is there.</summary>
    public async Task<ParentRequest> RequestAsync(int index)
    {
        using var limit = new CancellationTokenSource(Patience);
        while (true)
        {
            Task next;
            lock (gate)
            {
                if (requests.Count > index)
                    return requests[index];
                next = changed.Task;
            }
            await next.WaitAsync(limit.Token);
        }
    }

    /// <summary>Ends when a condition holds that something of this class changes.</summary>
    public async Task UntilAsync(Func<bool> holds)
    {
        using var limit = new CancellationTokenSource(Patience);
        while (true)
        {
            Task next;
            lock (gate)
                next = changed.Task;
            if (holds())
                return;
            await next.WaitAsync(limit.Token);
        }
    }

    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        var host = request.RequestUri!.Host;
        if (request.RequestUri.AbsolutePath == "/health/ready")
        {
            lock (gate)
                Probes++;
            Changed();
        }
        if (refusing.ContainsKey(host))
            throw new HttpRequestException(HttpRequestError.ConnectionError);
        if (request.RequestUri.AbsolutePath == "/health/ready")
        {
            if (silent.ContainsKey(host))
                await Task.Delay(Timeout.Infinite, cancellationToken);
            var healthy = new HttpResponseMessage(HttpStatusCode.OK) { Content = new StringContent(cutOff.ContainsKey(host) ? "ok\nno parent answers\nstorage: a note\n" : "ok\n") };
            if (Above.TryGetValue(host, out var above))
                healthy.Headers.TryAddWithoutValidation("Millrace-Above", above);
            return healthy;
        }
        var asked = new ParentRequest(request, Changed, cancellationToken);
        lock (gate)
            requests.Add(asked);
        Changed();
        if (!silent.ContainsKey(host) && Automatic?.Invoke(asked) == true)
            return await asked.Answer;
        return await asked.Answer.WaitAsync(cancellationToken);
    }

    private void Changed()
    {
        TaskCompletionSource waiting;
        lock (gate)
        {
            waiting = changed;
            changed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        }
        waiting.TrySetResult();
    }
}

/// <summary>One request as a parent sees it, and the answer to it.</summary>
internal sealed class ParentRequest
{
    private readonly TaskCompletionSource<HttpResponseMessage> answer = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public ParentRequest(HttpRequestMessage request, Action changed, CancellationToken token)
    {
        Host = request.RequestUri!.Host;
        Target = request.RequestUri.PathAndQuery;
        Headers = request.Headers.ToDictionary(header => header.Key, header => string.Join(", ", header.Value), StringComparer.OrdinalIgnoreCase);
        Cancelled = token;
        token.Register(changed);
    }

    public string Host { get; }

    public string Target { get; }

    public IReadOnlyDictionary<string, string> Headers { get; }

    /// <summary>Cancelled when the relay gives the request up.</summary>
    public CancellationToken Cancelled { get; }

    public Task<HttpResponseMessage> Answer => answer.Task;

    /// <summary>A whole answer.</summary>
    public void Respond(int status, byte[] body, string cacheControl, params (string Name, string Value)[] headers) =>
        Respond(status, new ByteArrayContent(body), cacheControl, headers);

    /// <summary>A whole answer.</summary>
    public void Respond(int status, string body, string cacheControl, params (string Name, string Value)[] headers) =>
        Respond(status, Encoding.UTF8.GetBytes(body), cacheControl, headers);

    /// <summary>A head, and a body that the test writes to the pipe.</summary>
    public PipeWriter Begin(string cacheControl, params (string Name, string Value)[] headers)
    {
        var pipe = new Pipe();
        Respond(200, new StreamContent(pipe.Reader.AsStream()), cacheControl, headers);
        return pipe.Writer;
    }

    private void Respond(int status, HttpContent content, string cacheControl, (string Name, string Value)[] headers)
    {
        var message = new HttpResponseMessage((HttpStatusCode)status) { Content = content };
        message.Headers.TryAddWithoutValidation("Cache-Control", cacheControl);
        foreach (var (name, value) in headers)
        {
            if (!message.Headers.TryAddWithoutValidation(name, value))
                message.Content.Headers.TryAddWithoutValidation(name, value);
        }
        answer.TrySetResult(message);
    }
}
