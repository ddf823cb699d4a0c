namespace Millrace.EndToEnd.Tests.Harness;

internal sealed record HlsVariant(string Uri, HlsAttributes Attributes);

internal sealed record HlsMedia(string? Uri, HlsAttributes Attributes);

/// <summary>A multivariant playlist, read strictly.</summary>
internal sealed record HlsMaster(string Text, IReadOnlyList<HlsVariant> Variants, IReadOnlyList<HlsMedia> Media)
{
    /// <summary>URI of the first variant that carries video, or null.</summary>
    public string? Video => Variants.FirstOrDefault(variant => variant.Attributes.Has("RESOLUTION"))?.Uri;

    /// <summary>URI of the audio: a rendition of its own, or the one variant of an audio-only broadcast; null without audio.</summary>
    public string? Audio => Media.FirstOrDefault(media => media.Attributes.Plain("TYPE") == "AUDIO")?.Uri
        ?? (Video is null ? Variants[0].Uri : null);

    public static HlsMaster Parse(string text)
    {
        Assert.StartsWith("#EXTM3U\n", text, StringComparison.Ordinal);
        Assert.EndsWith("\n", text, StringComparison.Ordinal);
        List<HlsVariant> variants = [];
        List<HlsMedia> media = [];
        HlsAttributes? pending = null;
        foreach (var line in text.Split('\n')[1..^1])
        {
            if (line.StartsWith("#EXT-X-STREAM-INF:", StringComparison.Ordinal))
            {
                Assert.Null(pending);
                pending = new HlsAttributes(line["#EXT-X-STREAM-INF:".Length..]);
                Assert.True(pending.Integer("BANDWIDTH") > 0, text);
                Assert.NotEqual("", pending.Quoted("CODECS"));
            }
            else if (line.StartsWith("#EXT-X-MEDIA:", StringComparison.Ordinal))
            {
                var attributes = new HlsAttributes(line["#EXT-X-MEDIA:".Length..]);
                Assert.NotEqual("", attributes.Quoted("GROUP-ID"));
                Assert.NotEqual("", attributes.Quoted("NAME"));
                media.Add(new HlsMedia(attributes.QuotedOrNull("URI"), attributes));
            }
            else if (!line.StartsWith('#'))
            {
                Assert.True(pending is not null, $"{line} has no EXT-X-STREAM-INF.\n{text}");
                variants.Add(new HlsVariant(line, pending));
                pending = null;
            }
        }
        Assert.NotEmpty(variants);
        foreach (var group in variants.Select(variant => variant.Attributes.QuotedOrNull("AUDIO")).OfType<string>())
            Assert.Contains(media, item => item.Attributes.Quoted("GROUP-ID") == group);
        return new HlsMaster(text, variants, media);
    }
}
