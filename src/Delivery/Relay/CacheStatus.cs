using System.Globalization;

namespace Millrace.Delivery.Relay;

/// <summary>This node's member of <c>Cache-Status</c> (RFC 9211), behind those of the tiers above.</summary>
public sealed class CacheStatus
{
    private const string WithoutParents = "detail=no-parent-answers";

    private readonly string name;

    /// <param name="name">What the options say; empty is the machine's name.</param>
    public CacheStatus(string name) => this.name = IsName(name) ? name : IsName(Environment.MachineName) ? Environment.MachineName : "millrace";

    /// <summary>Whether a name can stand there as a token (RFC 9651 §3.3.4), without the rarer characters.</summary>
    public static bool IsName(string text) =>
        text.Length is > 0 and <= 63 && char.IsAsciiLetter(text[0]) && text.All(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '_' or '-');

    /// <summary>The header's value.</summary>
    internal string Of(RelayHead head, RelayVerdict verdict, TimeProvider time)
    {
        var own = head switch
        {
            // A parent was asked and none answered: the kept version went out past its time.
            { StaleUntil: not null } => string.Create(CultureInfo.InvariantCulture, $"{name}; fwd=stale; ttl={Seconds(head, time)}; {WithoutParents}"),
            { IsFromDisk: true } => string.Create(CultureInfo.InvariantCulture, $"{name}; hit; ttl={Seconds(head, time)}; detail=disk"),
            { ForwardStatus: null } => $"{name}; fwd={Reason(verdict)}; {WithoutParents}",
            _ when verdict == RelayVerdict.Hit => string.Create(CultureInfo.InvariantCulture, $"{name}; hit; ttl={Seconds(head, time)}"),
            _ => string.Create(CultureInfo.InvariantCulture,
                $"{name}; fwd={(head.IsRevalidated ? "stale" : Reason(verdict))}; fwd-status={head.ForwardStatus}{(verdict == RelayVerdict.Collapsed ? "; collapsed" : "")}{(head.MayStore && !head.IsPassed ? "; stored" : "")}"),
        };
        return head.CacheStatus is null ? own : $"{head.CacheStatus}, {own}";
    }

    /// <summary>The value when nobody was asked.</summary>
    public string OfRefusal(string detail) => $"{name}; detail={detail}";

    /// <summary>Whether an answer was kept by a tier above that found no parent to ask.</summary>
    internal static bool IsWithoutParents(HttpResponseMessage answer) =>
        answer.Headers.NonValidated.TryGetValues("Cache-Status", out var values) && values.ToString().Contains(WithoutParents, StringComparison.Ordinal);

    private static string Reason(RelayVerdict verdict) => verdict == RelayVerdict.Stale ? "stale" : "uri-miss";

    private static long Seconds(RelayHead head, TimeProvider time) => (long)Math.Floor(head.TimeToLive(time).TotalSeconds);
}
