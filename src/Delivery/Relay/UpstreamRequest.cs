namespace Millrace.Delivery.Relay;

/// <summary>What is asked of the parents.</summary>
/// <param name="Target">Path and canonical query.</param>
/// <param name="Path">The path alone: chooses the parent.</param>
/// <param name="Coding">The best content coding that is acceptable; lesser ones are too.</param>
/// <param name="ETag">Of the version that is here, or null.</param>
/// <param name="Loop">The <c>CDN-Loop</c> header.</param>
/// <param name="HedgeAfter">When a second parent is asked as well, from now; null: never.</param>
/// <param name="MayBeHeld">It may be for the future: a parent may take its time, until it is due.</param>
/// <param name="AnswerWithin">How long a parent may take for the head, and for each further piece of the body.</param>
/// <param name="KeepTrying">How long to wait for a parent to come up when none answers; zero gives up at once.</param>
/// <param name="Range">A viewer's <c>Range</c>, for what is not kept; or null.</param>
/// <param name="IfRange">Its <c>If-Range</c>, or null.</param>
/// <param name="Besides">A parent that is asked already, or null.</param>
internal readonly record struct UpstreamRequest(
    string Target, string Path, ContentCoding Coding, string? ETag, string Loop, TimeSpan? HedgeAfter, bool MayBeHeld, TimeSpan AnswerWithin, TimeSpan KeepTrying,
    string? Range = null, string? IfRange = null, Parent? Besides = null)
{
    /// <summary>It is there, or comes next, by what a playlist has said here: a parent that knows nothing of it is behind.</summary>
    public bool IsKnown { get; init; }
}
