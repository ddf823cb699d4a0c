using System.Globalization;
using System.Text;
using Microsoft.AspNetCore.Http;
using Millrace.Hls;

namespace Millrace.Delivery.Relay;

/// <summary>
/// Decides what a relay answers: which object a request is for, and its status, headers, conditions and range. Knows neither
/// sockets nor Kestrel, and waits for nothing.
/// </summary>
internal sealed class RelayDecisions(RelayNode node)
{
    /// <summary>
    /// The object that a GET or HEAD is for; or false and a refusal. Names, loops, directives: all of this is settled here and
    /// troubles no parent.
    /// </summary>
    public bool TryRead(string path, in MediaRequest request, out RelayKey key, out MediaAnswer refusal)
    {
        key = default;
        refusal = default;
        if (!RelayPath.IsWellFormed(path))
        {
            refusal = Refuse(StatusCodes.Status404NotFound, "name", "There is no such object.\n");
            return false;
        }
        // As large as the broadcast and named by its query: nothing to keep, and nothing to collapse.
        if (path.EndsWith("/download.mp4", StringComparison.Ordinal))
        {
            refusal = Refuse(StatusCodes.Status404NotFound, "download", "A relay has no downloads: ask the origin.\n");
            return false;
        }
        if (node.Loops.IsLoop(request.Loop))
        {
            refusal = Refuse(StatusCodes.Status508LoopDetected, "loop", "The request came through this relay before.\n");
            return false;
        }
        var coding = RelayPath.IsText(path) ? AcceptEncoding.ChooseWithLesser(request.AcceptEncoding) : ContentCoding.Identity;
        key = RelayKey.Of(path, coding);
        if (!RelayPath.IsPlaylist(path))
        {
            node.Directories.NoteMedia(path);
            return true;
        }
        if (!HlsDirectives.TryParse(request.Query, out var directives, out var fault))
        {
            refusal = Refuse(StatusCodes.Status400BadRequest, "directives", fault + "\n");
            return false;
        }
        key = RelayKey.Of(path, directives, coding);
        return true;
    }

    /// <summary>The answer from an object with a head, with conditions (RFC 9110 §13) and range (§14). The body is the caller's to hold.</summary>
    public MediaAnswer Answer(in MediaRequest request, RelayObject item, RelayBody body, RelayVerdict verdict)
    {
        var head = item.Head!;
        if (head.IsImmutable && (verdict == RelayVerdict.Hit || head.IsFromDisk))
            node.Viewers.Served(item, isRelay: !request.Loop.IsEmpty);
        var length = body.IsComplete && !head.IsPassed ? body.Length : head.Length;
        var answer = new MediaAnswer { Status = head.Status, CacheControl = head.CacheControl, ETag = head.ETag, Relayed = FieldsOf(item, head, verdict) };
        // What is passed through by another request may be longer, and has its ranges from the parent.
        var (from, to) = (0, (int)Math.Min(length ?? int.MaxValue, int.MaxValue));
        if (head.Status == StatusCodes.Status200OK)
        {
            var modified = request.AsksByDate ? HttpDate.Parse(head.LastModified) : null;
            if (request.IsForAnother(head.ETag, modified))
                return Refuse(StatusCodes.Status412PreconditionFailed, "precondition", MediaDecisions.OtherVersion);
            if (IsNotModified(request, head, modified))
                return answer with { Status = StatusCodes.Status304NotModified };
            // A range needs a length. While it is not known, the whole object goes out (§14.2 allows that).
            if (length is not null)
            {
                answer = answer with { TakesRanges = true };
                // If-Range: the client holds a piece of another version, so it gets the whole of this one (§13.1.5).
                var isRange = !head.IsPassed && (!request.HasIfRange || (head.ETag is not null && request.IfRange.SequenceEqual(head.ETag)));
                var range = new ByteRange(0, to);
                switch (isRange ? ByteRange.Parse(request.Range, to, out range) : ByteRange.Kind.Ignored)
                {
                    case ByteRange.Kind.Satisfiable:
                        answer = answer with
                        {
                            Status = StatusCodes.Status206PartialContent,
                            ContentRange = string.Create(CultureInfo.InvariantCulture, $"bytes {range.From}-{range.To - 1}/{length}"),
                        };
                        (from, to) = (range.From, range.To);
                        break;
                    case ByteRange.Kind.Unsatisfiable:
                        RelayMetrics.CountRefused("range");
                        return answer with
                        {
                            Status = StatusCodes.Status416RangeNotSatisfiable,
                            ContentRange = string.Create(CultureInfo.InvariantCulture, $"bytes */{length}"),
                            CacheControl = Freshness.NoStore,
                            ContentLength = 0,
                        };
                }
            }
        }
        return answer with
        {
            ContentType = head.ContentType,
            ContentEncoding = head.ContentEncoding,
            ContentDisposition = head.ContentDisposition,
            ContentLength = head.IsPassed ? length : length is null ? null : to - from,
            Body = body,
            From = from,
            To = to,
        };
    }

    /// <summary>Too much is under way.</summary>
    public MediaAnswer Busy(string reason)
    {
        var answer = Refuse(StatusCodes.Status503ServiceUnavailable, reason, "Too much is under way here.\n");
        return answer with { Relayed = answer.Relayed! with { RetryAfter = "1" } };
    }

    /// <summary>A refusal in words; counted.</summary>
    public MediaAnswer Refuse(int status, string reason, string text)
    {
        RelayMetrics.CountRefused(reason);
        var bytes = Encoding.UTF8.GetBytes(text);
        return new MediaAnswer
        {
            Status = status,
            ContentType = "text/plain; charset=utf-8",
            CacheControl = Freshness.NoStore,
            ContentLength = bytes.Length,
            Pieces = [bytes],
            Relayed = new RelayFields(node.Status.OfRefusal(reason)),
        };
    }

    private RelayFields FieldsOf(RelayObject item, RelayHead head, RelayVerdict verdict)
    {
        // Without an Age the answer counts as the origin's own, made for this request (RFC 9111 §5.1).
        var hasAge = verdict == RelayVerdict.Hit || head.StaleUntil is not null || head.InitialAge > TimeSpan.Zero;
        var age = (long)head.Age(node.Time).TotalSeconds;
        var left = (long)Math.Floor(head.TimeToLive(node.Time).TotalSeconds);
        // What a crowd is told changes once a second.
        if (verdict == RelayVerdict.Hit && item.HitFields is { } known && known.Age == age && known.Left == left)
            return known.Fields;
        var fields = new RelayFields(
            node.Status.Of(head, verdict, node.Time),
            hasAge ? age.ToString(CultureInfo.InvariantCulture) : null,
            head.Date,
            head.StaleUntil is not null || head.IsStaleAbove ? "110 - \"Response is Stale\"" : null)
        {
            LastModified = head.LastModified,
            RetryAfter = head.RetryAfter,
            Vary = head.Vary,
        };
        if (verdict == RelayVerdict.Hit)
            item.HitFields = new HitFields(age, left, fields);
        return fields;
    }

    private static bool IsNotModified(in MediaRequest request, RelayHead head, DateTimeOffset? modified)
    {
        if (!request.IfNoneMatch.IsEmpty)
            return head.ETag is not null && EntityTag.Matches(request.IfNoneMatch, head.ETag);
        return HttpDate.IsUnchanged(request.IfModifiedSince, modified);
    }
}
