using System.Buffers;
using System.Text;

namespace Millrace.Delivery;

/// <summary>What the beginning of a connection's bytes is.</summary>
internal enum HeadStatus
{
    /// <summary>A request for media that the direct path answers.</summary>
    Complete,

    /// <summary>It may become one.</summary>
    Incomplete,

    /// <summary>Anything else, valid or not: Kestrel reads it, from its first byte, and decides.</summary>
    Foreign,
}

/// <summary>
/// The head of an HTTP/1.1 request for media (RFC 9112 §2 to §6), read in place. It understands a plain part of the grammar,
/// of which Kestrel accepts every sentence, and leaves all else to Kestrel: other methods and paths, percent-encoding, bodies
/// of any framing, upgrades, HTTP/1.0, folded or repeated or non-ASCII fields, doubtful line ends, heads beyond the limits.
/// So there is one judge of what is malformed, and nothing to smuggle past: a head with a body is never taken here.
/// </summary>
/// <remarks>
/// Slices refer to the input. Nothing is allocated; the cost is linear in the head's length, at most <see cref="MaxBytes"/>.
/// </remarks>
internal readonly ref struct RequestHead
{
    /// <summary>Longest head with its empty line, bytes: what Kestrel is told to take, in all.</summary>
    public const int MaxBytes = MaxLineBytes + MaxFieldBytes;

    // Below the limits that ServerHost gives Kestrel (4096, 16 KiB, 64): what is close to them is Kestrel's to count.
    private const int MaxLineBytes = 4000;
    private const int MaxFieldBytes = 16 * 1024 - 96;
    private const int MaxFields = 60;

    private static readonly SearchValues<byte> PathBytes =
        SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/"u8);
    private static readonly SearchValues<byte> QueryBytes =
        SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/?:@!$&'()*+,;=%"u8);
    // tchar, RFC 9110 §5.6.2.
    private static readonly SearchValues<byte> NameBytes =
        SearchValues.Create("!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"u8);
    private static readonly SearchValues<byte> HostBytes =
        SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-."u8);

    /// <summary>Bytes of the head, its empty line included.</summary>
    public int Length { get; private init; }

    /// <summary>HEAD rather than GET.</summary>
    public bool IsHead { get; private init; }

    /// <summary>Connection: close.</summary>
    public bool Closes { get; private init; }

    /// <summary>The path: a media one by its first letters, without encoding and dot segments.</summary>
    public ReadOnlySpan<byte> Path { get; private init; }

    /// <summary>The query without its question mark; empty when there is none.</summary>
    public ReadOnlySpan<byte> Query { get; private init; }

    /// <summary>If-None-Match; empty when it is not there, as the following.</summary>
    public ReadOnlySpan<byte> IfNoneMatch { get; private init; }

    /// <summary>If-Modified-Since.</summary>
    public ReadOnlySpan<byte> IfModifiedSince { get; private init; }

    /// <summary>Range.</summary>
    public ReadOnlySpan<byte> Range { get; private init; }

    /// <summary>If-Range.</summary>
    public ReadOnlySpan<byte> IfRange { get; private init; }

    /// <summary>Accept-Encoding.</summary>
    public ReadOnlySpan<byte> AcceptEncoding { get; private init; }

    /// <summary>CDN-Loop.</summary>
    public ReadOnlySpan<byte> Loop { get; private init; }

    /// <summary>Reads a head from the beginning of what a connection brought.</summary>
    public static HeadStatus TryRead(ReadOnlySpan<byte> input, out RequestHead head)
    {
        head = default;
        // 1. Whether it can become a head of ours, from its first byte on: nobody waits for more of what is foreign.
        var isHead = input.Length > 0 && input[0] == 'H';
        var method = isHead ? "HEAD /"u8 : "GET /"u8;
        if (!input.StartsWith(method))
            return method.StartsWith(input) ? HeadStatus.Incomplete : HeadStatus.Foreign;
        var target = input[(method.Length - 1)..];
        if (!target.StartsWith("/b/"u8) && !target.StartsWith("/live/"u8))
            return "/b/"u8.StartsWith(target) || "/live/"u8.StartsWith(target) ? HeadStatus.Incomplete : HeadStatus.Foreign;

        // 2. The request line.
        var lineEnd = input.IndexOf((byte)'\n');
        if (lineEnd < 0)
            return input.Length < MaxLineBytes ? HeadStatus.Incomplete : HeadStatus.Foreign;
        if (lineEnd >= MaxLineBytes || !input[..(lineEnd + 1)].EndsWith(" HTTP/1.1\r\n"u8))
            return HeadStatus.Foreign;
        target = target[..(lineEnd + 1 - (method.Length - 1) - " HTTP/1.1\r\n"u8.Length)];
        var mark = target.IndexOf((byte)'?');
        var path = mark < 0 ? target : target[..mark];
        var query = mark < 0 ? default : target[(mark + 1)..];
        // "/.": Kestrel removes dot segments.
        if (path.ContainsAnyExcept(PathBytes) || path.IndexOf("/."u8) >= 0 || query.ContainsAnyExcept(QueryBytes))
            return HeadStatus.Foreign;

        // 3. The fields.
        var fields = new Fields();
        var status = fields.Read(input, lineEnd + 1, out var length);
        if (status != HeadStatus.Complete)
            return status;
        head = new RequestHead
        {
            Length = length,
            IsHead = isHead,
            Closes = fields.Closes,
            Path = path,
            Query = query,
            IfNoneMatch = fields.IfNoneMatch,
            IfModifiedSince = fields.IfModifiedSince,
            Range = fields.Range,
            IfRange = fields.IfRange,
            AcceptEncoding = fields.AcceptEncoding,
            Loop = fields.Loop,
        };
        return HeadStatus.Complete;
    }

    /// <summary>The same as characters, which are written to <paramref name="space"/>, of at least <see cref="MaxBytes"/>.</summary>
    public MediaRequest ToRequest(Span<char> space) => new()
    {
        Path = Widen(Path, ref space),
        Query = Widen(Query, ref space),
        IfNoneMatch = Widen(IfNoneMatch, ref space),
        IfModifiedSince = Widen(IfModifiedSince, ref space),
        Range = Widen(Range, ref space),
        HasIfRange = !IfRange.IsEmpty,
        IfRange = Widen(IfRange, ref space),
        AcceptEncoding = Widen(AcceptEncoding, ref space),
        Loop = Widen(Loop, ref space),
    };

    private static ReadOnlySpan<char> Widen(scoped ReadOnlySpan<byte> ascii, scoped ref Span<char> space)
    {
        Ascii.ToUtf16(ascii, space, out var written);
        var widened = space[..written];
        space = space[written..];
        return widened;
    }

    private ref struct Fields
    {
        public bool Closes;
        public ReadOnlySpan<byte> IfNoneMatch;
        public ReadOnlySpan<byte> IfModifiedSince;
        public ReadOnlySpan<byte> Range;
        public ReadOnlySpan<byte> IfRange;
        public ReadOnlySpan<byte> AcceptEncoding;
        public ReadOnlySpan<byte> Loop;
        private bool hasConnection;
        private bool hasHost;

        /// <summary>Reads from <paramref name="start"/> to the empty line; <paramref name="end"/> is behind it.</summary>
        public HeadStatus Read(ReadOnlySpan<byte> input, int start, out int end)
        {
            end = start;
            for (var count = 0; ; count++)
            {
                var rest = input[end..];
                var line = rest.IndexOf((byte)'\n');
                if (line < 0)
                    return input.Length - start < MaxFieldBytes ? HeadStatus.Incomplete : HeadStatus.Foreign;
                if (line == 0 || rest[line - 1] != '\r')
                    return HeadStatus.Foreign;
                end += line + 1;
                if (end - start > MaxFieldBytes || count > MaxFields)
                    return HeadStatus.Foreign;
                if (line == 1)
                    return hasHost ? HeadStatus.Complete : HeadStatus.Foreign;
                if (!TryTake(rest[..(line - 1)]))
                    return HeadStatus.Foreign;
            }
        }

        private bool TryTake(ReadOnlySpan<byte> line)
        {
            var colon = line.IndexOf((byte)':');
            // A line that begins with white space continues the one before: obsolete, and its name is none here.
            if (colon <= 0 || line[..colon].ContainsAnyExcept(NameBytes))
                return false;
            var value = line[(colon + 1)..].Trim(" \t"u8);
            if (value.ContainsAnyExceptInRange((byte)' ', (byte)'~'))
                return false;
            return TryTake(line[..colon], value);
        }

        private bool TryTake(ReadOnlySpan<byte> name, ReadOnlySpan<byte> value)
        {
            switch (name.Length)
            {
                case 4 when Is(name, "host"u8):
                    if (hasHost || !IsHost(value))
                        return false;
                    hasHost = true;
                    return true;
                case 5 when Is(name, "range"u8):
                    return TrySet(ref Range, value);
                case 6 when Is(name, "expect"u8):
                    return false;
                case 7 when Is(name, "upgrade"u8):
                    return false;
                case 8 when Is(name, "if-match"u8):
                    return false;
                case 8 when Is(name, "cdn-loop"u8):
                    return TrySet(ref Loop, value);
                case 8 when Is(name, "if-range"u8):
                    return TrySet(ref IfRange, value);
                case 10 when Is(name, "connection"u8):
                    var closes = Is(value, "close"u8);
                    if (hasConnection || !(closes || Is(value, "keep-alive"u8)))
                        return false;
                    hasConnection = true;
                    Closes = closes;
                    return true;
                case 13 when Is(name, "if-none-match"u8):
                    return TrySet(ref IfNoneMatch, value);
                case 14 when Is(name, "content-length"u8):
                    return false;
                case 14 when Is(name, "http2-settings"u8):
                    return false;
                case 15 when Is(name, "accept-encoding"u8):
                    return TrySet(ref AcceptEncoding, value);
                case 16 when Is(name, "proxy-connection"u8):
                    return false;
                case 17 when Is(name, "if-modified-since"u8):
                    return TrySet(ref IfModifiedSince, value);
                case 17 when Is(name, "transfer-encoding"u8):
                    return false;
                case 19 when Is(name, "if-unmodified-since"u8):
                    return false;
                default:
                    return true;
            }
        }

        // A name or an address with an optional port (RFC 3986 §3.2.2), without an IPv6 literal's brackets.
        private static bool IsHost(ReadOnlySpan<byte> value)
        {
            var colon = value.IndexOf((byte)':');
            var name = colon < 0 ? value : value[..colon];
            var port = colon < 0 ? "80"u8 : value[(colon + 1)..];
            return !name.IsEmpty && !name.ContainsAnyExcept(HostBytes)
                && port.Length is > 0 and <= 5 && !port.ContainsAnyExceptInRange((byte)'0', (byte)'9');
        }

        // Once, and not empty: what an absent field and an empty one differ in is not known here.
        private static bool TrySet(ref ReadOnlySpan<byte> field, ReadOnlySpan<byte> value)
        {
            if (!field.IsEmpty || value.IsEmpty)
                return false;
            field = value;
            return true;
        }

        private static bool Is(ReadOnlySpan<byte> text, ReadOnlySpan<byte> lower) => Ascii.EqualsIgnoreCase(text, lower);
    }
}
