using Millrace.Core;

namespace Millrace.Rtmp.Tests;

/// <summary>Writes down what a session reports, one line each, and answers publish as it was told to.</summary>
internal sealed class RecordedEvents : IRtmpServerEvents
{
    public RtmpServerSession? Session { get; set; }

    /// <summary>Called inside OnPublish; null leaves publish unanswered.</summary>
    public Action<RtmpServerSession>? Answer { get; set; } = session => session.AcceptPublish();

    public Action<RtmpServerSession>? OnEachVideo { get; set; }

    public List<string> Lines { get; } = [];

    /// <summary>Keeps media instead of releasing it, when set.</summary>
    public List<MediaBuffer>? Kept { get; set; }

    public ConnectRequest? Connect { get; private set; }

    public List<PublishRequest> Publishes { get; } = [];

    public void OnConnect(ConnectRequest request)
    {
        Connect = request;
        Lines.Add($"connect {request.App} {request.TcUrl} {request.FlashVersion}");
    }

    public void OnPublish(PublishRequest request)
    {
        Publishes.Add(request);
        Lines.Add($"publish {request.StreamName} {request.Type}");
        Answer?.Invoke(Session!);
    }

    public void OnAudio(MediaBuffer payload, uint timestamp) => Take("audio", payload, timestamp);

    public void OnVideo(MediaBuffer payload, uint timestamp)
    {
        Take("video", payload, timestamp);
        OnEachVideo?.Invoke(Session!);
    }

    public void OnData(scoped in DataMessage message)
    {
        var hash = Convert.ToHexString(System.Security.Cryptography.SHA256.HashData(message.Raw)).AsSpan(0, 12);
        Lines.Add($"data {message.Name} {message.Timestamp} {message.Values.Count} {message.SetDataFrame} {hash}");
    }

    public void OnDataRefused(RtmpViolation violation) => Lines.Add($"refused {violation.Fault}");

    public void OnUnpublish(UnpublishReason reason) => Lines.Add($"unpublish {reason}");

    private void Take(string kind, MediaBuffer payload, uint timestamp)
    {
        var hash = Convert.ToHexString(System.Security.Cryptography.SHA256.HashData(payload.Span)).AsSpan(0, 12);
        Lines.Add($"{kind} {timestamp} {payload.Length} {hash}");
        if (Kept is null)
            payload.Release();
        else
            Kept.Add(payload);
    }
}
