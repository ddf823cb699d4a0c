using Millrace.Ingest;
using Millrace.Media;

namespace Millrace.Server.Cmaf;

/// <summary>One track's request, as the others of its channel see it.</summary>
/// <param name="Name">The track's name in the path.</param>
/// <param name="Stop">Cancelled when the request is to end.</param>
internal sealed record CmafTrack(string Name, CancellationTokenSource Stop)
{
    /// <summary>Video or audio; null before its header. Under the publisher's lock.</summary>
    public MediaKind? Kind { get; set; }

    /// <summary>Why it has to end; null while it goes on. Under the publisher's lock.</summary>
    public PublishRejection? Rejection { get; set; }
}
