using System.Globalization;
using System.Text.RegularExpressions;

namespace Millrace.Server.Tests.Http;

/// <summary>
/// What no player sends, at the ports of a real origin and a real relay, with TLS and without: refused with the right status, counted,
/// and kept from nobody.
/// </summary>
public sealed partial class HostileHttpTests(HostileNodes nodes) : IClassFixture<HostileNodes>
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    public static TheoryData<string> Ports => ["origin http", "origin https", "relay http", "relay https"];

    [Theory]
    [MemberData(nameof(Ports))]
    public async Task Message_WithTwoLengthsOrAnAmbiguousOne_IsRefusedAndNothingBehindItIsHeard(string port)
    {
        var before = await MetricsAsync(port);
        string[] framings =
        [
            "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", "Content-Length: 0\r\nTransfer-Encoding: chunked\r\n",
            "Transfer-Encoding: chunked\r\n", "Content-Length: 5\r\n", "Content-Length: 5\r\nContent-Length: 6\r\n", "Content-Length: 5, 5\r\n", "Content-Length: -1\r\n",
            "Content-Length : 5\r\n", "Content-Length: 5\r\n : chunked\r\n", "Transfer-Encoding: xchunked\r\n", "Transfer-Encoding: chunked, identity\r\n",
            "Transfer-Encoding: identity, chunked\r\n", "Transfer-Encoding:\r\n chunked\r\n", "Transfer-Encoding : chunked\r\n",
        ];
        foreach (var framing in framings)
        {
            foreach (var path in (string[])[nodes.Segment, nodes.Segment.Replace("0.m4s", "live.m3u8", StringComparison.Ordinal), "/health/ready"])
            {
                var answer = await nodes.AskAsync(port, $"GET {path} HTTP/1.1\r\nHost: a\r\n{framing}\r\n0\r\n\r\nGET {nodes.Segment} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
                Assert.Equal((400, 1, framing), (Status(answer), Statuses().Count(answer), framing));
            }
        }
        // Also where a body belongs.
        Assert.Equal(400, Status(await nodes.AskAsync(port, "POST /internal/purge HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")));
        // Three framings have both lengths, one chunks and one a length where no body belongs; the others Kestrel counts as connections' ends.
        await CountedAsync(port, text => Refused(text, "two_lengths") - Refused(before, "two_lengths") >= 10
            && Refused(text, "unexpected_body") - Refused(before, "unexpected_body") >= 6);
        await AssertUnharmedAsync(port);
    }

    [Theory]
    [MemberData(nameof(Ports))]
    public async Task Head_OverALimit_IsRefusedAndCounted(string port)
    {
        foreach (var path in (string[])[nodes.Segment, "/health/ready"])
        {
            Assert.Equal(431, Status(await nodes.AskAsync(port, $"GET {path} HTTP/1.1\r\nHost: a\r\n{string.Concat(Enumerable.Range(0, 65).Select(index => $"X-{index}: 1\r\n"))}\r\n")));
            Assert.Equal(431, Status(await nodes.AskAsync(port, $"GET {path} HTTP/1.1\r\nHost: a\r\nX-Large: {new string('a', 16 * 1024)}\r\n\r\n")));
            Assert.Equal(414, Status(await nodes.AskAsync(port, $"GET {path}?{new string('a', 4096)} HTTP/1.1\r\nHost: a\r\n\r\n")));
        }
        // One for media that does not come to its end.
        Assert.Equal(408, Status(await nodes.AskAsync(port, $"GET {nodes.Segment} HTTP/1.1\r\nHost: a\r\nX-Slow: ")));
        await CountedAsync(port, text => ((string[])["max_request_headers_total_size_exceeded", "max_request_header_count_exceeded", "invalid_request_line", "request_headers_timeout"])
            .All(error => text.Contains($"error_type=\"{error}\"", StringComparison.Ordinal)));
        await AssertUnharmedAsync(port);
    }

    [Theory]
    [MemberData(nameof(Ports))]
    public async Task Range_HoweverAbsurd_IsAnsweredAsTheSpecificationSays(string port)
    {
        var length = nodes.Length.ToString(CultureInfo.InvariantCulture);
        // RFC 9110 §14.2: what is no range of bytes, or more than one, may be ignored; §14.4 and §15.5.17 for the others.
        foreach (var (range, status, content) in ((string, int, string?)[])
        [
            ("bytes=0-1", 206, $"bytes 0-1/{length}"), ("bytes=0-999999999999999", 206, $"bytes 0-{nodes.Length - 1}/{length}"),
            ("bytes=-999999999999999", 206, $"bytes 0-{nodes.Length - 1}/{length}"), ("bytes=-1", 206, $"bytes {nodes.Length - 1}-{nodes.Length - 1}/{length}"),
            ("bytes=999999999-", 416, $"bytes */{length}"), ($"bytes={length}-", 416, $"bytes */{length}"), ("bytes=-0", 416, $"bytes */{length}"),
            ("bytes=0-99999999999999999999", 206, $"bytes 0-{nodes.Length - 1}/{length}"), ("bytes=9223372036854775807-", 416, $"bytes */{length}"),
            ("bytes=-18446744073709551616", 206, $"bytes 0-{nodes.Length - 1}/{length}"),
            ("bytes=5-2", 200, null), ("bytes=--1", 200, null), ("bytes=0-0,1-1", 200, null), ("bytes=" + string.Join(',', Enumerable.Range(0, 1000).Select(n => $"{n}-{n}")), 200, null),
            ("lines=0-1", 200, null), ("bytes=", 200, null), ("bytes=a-b", 200, null),
        ])
        {
            var answer = await nodes.AskAsync(port, $"GET {nodes.Segment} HTTP/1.1\r\nHost: a\r\nRange: {range}\r\nConnection: close\r\n\r\n");
            Assert.Equal((range, status, content), (range, Status(answer), ContentRange().Match(answer) is { Success: true } match ? match.Groups[1].Value : null));
            Assert.True(status != 200 || HostileNodes.BodyOf(answer).Length == nodes.Length, range);
        }
        await AssertUnharmedAsync(port);
    }

    /// <summary>Whoever asks afterwards gets what there is, the same as from the origin.</summary>
    private async Task AssertUnharmedAsync(string port)
    {
        var request = $"GET {nodes.Segment} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
        var (answer, origin) = (await nodes.AskAsync(port, request), await nodes.AskAsync("origin http", request));
        Assert.Equal((200, HostileNodes.BodyOf(origin)), (Status(answer), HostileNodes.BodyOf(answer)));
        var playlist = request.Replace("0.m4s", "live.m3u8", StringComparison.Ordinal);
        Assert.StartsWith("#EXTM3U", HostileNodes.BodyOf(await nodes.AskAsync(port, playlist)), StringComparison.Ordinal);
    }

    private Task<string> MetricsAsync(string port) => nodes.AskAsync(port, "GET /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");

    /// <summary>Waits for the numbers: a scrape's are kept for a moment, and Kestrel counts a connection when it is done with it, after its client.</summary>
    private async Task CountedAsync(string port, Func<string, bool> isCounted)
    {
        using var limit = new CancellationTokenSource(Patience);
        string text;
        do
        {
            text = await MetricsAsync(port);
            Assert.False(limit.IsCancellationRequested, text);
        }
        while (!isCounted(text));
    }

    private static long Refused(string metrics, string reason) =>
        Regex.Match(metrics, $"millrace_http_refused_total\\{{[^}}]*reason=\"{reason}\"[^}}]*\\}} ([0-9]+)") is { Success: true } match
            ? long.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture) : 0;

    private static int Status(string answer) => answer.StartsWith("HTTP/1.1 ", StringComparison.Ordinal) ? int.Parse(answer.AsSpan(9, 3), CultureInfo.InvariantCulture) : 0;

    [GeneratedRegex("HTTP/1\\.1 [0-9]{3} ")]
    private static partial Regex Statuses();

    [GeneratedRegex("\r\nContent-Range: ([^\r]*)\r\n")]
    private static partial Regex ContentRange();
}
