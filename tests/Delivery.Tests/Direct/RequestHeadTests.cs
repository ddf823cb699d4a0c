using System.Text;

namespace Millrace.Delivery.Tests;

public sealed class RequestHeadTests
{
    private const string Whole =
        "HEAD /b/01aa/source/12.3.m4s?_HLS_msn=1 HTTP/1.1\r\nhost: media.example:8080\r\nRANGE:  bytes=0-1 \r\nIf-Range: \"1\"\r\n"
        + "If-None-Match: \"x\"\r\nAccept-Encoding: br\r\nConnection: Close\r\n\r\n";

    [Fact]
    public void TryRead_WholeHead_HasItsFields()
    {
        var input = Encoding.ASCII.GetBytes(Whole + "GET /b/next");
        Assert.Equal(HeadStatus.Complete, RequestHead.TryRead(input, out var head));
        Assert.Equal(Whole.Length, head.Length);
        Assert.True(head.IsHead && head.Closes);
        var request = head.ToRequest(new char[RequestHead.MaxBytes]);
        Assert.Equal("/b/01aa/source/12.3.m4s", request.Path);
        Assert.Equal("_HLS_msn=1", request.Query);
        Assert.Equal("bytes=0-1", request.Range);
        Assert.Equal("\"1\"", request.IfRange);
        Assert.True(request.HasIfRange);
        Assert.Equal("\"x\"", request.IfNoneMatch);
        Assert.Equal("br", request.AcceptEncoding);
    }

    [Fact]
    public void TryRead_AnyBeginning_IsIncomplete()
    {
        var input = Encoding.ASCII.GetBytes(Whole);
        for (var length = 0; length < input.Length; length++)
            Assert.Equal(HeadStatus.Incomplete, RequestHead.TryRead(input.AsSpan(0, length), out _));
    }

    [Theory]
    [InlineData("G")]
    [InlineData("HEAD /")]
    [InlineData("GET /b")]
    [InlineData("GET /li")]
    public void TryRead_WhatMayBecomeOne_IsIncomplete(string input) =>
        Assert.Equal(HeadStatus.Incomplete, RequestHead.TryRead(Encoding.ASCII.GetBytes(input), out _));

    [Theory]
    [InlineData("P")]
    [InlineData("GE ")]
    [InlineData("GET /c")]
    [InlineData("GET http")]
    [InlineData("\u0016\u0003\u0001")]
    public void TryRead_WhatCannotBecomeOne_IsForeignAtOnce(string input) =>
        Assert.Equal(HeadStatus.Foreign, RequestHead.TryRead(Encoding.Latin1.GetBytes(input), out _));

    [Theory]
    [InlineData("Content-Length: 0\r\n")]
    [InlineData("Transfer-Encoding: chunked\r\n")]
    [InlineData("Expect: 100-continue\r\n")]
    [InlineData("Upgrade: h2c\r\n")]
    [InlineData("Connection: upgrade\r\n")]
    [InlineData("Connection: close\r\nConnection: close\r\n")]
    [InlineData("Host: b\r\n")]
    [InlineData("Range: bytes=0-1\r\nRange: bytes=2-3\r\n")]
    [InlineData("If-Match: *\r\n")]
    [InlineData("If-Unmodified-Since: Sun, 22 Nov 2026 20:00:02 GMT\r\n")]
    [InlineData("Range:\r\n")]
    [InlineData(" Range: bytes=0-1\r\n")]
    [InlineData("Name : value\r\n")]
    [InlineData("Name: a\nb: c\r\n")]
    [InlineData("Name: a\rb\r\n")]
    [InlineData("Name: \u00e4\r\n")]
    [InlineData("Name\r\n")]
    public void TryRead_WithAnythingUnusual_IsForeign(string field) =>
        Assert.Equal(HeadStatus.Foreign, RequestHead.TryRead(Encoding.Latin1.GetBytes($"GET /b/x/main.m3u8 HTTP/1.1\r\nHost: a\r\n{field}\r\n"), out _));

    [Fact]
    public void TryRead_BeyondTheLimits_IsForeignBeforeItsEnd()
    {
        Assert.Equal(HeadStatus.Foreign, RequestHead.TryRead(Encoding.ASCII.GetBytes("GET /b/" + new string('a', 5000)), out _));
        var endless = Encoding.ASCII.GetBytes("GET /b/x/main.m3u8 HTTP/1.1\r\nHost: a\r\nX: " + new string('a', RequestHead.MaxBytes));
        Assert.Equal(HeadStatus.Foreign, RequestHead.TryRead(endless.AsSpan(0, LoopScratch.LookBytes), out _));
    }
}
