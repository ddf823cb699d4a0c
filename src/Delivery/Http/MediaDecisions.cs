using System.Globalization;
using System.Text;
using Microsoft.AspNetCore.Http;
using Millrace.Core;
using Millrace.Hls;
using Millrace.Media;
using Millrace.Timeline;

namespace Millrace.Delivery;

/// <summary>
/// Decides what a request for media is answered with: which object, status, headers, conditions, ranges, freshness. Knows
/// neither sockets nor Kestrel, and waits for nothing: what has to come first is said as a <see cref="MediaHold"/>.
/// </summary>
internal sealed class MediaDecisions
{
    internal const string OtherVersion = "This is another version than the one that If-Match or If-Unmodified-Since asks for.\n";

    // Media never change under their name, so one validator does for all of them.
    internal const string MediaETag = "\"1\"";

    // A store that is back is noticed by its first reader; a player that was refused asks about as often by itself.
    private const string StoreRetrySeconds = "5";

    private readonly OriginStore store;
    private readonly TimeProvider time;

    public MediaDecisions(OriginStore store, TimeProvider time)
    {
        this.store = store;
        this.time = time;
    }

    /// <summary>The broadcast that a path is about, or null. One that is over and has to be opened first is <paramref name="closed"/>.</summary>
    public OriginBroadcast? Find(in MediaPath path, out Replay? closed)
    {
        closed = null;
        if (!path.Channel.IsEmpty)
            return store.FindNewest(path.Channel);
        var broadcast = store.Find(path.Broadcast);
        if (path.Object != MediaObject.None && path.Broadcast.Length == BroadcastId.Length && store.Replays.Find(path.Broadcast.ToString()) is { } replay)
        {
            replay.Touch(time);
            if (broadcast is null)
                closed = replay;
        }
        return broadcast;
    }

    /// <summary>The answer, of anything but a picture that is there; or false, and what to wait for before <see cref="After"/>.</summary>
    public static bool TryAnswer(in MediaRequest request, in MediaPath path, OriginBroadcast? broadcast, out MediaAnswer answer, out MediaHold hold)
    {
        hold = null!;
        var kind = path.Object;
        if (kind == MediaObject.None)
            return Answer(Fail(kind, StatusCodes.Status404NotFound, "There is no such media object.\n"), out answer);
        var isFromChannel = !path.Channel.IsEmpty;
        if (broadcast is null)
            return Answer(Fail(kind, StatusCodes.Status404NotFound, isFromChannel ? "Nothing is on air here.\n" : "There is no such broadcast, or no more.\n"), out answer);
        // It ended without any, or this origin was away all the time: another one may have it.
        if (broadcast.IsEnded && !broadcast.Timeline.Read().HasMedia)
            return Answer(Fail(kind, StatusCodes.Status404NotFound, "There is nothing here of this broadcast.\n"), out answer);
        var rendition = path.Rendition.IsEmpty ? null : broadcast.Find(path.Rendition);
        if (rendition is null && !path.Rendition.IsEmpty)
            return Answer(Fail(kind, StatusCodes.Status404NotFound, "The broadcast has no such rendition.\n"), out answer);

        switch (kind)
        {
            // What is on air now; DASH players read the end from the manifest they know, HLS players from the media playlists.
            case MediaObject.MultivariantPlaylist or MediaObject.DvrMultivariantPlaylist when isFromChannel && broadcast.IsEnded:
                return Answer(Fail(kind, StatusCodes.Status404NotFound, "Nothing is on air here.\n"), out answer);
            case MediaObject.DvrMultivariantPlaylist or MediaObject.DvrPlaylist when !broadcast.Playlists.HasDvr:
                return Answer(Fail(kind, StatusCodes.Status404NotFound, "This broadcast cannot be rewound.\n"), out answer);
            case MediaObject.MultivariantPlaylist or MediaObject.DvrMultivariantPlaylist or MediaObject.Manifest:
                // Held until there is something to play: a broadcast is known to be on air a part's duration before. The manifest also
                // until what is made of it here has begun: players do not look for a Representation in a Period that they know.
                if (WholeOf(kind, broadcast, isFromChannel, isWhole: true) is { } whole)
                    return Answer(WholeText(request, kind, broadcast, isFromChannel, whole), out answer);
                hold = new MediaHold(kind, broadcast) { IsFromChannel = isFromChannel };
                break;
            case MediaObject.MediaPlaylist or MediaObject.DvrPlaylist:
                return MediaPlaylist(request, kind, broadcast, rendition!, out answer, out hold);
            case MediaObject.Init:
                return Answer(Init(request, broadcast, rendition!, (int)path.Number), out answer);
            case MediaObject.Segment:
                // The next one: its first part makes it the running one.
                if (Segment(request, broadcast, rendition!, path.Number) is { } segment)
                    return Answer(segment, out answer);
                hold = new MediaHold(kind, broadcast, rendition, path.Number, 0);
                break;
            default:
                // The hinted part: it is answered when it comes (draft-pantos-hls-rfc8216bis §6.2.6).
                if (Part(request, broadcast, rendition!, path.Number, path.Part) is { } part)
                    return Answer(part, out answer);
                hold = new MediaHold(kind, broadcast, rendition, path.Number, path.Part);
                break;
        }
        answer = default;
        return false;
    }

    /// <summary>The answer after the wait. Of the same request; a client that has left gets none.</summary>
    public static MediaAnswer After(in MediaRequest request, MediaHold hold, TimelineWait wait)
    {
        var (kind, broadcast) = (hold.Kind, hold.Broadcast);
        switch (kind)
        {
            case MediaObject.MultivariantPlaylist or MediaObject.DvrMultivariantPlaylist or MediaObject.Manifest:
                return WholeText(request, kind, broadcast, hold.IsFromChannel, WholeOf(kind, broadcast, hold.IsFromChannel, isWhole: false));
            case MediaObject.MediaPlaylist or MediaObject.DvrPlaylist:
                return MediaPlaylistAfter(request, hold, wait);
            default:
                if (wait == TimelineWait.Cancelled)
                    return Fail(kind, StatusCodes.Status503ServiceUnavailable, "It did not come in time.\n");
                if (wait != TimelineWait.Available)
                    return Fail(kind, StatusCodes.Status404NotFound, "There is no such media object, or no more.\n");
                return (kind == MediaObject.Segment
                        ? Segment(request, broadcast, hold.Rendition!, hold.Segment)
                        : Part(request, broadcast, hold.Rendition!, hold.Segment, hold.Part!.Value))
                    ?? Gone(kind);
        }
    }

    private static bool Answer(in MediaAnswer decided, out MediaAnswer answer)
    {
        answer = decided;
        return true;
    }

    private static EncodedText? WholeOf(MediaObject kind, OriginBroadcast broadcast, bool isFromChannel, bool isWhole) => kind == MediaObject.Manifest
        ? broadcast.Playlists.Manifest(isFromChannel, isWhole)
        : broadcast.Playlists.Multivariant(isFromChannel, kind == MediaObject.DvrMultivariantPlaylist);

    private static MediaAnswer WholeText(in MediaRequest request, MediaObject kind, OriginBroadcast broadcast, bool isFromChannel, EncodedText? text) =>
        Text(request, kind, text, broadcast.IsEnded && !isFromChannel ? Freshness.Final : kind == MediaObject.Manifest ? Freshness.NoCache : Freshness.Seconds(1));

    private static bool MediaPlaylist(
        in MediaRequest request, MediaObject kind, OriginBroadcast broadcast, RenditionMedia rendition, out MediaAnswer answer, out MediaHold hold)
    {
        hold = null!;
        answer = default;
        if (!HlsDirectives.TryParse(request.Query, out var directives, out var fault))
            return Answer(Fail(kind, StatusCodes.Status400BadRequest, fault + "\n"), out answer);
        if (directives.Segment is { } segment)
        {
            hold = new MediaHold(kind, broadcast, rendition, segment, directives.Part) { Skip = directives.Skip };
            return false;
        }
        // Held until it has a segment: hls.js takes a playlist with nothing but parts for an error, and asks again a second later.
        if (broadcast.Timeline.Read(rendition.Name) is { IsEnded: false, IsSuspended: false, Segments.Count: 0 } young)
        {
            hold = new MediaHold(kind, broadcast, rendition, young.NextSegment) { IsFirstLook = true, Skip = directives.Skip };
            return false;
        }
        return Answer(MediaText(request, kind, broadcast, rendition, directives.Skip, Polled(broadcast)), out answer);
    }

    private static MediaAnswer MediaPlaylistAfter(in MediaRequest request, MediaHold hold, TimelineWait wait)
    {
        var (kind, broadcast) = (hold.Kind, hold.Broadcast);
        string freshness;
        switch (wait)
        {
            case var _ when hold.IsFirstLook:
                freshness = Polled(broadcast);
                break;
            case TimelineWait.Available or TimelineWait.Ended:
                // The answer to that very question never gets better, so caches may keep it until nobody asks any more
                // (draft-pantos-hls-rfc8216bis, Appendix B).
                freshness = Freshness.Seconds(6 * broadcast.Timeline.Contract.TargetDuration);
                break;
            case TimelineWait.TooFarInTheFuture:
                return Fail(kind, StatusCodes.Status400BadRequest, "_HLS_msn or _HLS_part is too far in the future.\n");
            case TimelineWait.Cancelled when broadcast.Timeline.Read().IsSuspended:
                // The publisher may come back: a player that got an error now would give up.
                freshness = Freshness.NoCache;
                break;
            case TimelineWait.Cancelled:
                return Fail(kind, StatusCodes.Status503ServiceUnavailable, "The playlist did not get there in time.\n");
            default:
                return Fail(kind, StatusCodes.Status404NotFound, "The broadcast has no such rendition.\n");
        }
        return MediaText(request, kind, broadcast, hold.Rendition!, hold.Skip, freshness);
    }

    private static MediaAnswer MediaText(
        in MediaRequest request, MediaObject kind, OriginBroadcast broadcast, RenditionMedia rendition, PlaylistSkip skip, string freshness) =>
        Text(request, kind, broadcast.Playlists.Media(rendition, kind == MediaObject.DvrPlaylist, skip), broadcast.IsEnded ? Freshness.Final : freshness);

    // Half a target duration collapses a crowd without making anyone late.
    private static string Polled(OriginBroadcast broadcast) => Freshness.Seconds(Math.Max(1, broadcast.Timeline.Contract.TargetDuration / 2));

    private static MediaAnswer Init(in MediaRequest request, OriginBroadcast broadcast, RenditionMedia rendition, int number)
    {
        if (broadcast.Init(rendition.Name, number) is not { } init)
            return Fail(MediaObject.Init, StatusCodes.Status404NotFound, "There is no such init segment.\n");
        return Media(request, MediaObject.Init, broadcast, rendition, segment: null, init.Length, out var range) with { Pieces = [init[range.From..range.To]] };
    }

    private static MediaAnswer? Part(in MediaRequest request, OriginBroadcast broadcast, RenditionMedia rendition, long number, int part)
    {
        if (!rendition.TryFindPart(number, part, out var segment, out var from, out var to))
            return null;
        return Media(request, MediaObject.Part, broadcast, rendition, number, to - from, out var range) with
        {
            Segment = segment,
            From = from + range.From,
            To = from + range.To,
        };
    }

    private static MediaAnswer? Segment(in MediaRequest request, OriginBroadcast broadcast, RenditionMedia rendition, long number)
    {
        if (!rendition.TryFind(number, out var segment, out var length, out var isComplete))
            return null;
        if (isComplete)
        {
            return Media(request, MediaObject.Segment, broadcast, rendition, number, length, out var range) with
            {
                Segment = segment,
                From = range.From,
                To = range.To,
            };
        }
        // The running segment: what there is of it, then each part as it comes, in one response of unknown length (DASH-IF,
        // low-latency modes: availabilityTimeComplete=false). A cache may keep it when it ends properly.
        return new MediaAnswer
        {
            Kind = MediaObject.Segment,
            Status = StatusCodes.Status200OK,
            ContentType = ContentTypeOf(broadcast, rendition),
            CacheControl = Freshness.Immutable,
            ETag = MediaETag,
            Segment = segment,
            IsRunning = true,
        };
    }

    /// <summary>A media object's answer without its body, with conditions and range.</summary>
    /// <param name="segment">Media sequence number of the segment that it is, or belongs to; null for an init segment.</param>
    private static MediaAnswer Media(
        in MediaRequest request, MediaObject kind, OriginBroadcast broadcast, RenditionMedia rendition, long? segment, int length, out ByteRange range)
    {
        range = new ByteRange(0, length);
        // What has a name never changes: it is as old as its first frame, at every origin.
        var madeAt = segment is { } number ? broadcast.Timeline.Read(rendition.Name)?.Find(number)?.WallClock : null;
        var answer = new MediaAnswer
        {
            Kind = kind, Status = StatusCodes.Status200OK, CacheControl = Freshness.Immutable, ETag = MediaETag, TakesRanges = true,
            LastModified = madeAt?.ToString("R", CultureInfo.InvariantCulture),
        };
        if (request.IsForAnother(MediaETag, madeAt))
            return Fail(kind, StatusCodes.Status412PreconditionFailed, OtherVersion);
        if (EntityTag.Matches(request.IfNoneMatch, MediaETag) || (request.IfNoneMatch.IsEmpty && HttpDate.IsUnchanged(request.IfModifiedSince, madeAt)))
            return answer with { Status = StatusCodes.Status304NotModified };
        // If-Range: the client holds a piece of another version, so it gets the whole of this one (RFC 9110 §13.1.5).
        var isRange = !request.HasIfRange || request.IfRange is MediaETag;
        switch (isRange ? ByteRange.Parse(request.Range, length, out range) : ByteRange.Kind.Ignored)
        {
            case ByteRange.Kind.Unsatisfiable:
                return answer with
                {
                    Status = StatusCodes.Status416RangeNotSatisfiable,
                    ContentRange = string.Create(CultureInfo.InvariantCulture, $"bytes */{length}"),
                    // It answers this request's range; the name stands for the media.
                    CacheControl = Freshness.NoStore,
                    ContentLength = 0,
                };
            case ByteRange.Kind.Satisfiable:
                answer = answer with
                {
                    Status = StatusCodes.Status206PartialContent,
                    ContentRange = string.Create(CultureInfo.InvariantCulture, $"bytes {range.From}-{range.To - 1}/{length}"),
                };
                break;
        }
        return answer with { ContentType = ContentTypeOf(broadcast, rendition), ContentLength = range.To - range.From };
    }

    private static string ContentTypeOf(OriginBroadcast broadcast, RenditionMedia rendition) =>
        broadcast.Timeline.Read(rendition.Name)?.Format.Kind == MediaKind.Audio ? "audio/mp4" : "video/mp4";

    /// <summary>A playlist, manifest or index; null is none yet.</summary>
    public static MediaAnswer Text(in MediaRequest request, MediaObject kind, EncodedText? text, string cacheControl)
    {
        if (text is null)
            return Fail(kind, StatusCodes.Status404NotFound, "There is nothing to play yet.\n");
        var coding = AcceptEncoding.Choose(request.AcceptEncoding, text.IsPrepared ? ContentCoding.Gzip : ContentCoding.Brotli);
        var tag = text.ETag(coding);
        var answer = new MediaAnswer { Kind = kind, Status = StatusCodes.Status200OK, CacheControl = cacheControl, ETag = tag, VariesByEncoding = true };
        if (request.IsForAnother(tag, null))
            return Fail(kind, StatusCodes.Status412PreconditionFailed, OtherVersion);
        if (EntityTag.Matches(request.IfNoneMatch, tag))
            return answer with { Status = StatusCodes.Status304NotModified };
        var pieces = text.Pieces(coding);
        var length = 0L;
        foreach (var piece in pieces)
            length += piece.Length;
        return answer with
        {
            ContentType = kind switch
            {
                MediaObject.Manifest => "application/dash+xml",
                MediaObject.SpriteIndex => "text/vtt; charset=utf-8",
                MediaObject.Steering or MediaObject.SteeringDvr or MediaObject.SteeringDash => "application/json",
                _ => "application/vnd.apple.mpegurl",
            },
            ContentLength = length,
            ContentEncoding = coding switch { ContentCoding.Gzip => "gzip", ContentCoding.Brotli => "br", _ => null },
            Pieces = pieces,
        };
    }

    /// <summary>What is asked for exists, and does not come from where it is: another node may have it, and this one in a moment.</summary>
    public static MediaAnswer NotToBeHad(MediaObject kind, string text = "The storage does not hand it out at the moment.\n") =>
        Fail(kind, StatusCodes.Status503ServiceUnavailable, text) with { RetryAfter = StoreRetrySeconds };

    /// <summary>What was decided on could not be opened: it left meanwhile, or the storage does not hand it out.</summary>
    public static MediaAnswer NotOpened(MediaObject kind, IMediaBody body) => body.IsGone ? Gone(kind) : NotToBeHad(kind);

    private static MediaAnswer Gone(MediaObject kind) =>
        Fail(kind, StatusCodes.Status404NotFound, kind == MediaObject.Segment ? "That segment is gone.\n" : "That part is gone.\n");

    /// <summary>A refusal in words.</summary>
    public static MediaAnswer Fail(MediaObject kind, int status, string text) => new()
    {
        Kind = kind,
        Status = status,
        ContentType = "text/plain; charset=utf-8",
        CacheControl = Freshness.NoStore,
        ContentLength = text.Length,
        Pieces = [Encoding.ASCII.GetBytes(text)],
    };
}
