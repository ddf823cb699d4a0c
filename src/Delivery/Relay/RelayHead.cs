using System.Globalization;
using System.Net.Http.Headers;

namespace Millrace.Delivery.Relay;

/// <summary>The head of an answer: what is handed on of it, and what the cache needs to know. Immutable.</summary>
internal sealed record RelayHead
{
    public required int Status { get; init; }

    /// <summary>Declared bytes of the body, or null.</summary>
    public long? Length { get; init; }

    public string? ContentType { get; init; }

    public string? ContentEncoding { get; init; }

    public string? ContentDisposition { get; init; }

    public string? CacheControl { get; init; }

    public string? ETag { get; init; }

    public string? LastModified { get; init; }

    public string? Vary { get; init; }

    public string? Date { get; init; }

    public string? RetryAfter { get; init; }

    /// <summary>What the tiers above wrote into <c>Cache-Status</c>, or null.</summary>
    public string? CacheStatus { get; init; }

    /// <summary>The parent's status for this head; null when no parent answered.</summary>
    public int? ForwardStatus { get; init; }

    /// <summary>Its name never gets another content: an interrupted body may be gone on with elsewhere.</summary>
    public bool IsImmutable { get; init; }

    /// <summary>It is too large to be kept: whoever wants its bytes fetches them (<see cref="RelayPassage"/>). Of the object only the head is here.</summary>
    public bool IsPassed { get; init; }

    /// <summary>It comes from this node's disk.</summary>
    public bool IsFromDisk { get; init; }

    /// <summary>It may be kept.</summary>
    public bool MayStore { get; init; }

    /// <summary>It may be used stale when no parent answers.</summary>
    public bool MayBeStale { get; init; }

    /// <summary>It is used stale, because no parent answers, until this timestamp, when one is asked again; null when it is not.</summary>
    public long? StaleUntil { get; init; }

    /// <summary>A tier above used it stale, because none of its own parents answered.</summary>
    public bool IsStaleAbove { get; init; }

    /// <summary>It was kept, and a parent said that it still holds.</summary>
    public bool IsRevalidated { get; init; }

    /// <summary>How long it is fresh, from when it was made.</summary>
    public TimeSpan Lifetime { get; init; }

    /// <summary>Its age when it came here.</summary>
    public TimeSpan InitialAge { get; init; }

    /// <summary>When it came here: the <see cref="TimeProvider"/>'s timestamp.</summary>
    public long ReceivedAt { get; init; }

    /// <summary>A parent's answer. RFC 9111 §4.2 for freshness; errors have the lifetime <paramref name="errorTtl"/>.</summary>
    public static RelayHead Of(HttpResponseMessage answer, TimeProvider time, TimeSpan errorTtl)
    {
        var status = (int)answer.StatusCode;
        var text = Value(answer.Headers, "Cache-Control");
        var control = Relay.CacheControl.Parse(text);
        var isGood = status == 200;
        var vary = Value(answer.Headers, "Vary");
        // What varies by anything but the coding has no key here.
        var mayShare = vary is null || vary.Equals("Accept-Encoding", StringComparison.OrdinalIgnoreCase);
        return new RelayHead
        {
            Status = status,
            Length = answer.Content.Headers.ContentLength,
            ContentType = Value(answer.Content.Headers, "Content-Type"),
            ContentEncoding = Value(answer.Content.Headers, "Content-Encoding"),
            ContentDisposition = Value(answer.Content.Headers, "Content-Disposition"),
            CacheControl = text,
            ETag = Value(answer.Headers, "ETag"),
            LastModified = Value(answer.Content.Headers, "Last-Modified"),
            Vary = vary,
            Date = Value(answer.Headers, "Date"),
            RetryAfter = Value(answer.Headers, "Retry-After"),
            CacheStatus = Value(answer.Headers, "Cache-Status"),
            ForwardStatus = status,
            IsStaleAbove = status is 200 or 304 && Relay.CacheStatus.IsWithoutParents(answer),
            IsImmutable = isGood && control.Immutable,
            // An error that many ask for is asked for once in a short while, whatever it says about itself: both ends are ours.
            MayStore = isGood ? !control.NoStore && mayShare : errorTtl > TimeSpan.Zero,
            MayBeStale = isGood && !control.NoStore && !control.MustRevalidate,
            Lifetime = !isGood ? errorTtl : control.NoCache || control.NoStore ? TimeSpan.Zero : TimeSpan.FromSeconds(control.MaxAge ?? 0),
            InitialAge = !isGood ? TimeSpan.Zero : answer.Headers.Age is { } age && age > TimeSpan.Zero ? age : TimeSpan.Zero,
            ReceivedAt = time.GetTimestamp(),
        };
    }

    /// <summary>Another parent's answer is the same object: a body that broke off goes on with it.</summary>
    public bool IsSame(RelayHead other) => other.Status == 200 && other.ETag == ETag && other.IsImmutable && (Length is null || Length == other.Length);

    /// <summary>Age now (RFC 9111 §4.2.3, without the correction for a clock that is not ours).</summary>
    public TimeSpan Age(TimeProvider time) => InitialAge + time.GetElapsedTime(ReceivedAt);

    /// <summary>How long it is still fresh; negative when it is not.</summary>
    public TimeSpan TimeToLive(TimeProvider time) => Lifetime - Age(time);

    /// <summary>It may be used without asking a parent.</summary>
    public bool IsUsable(TimeProvider time) =>
        StaleUntil is { } until ? time.GetTimestamp() < until : TimeToLive(time) > TimeSpan.Zero;

    private static string? Value(HttpHeaders headers, string name) =>
        headers.NonValidated.TryGetValues(name, out var values) ? values.ToString() : null;

    /// <summary>A moment as HTTP writes it.</summary>
    public static string DateText(DateTimeOffset moment) => moment.UtcDateTime.ToString("R", CultureInfo.InvariantCulture);
}
