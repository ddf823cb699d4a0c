using Millrace.Core;

namespace Millrace.Ingest;

/// <summary>Decides which channel a publisher may publish to.</summary>
public sealed class Admission
{
    /// <summary>The only application: <c>rtmp://HOST/live/STREAMKEY</c>.</summary>
    public const string Application = "live";

    private readonly IngestOptions options;
    private readonly IStreamKeys? keys;

    /// <param name="options">Who may publish.</param>
    /// <param name="keys">Needed when only keys may.</param>
    public Admission(IngestOptions options, IStreamKeys? keys)
    {
        if (options.Admission == AdmissionMode.Keys && keys is null)
            throw new ArgumentNullException(nameof(keys), "Admission by keys needs someone who knows them.");
        this.options = options;
        this.keys = keys;
    }

    /// <summary>Finds the channel, or the reason to refuse.</summary>
    /// <param name="application">The application that the client connected to, as sent.</param>
    /// <param name="streamName">The stream name of publish, as sent; what follows a <c>?</c> is left out.</param>
    /// <param name="cancellationToken">Ends the look-up when the client goes.</param>
    public async ValueTask<(ChannelName Channel, PublishRejection? Rejection)> DecideAsync(
        string application, string streamName, CancellationToken cancellationToken)
    {
        if (!WithoutQuery(application).Trim('/').Equals(Application, StringComparison.Ordinal))
        {
            return (default, new PublishRejection(PublishRejectionReason.WrongApplication,
                $"The server address must end with /{Application}."));
        }
        var name = WithoutQuery(streamName);
        if (options.Admission == AdmissionMode.Open)
        {
            return ChannelName.TryParse(name, out var open)
                ? (open, null)
                : (default, new PublishRejection(PublishRejectionReason.BadChannelName, $"The stream key is the channel's name here, and {ChannelName.Rule}."));
        }
        // An empty key is the encoder's empty field: say so at once.
        if (name.Length == 0)
            return (default, new PublishRejection(PublishRejectionReason.WrongKey, "The stream key is missing.", options.WrongKeyDelay));
        if (await keys!.FindChannelAsync(name, cancellationToken).ConfigureAwait(false) is { } channel)
            return (channel, null);
        return (default, new PublishRejection(PublishRejectionReason.WrongKey, "The stream key is wrong.", options.WrongKeyDelay));
    }

    private static string WithoutQuery(string text) =>
        text.IndexOf('?', StringComparison.Ordinal) is >= 0 and var query ? text[..query] : text;
}
