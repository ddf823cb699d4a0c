using System.Buffers;
using System.Globalization;
using System.IO.Pipelines;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Routing;
using Microsoft.AspNetCore.Server.Kestrel.Core.Features;
using Microsoft.Extensions.Logging;
using Millrace.Cmaf;
using Millrace.Core;
using Millrace.Ingest;
using Millrace.Server.Rtmp;

namespace Millrace.Server.Cmaf;

/// <summary>
/// Takes streams in from other packagers: <c>POST</c> or <c>PUT /cmaf/{channel}/{track}</c>, a long-running request for each CMAF
/// track (DASH-IF Live Media Ingest, interface 1; docs/push.md). The credential is the channel's stream key. Never cached.
/// </summary>
internal sealed class CmafIngestEndpoint
{
    private const int MaxTrackName = 64;
    private const string Silence = "Nothing came for too long.";

    private static readonly SearchValues<char> NameCharacters =
        SearchValues.Create("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-");

    private readonly CmafPublishers publishers;
    private readonly Admission admission;
    private readonly BroadcastDirectory directory;
    private readonly MediaBlockPool pool;
    private readonly TimeSpan patience;
    private readonly CmafMetrics metrics;
    private readonly TimeProvider time;
    private readonly ILogger<CmafIngestEndpoint> logger;
    private readonly ThrottledReport<(string Channel, int Status, string Reason)> refusals;

    public CmafIngestEndpoint(
        CmafPublishers publishers, BroadcastDirectory directory, Admission admission, MediaBlockPool pool, RtmpOptions rtmp, CmafMetrics metrics, TimeProvider time,
        ILogger<CmafIngestEndpoint> logger)
    {
        this.publishers = publishers;
        this.admission = admission;
        this.directory = directory;
        this.pool = pool;
        this.metrics = metrics;
        this.time = time;
        this.logger = logger;
        patience = rtmp.IdleTimeout;
        refusals = new(time, TimeSpan.FromSeconds(1),
            (last, count) => logger.CmafRefused(last.Channel, last.Status, last.Reason, count > 1 ? $" (and {count - 1} more)" : ""));
    }

    /// <summary>Maps its path.</summary>
    public void Map(IEndpointRouteBuilder routes) => routes.MapMethods("/cmaf/{channel}/{track}", [HttpMethods.Post, HttpMethods.Put], InvokeAsync);

    private async Task InvokeAsync(HttpContext context)
    {
        var channel = context.Request.RouteValues["channel"] as string ?? "";
        int status;
        string reason;
        try
        {
            (status, reason) = await AnswerAsync(context, channel);
        }
        catch (BadHttpRequestException broken)
        {
            (status, reason) = (broken.StatusCode, "The request is malformed.");
        }
        catch (Exception gone) when (gone is OperationCanceledException or IOException && context.RequestAborted.IsCancellationRequested)
        {
            metrics.Answered("aborted");
            return;
        }
        metrics.Answered(status.ToString(CultureInfo.InvariantCulture));
        if (status != StatusCodes.Status200OK)
            refusals.Count((ChannelName.TryParse(channel, out var known) ? known.Value : "?", status, reason));
        var response = context.Response;
        response.StatusCode = status;
        response.Headers.CacheControl = "no-store";
        response.Headers.XContentTypeOptions = "nosniff";
        if (status == StatusCodes.Status401Unauthorized)
            response.Headers.WWWAuthenticate = "Bearer";
        response.ContentType = "text/plain; charset=utf-8";
        await response.WriteAsync(reason + "\n", context.RequestAborted);
    }

    private async Task<(int Status, string Reason)> AnswerAsync(HttpContext context, string path)
    {
        // 1. Who asks.
        const string Scheme = "Bearer ";
        var header = context.Request.Headers.Authorization.ToString();
        if (!header.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase))
            return (StatusCodes.Status401Unauthorized, "The stream key is missing: show it as a Bearer token.");
        var (channel, refused) = await admission.DecideAsync(Admission.Application, header[Scheme.Length..].Trim(), context.RequestAborted);
        if (refused is not null)
        {
            await Task.Delay(refused.Delay, time, context.RequestAborted);
            return (StatusOf(refused.Reason), refused.Description);
        }

        // 2. For what.
        if (channel.Value != path)
            return (StatusCodes.Status403Forbidden, "The stream key is another channel's.");
        var name = context.Request.RouteValues["track"] as string ?? "";
        if (name.Length is 0 or > MaxTrackName || name.AsSpan().ContainsAnyExcept(NameCharacters))
            return (StatusCodes.Status400BadRequest, $"A track's name is 1 to {MaxTrackName} letters, digits, '.', '_' and '-'.");

        // 3. As long as it lasts, and as slow as a publisher is: silence ends it, and ingest's own limits.
        if (context.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } size)
            size.MaxRequestBodySize = null;
        if (context.Features.Get<IHttpMinRequestBodyDataRateFeature>() is { } rate)
            rate.MinDataRate = null;
        using var stop = new CancellationTokenSource();
        using var silence = new CancellationTokenSource(patience, time);
        using var all = CancellationTokenSource.CreateLinkedTokenSource(stop.Token, silence.Token, context.RequestAborted, publishers.Stopping);
        using var reading = new Reading(this, channel, new CmafTrack(name, stop));
        try
        {
            var answer = await reading.RunAsync(context.Request.BodyReader, silence, all.Token);
            reading.Leave(answer.Reason);
            return answer;
        }
        catch (OperationCanceledException) when (!context.RequestAborted.IsCancellationRequested)
        {
            var end = reading.ReasonOfEnd;
            reading.Leave(end?.Description ?? Silence);
            return end is null ? (StatusCodes.Status408RequestTimeout, Silence) : (StatusOf(end.Reason), end.Description);
        }
        finally
        {
            reading.Leave("it was cut off");
        }
    }

    private static int StatusOf(PublishRejectionReason reason) => reason switch
    {
        PublishRejectionReason.WrongKey or PublishRejectionReason.BadChannelName => StatusCodes.Status401Unauthorized,
        PublishRejectionReason.AlreadyLive or PublishRejectionReason.Replaced => StatusCodes.Status409Conflict,
        PublishRejectionReason.UnsupportedCodec => StatusCodes.Status415UnsupportedMediaType,
        PublishRejectionReason.BitrateTooHigh => StatusCodes.Status429TooManyRequests,
        PublishRejectionReason.TakenDown => StatusCodes.Status451UnavailableForLegalReasons,
        PublishRejectionReason.Unavailable or PublishRejectionReason.ShuttingDown => StatusCodes.Status503ServiceUnavailable,
        _ => StatusCodes.Status400BadRequest,
    };

    /// <summary>One request's state. It joins its channel with its header: what is no track's beginning takes nobody off air.</summary>
    private sealed class Reading(CmafIngestEndpoint endpoint, ChannelName channel, CmafTrack track) : IDisposable
    {
        private readonly MediaArena arena = new(endpoint.pool);
        private readonly CmafTrackReader reader = new();
        private readonly ArrayBufferWriter<byte> tag = new(4096);
        private CmafPublisher? publisher;
        private bool hasLeft;

        /// <summary>Why it has to end; null when nothing is known.</summary>
        public PublishRejection? ReasonOfEnd => publisher?.ReasonOf(track) ?? endpoint.publishers.Stopped;

        public async Task<(int Status, string Reason)> RunAsync(PipeReader body, CancellationTokenSource silence, CancellationToken cancellation)
        {
            while (true)
            {
                var read = await body.ReadAsync(cancellation);
                silence.CancelAfter(endpoint.patience);
                (int, string)? end;
                try
                {
                    end = await TakeAsync(read.Buffer, cancellation);
                }
                finally
                {
                    body.AdvanceTo(read.Buffer.End);
                }
                if (end is not null)
                    return end.Value;
                if (!read.IsCompleted)
                    continue;
                if (!reader.IsBetweenBoxes)
                    return (StatusCodes.Status400BadRequest, "The request ends inside a box.");
                return publisher is null
                    ? (StatusCodes.Status400BadRequest, "The request has no CMAF header: a track begins with ftyp and moov.") : (StatusCodes.Status200OK, "It ended its stream.");
            }
        }

        /// <summary>The first one counts; nothing when it never joined.</summary>
        public void Leave(string why)
        {
            if (publisher is null || hasLeft)
                return;
            hasLeft = true;
            endpoint.publishers.Leave(channel, publisher, track);
            endpoint.logger.CmafEnded(channel.Value, publisher.Broadcast.Id.Value, track.Name, why);
        }

        public void Dispose() => arena.Dispose();

        private async ValueTask<(int Status, string Reason)?> TakeAsync(ReadOnlySequence<byte> bytes, CancellationToken cancellation)
        {
            var end = Take(ref bytes);
            return end is null && publisher is null && reader.Track is not null ? await JoinAsync(cancellation) ?? Announce() ?? Take(ref bytes) : end;
        }

        private async Task<(int Status, string Reason)?> JoinAsync(CancellationToken cancellation)
        {
            await endpoint.directory.PrepareAsync(channel, cancellation);
            (publisher, var rejection) = endpoint.publishers.Join(channel, track);
            if (publisher is null)
                return Refused(rejection!);
            endpoint.logger.CmafStarted(channel.Value, publisher.Broadcast.Id.Value, track.Name);
            return null;
        }

        /// <summary>Takes what has come, and leaves what is behind the first header to be taken when it has joined.</summary>
        private (int Status, string Reason)? Take(ref ReadOnlySequence<byte> bytes)
        {
            var receivedAt = endpoint.time.GetUtcNow().UtcTicks;
            long taken = 0;
            foreach (var piece in bytes)
            {
                var rest = piece.Span;
                while (reader.Read(ref rest) is var step and not CmafTrackStep.NeedMoreData)
                {
                    (int, string)? end;
                    switch (step)
                    {
                        case CmafTrackStep.Header when !CmafTags.CanCarry(reader.Track!.Format):
                            return (StatusCodes.Status415UnsupportedMediaType, $"{reader.Track.Format.CodecString} cannot come this way: H.264, H.265, AV1 and AAC can.");
                        case CmafTrackStep.Header when publisher is null:
                            bytes = bytes.Slice(taken + piece.Length - rest.Length);
                            return null;
                        case CmafTrackStep.Header:
                            end = Announce();
                            break;
                        case CmafTrackStep.Sample:
                            if (!CmafTags.TryWrite(tag, reader.Track!, reader.Description, reader.DecodeTime, reader.Sample, out var timestamp))
                                return (StatusCodes.Status400BadRequest, "A sample is shown hours from when it is decoded.");
                            end = Send(timestamp, receivedAt);
                            break;
                        default:
                            return (StatusCodes.Status400BadRequest, reader.Fault!);
                    }
                    if (end is not null)
                        return end;
                }
                taken += piece.Length;
            }
            return null;
        }

        private (int Status, string Reason)? Announce()
        {
            if (publisher!.Announce(track, reader.Track!.Format.Kind) is { } rejection)
                return Refused(rejection);
            CmafTags.WriteHeader(tag, reader.Track);
            return Send(0, endpoint.time.GetUtcNow().UtcTicks);
        }

        private (int Status, string Reason)? Send(uint timestamp, long receivedAt)
        {
            var copy = arena.Copy(tag.WrittenSpan);
            tag.ResetWrittenCount();
            return publisher!.Take(track, copy, timestamp, receivedAt) is { } rejection ? Refused(rejection) : null;
        }

        private static (int Status, string Reason) Refused(PublishRejection rejection) => (StatusOf(rejection.Reason), rejection.Description);
    }
}
