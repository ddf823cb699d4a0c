using System.Buffers;
using System.Net;
using System.Net.Http.Headers;

namespace Millrace.Push;

/// <summary>Talks HTTP to one origin about one broadcast. Never throws but when cancelled by its caller.</summary>
internal sealed class PushClient
{
    /// <summary>An origin that takes or says nothing for so long is gone: a dropped cable resets no connection.</summary>
    internal static readonly TimeSpan Silence = TimeSpan.FromSeconds(5);

    private readonly HttpMessageInvoker http;
    private readonly Uri address;
    private readonly AuthenticationHeaderValue authorization;
    private readonly TimeProvider time;
    private readonly ulong generation;

    /// <param name="http">Sends requests.</param>
    /// <param name="address">The broadcast at the origin, or the channel.</param>
    /// <param name="secret">What the origin asks for.</param>
    /// <param name="time">The clock.</param>
    /// <param name="generation">Which pusher this is.</param>
    public PushClient(HttpMessageInvoker http, Uri address, string secret, TimeProvider time, ulong generation = 0)
    {
        this.generation = generation;
        this.http = http;
        this.address = address;
        this.time = time;
        authorization = new AuthenticationHeaderValue("Bearer", secret);
    }

    /// <summary>Asks what the origin has.</summary>
    public async Task<PushAnswer> AskAsync(CancellationToken cancellation)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, address);
        using var limit = new CancellationTokenSource(Silence, time);
        return await SendAsync(request, limit, cancellation).ConfigureAwait(false);
    }

    /// <summary>Has the origin delete the broadcast that the address names: Accepted, or Unknown when it had none.</summary>
    public async Task<PushAnswer> DeleteAsync(CancellationToken cancellation)
    {
        using var request = new HttpRequestMessage(HttpMethod.Delete, address);
        using var limit = new CancellationTokenSource(Silence, time);
        return await SendAsync(request, limit, cancellation).ConfigureAwait(false);
    }

    /// <summary>Sends what the queue has and gets for the span of one request.</summary>
    public async Task<PushAnswer> SendAsync(PushQueue queue, CancellationToken cancellation)
    {
        using var limit = new CancellationTokenSource(Silence, time);
        using var content = new PushRequestContent(queue, generation, time, () => limit.CancelAfter(Silence));
        using var request = new HttpRequestMessage(HttpMethod.Post, address) { Content = content };
        request.Headers.TransferEncodingChunked = true;
        return await SendAsync(request, limit, cancellation).ConfigureAwait(false);
    }

    private async Task<PushAnswer> SendAsync(HttpRequestMessage request, CancellationTokenSource limit, CancellationToken cancellation)
    {
        request.Headers.Authorization = authorization;
        using var both = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellation);
        PushAnswer answer;
        try
        {
            using var response = await http.SendAsync(request, both.Token).ConfigureAwait(false);
            answer = Read(response.StatusCode, await BodyAsync(response, both.Token).ConfigureAwait(false));
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            answer = new PushAnswer(PushOutcome.Failed, null, "it did not answer in time");
        }
        catch (Exception failure) when (failure is HttpRequestException or IOException)
        {
            answer = new PushAnswer(PushOutcome.Failed, null, (failure.InnerException ?? failure).Message);
        }
        PushMetrics.Requests.Add(1, new KeyValuePair<string, object?>("outcome", Name(answer.Outcome)));
        return answer;
    }

    private static PushAnswer Read(HttpStatusCode status, byte[] body)
    {
        var position = status is HttpStatusCode.OK or HttpStatusCode.Conflict ? PushPosition.TryParse(body) : null;
        var said = string.Concat(System.Text.Encoding.UTF8.GetString(body).Where(c => c is >= ' ' and < '\u007f').Take(200));
        return status switch
        {
            HttpStatusCode.OK when position is not null => new PushAnswer(PushOutcome.Accepted, position, ""),
            HttpStatusCode.Conflict when position is not null => new PushAnswer(PushOutcome.Hole, position, "it lacks what came before"),
            HttpStatusCode.NoContent => new PushAnswer(PushOutcome.Accepted, null, ""),
            HttpStatusCode.Locked => new PushAnswer(PushOutcome.TakenOver, null, said),
            HttpStatusCode.UnavailableForLegalReasons => new PushAnswer(PushOutcome.TakenDown, null, said),
            HttpStatusCode.NotFound => new PushAnswer(PushOutcome.Unknown, null, "it does not know the broadcast"),
            HttpStatusCode.BadRequest => new PushAnswer(PushOutcome.Misread, null, said),
            HttpStatusCode.Forbidden or HttpStatusCode.Gone => new PushAnswer(PushOutcome.Refused, null, said),
            _ => new PushAnswer(PushOutcome.Failed, null, $"status {(int)status}: {said}"),
        };
    }

    /// <summary>Takes over what the origin has on air of the channel that the address names; null when it did not answer.</summary>
    public async Task<PushOnAir?> TakeOverAsync(CancellationToken cancellation)
    {
        var preamble = new ArrayBufferWriter<byte>(PushFrameWriter.PreambleBytes);
        PushFrameWriter.WritePreamble(preamble, generation);
        using var content = new ReadOnlyMemoryContent(preamble.WrittenMemory);
        content.Headers.ContentType = new MediaTypeHeaderValue(PushLimits.MediaType);
        using var request = new HttpRequestMessage(HttpMethod.Post, address) { Content = content };
        request.Headers.Authorization = authorization;
        try
        {
            using var response = await http.SendAsync(request, cancellation).ConfigureAwait(false);
            if (response.StatusCode == HttpStatusCode.NotFound)
                return PushOnAir.Nothing;
            if (response.StatusCode != HttpStatusCode.OK || response.Content.Headers.ContentLength is not (> 0 and <= PushLimits.MaxStoryBytes and var length))
                return null;
            var body = new byte[length];
            var stream = await response.Content.ReadAsStreamAsync(cancellation).ConfigureAwait(false);
            await using (stream.ConfigureAwait(false))
                await stream.ReadExactlyAsync(body, cancellation).ConfigureAwait(false);
            return PushOnAir.TryRead(response.Content.Headers.ContentLocation?.OriginalString, body);
        }
        catch (Exception failure) when (failure is HttpRequestException or IOException or OperationCanceledException)
        {
            return null;
        }
    }

    /// <summary>The answer's body, as much of it as an answer may have.</summary>
    private static async Task<byte[]> BodyAsync(HttpResponseMessage response, CancellationToken cancellation)
    {
        var body = new byte[PushLimits.MaxAnswerBytes];
        var stream = await response.Content.ReadAsStreamAsync(cancellation).ConfigureAwait(false);
        await using (stream.ConfigureAwait(false))
        {
            var length = await stream.ReadAtLeastAsync(body, body.Length, throwOnEndOfStream: false, cancellation).ConfigureAwait(false);
            return body[..length];
        }
    }

    private static string Name(PushOutcome outcome) => outcome switch
    {
        PushOutcome.Accepted => "accepted",
        PushOutcome.Unknown => "unknown",
        PushOutcome.Hole => "hole",
        PushOutcome.Misread => "misread",
        PushOutcome.Refused => "refused",
        PushOutcome.TakenDown => "taken_down",
        PushOutcome.TakenOver => "taken_over",
        _ => "failed",
    };
}
