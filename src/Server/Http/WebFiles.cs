using System.Collections.Frozen;
using System.IO.Compression;
using System.Reflection;
using System.Security.Cryptography;
using Microsoft.AspNetCore.Http;
using Microsoft.Net.Http.Headers;

namespace Millrace.Server.Http;

/// <summary>
/// The built pages, out of the binary itself. Everything under <c>/assets/</c> has its content's hash in its name and is
/// immutable; pages are asked for anew each time. Compressed once, when first asked for.
/// </summary>
public sealed class WebFiles
{
    private const string Prefix = "web/";

    private readonly string policy;
    private readonly FrozenDictionary<string, WebFile> files;

    /// <summary>Over the resources of an assembly whose names begin with <c>web/</c>.</summary>
    /// <param name="assembly">The binary.</param>
    /// <param name="mediaOrigins">Other nodes that media may come from: scheme, host and port each.</param>
    public WebFiles(Assembly assembly, IReadOnlyList<string> mediaOrigins)
    {
        // What a page may load: only its own origin's, and media from the fleet's edges and the buffers that scripts fill (blob:).
        var edges = string.Concat(mediaOrigins.Select(origin => " " + origin));
        policy = "default-src 'none'; script-src 'self'; worker-src 'self'; style-src 'self'; img-src 'self'; "
            + $"connect-src 'self'{edges}; media-src 'self'{edges} blob:; base-uri 'none'; form-action 'self'; frame-ancestors ";
        files = assembly.GetManifestResourceNames().Where(name => name.StartsWith(Prefix, StringComparison.Ordinal))
            .ToFrozenDictionary(name => "/" + name[Prefix.Length..], name => new WebFile(assembly, name), StringComparer.Ordinal);
    }

    /// <summary>Whether pages were built into the binary.</summary>
    public bool IsEmpty => files.Count == 0;

    /// <summary>Answers a page or one of its files; false when the path is none.</summary>
    public async ValueTask<bool> TryServeAsync(HttpContext context)
    {
        var request = context.Request;
        var path = request.Path.Value ?? "/";
        if (!files.TryGetValue(PageOf(path), out var file))
            return false;
        var response = context.Response;
        var head = HttpMethods.IsHead(request.Method);
        if (!head && !HttpMethods.IsGet(request.Method))
        {
            response.StatusCode = StatusCodes.Status405MethodNotAllowed;
            response.Headers.Allow = "GET, HEAD";
            return true;
        }

        var accepted = request.Headers.AcceptEncoding.ToString();
        var encoding = !file.IsCompressible ? null : accepted.Contains("br", StringComparison.Ordinal) ? "br"
            : accepted.Contains("gzip", StringComparison.Ordinal) ? "gzip" : null;
        var immutable = path.StartsWith("/assets/", StringComparison.Ordinal);
        response.Headers.CacheControl = immutable ? "public, max-age=31536000, immutable" : "no-cache";
        response.Headers.XContentTypeOptions = "nosniff";
        response.Headers["Referrer-Policy"] = "same-origin";
        // The embedded player is there to stand in other sites' pages, the other pages are not.
        if (file.IsPage)
            response.Headers.ContentSecurityPolicy = policy + (path.StartsWith("/embed/", StringComparison.Ordinal) ? "*" : "'self'");
        if (file.IsCompressible)
            response.Headers.Vary = HeaderNames.AcceptEncoding;
        var tag = file.ETag(encoding);
        response.Headers.ETag = tag;
        if (request.Headers.IfNoneMatch.ToString().Contains(tag, StringComparison.Ordinal))
        {
            response.StatusCode = StatusCodes.Status304NotModified;
            return true;
        }
        var bytes = file.Bytes(encoding);
        response.ContentType = file.ContentType;
        response.ContentLength = bytes.Length;
        if (encoding is not null)
            response.Headers.ContentEncoding = encoding;
        if (!head)
            await response.BodyWriter.WriteAsync(bytes, context.RequestAborted);
        return true;
    }

    /// <summary>The file that a path shows: pages have addresses of their own.</summary>
    internal static string PageOf(string path) => path switch
    {
        "/" => "/index.html",
        _ when path.StartsWith("/c/", StringComparison.Ordinal) || path.StartsWith("/b/", StringComparison.Ordinal) => "/watch.html",
        _ when path.StartsWith("/embed/", StringComparison.Ordinal) => "/embed.html",
        _ => path,
    };

    private sealed class WebFile
    {
        private readonly Lazy<byte[]> plain;
        private readonly Lazy<byte[]> gzip;
        private readonly Lazy<byte[]> brotli;
        private readonly Lazy<string> hash;

        public WebFile(Assembly assembly, string name)
        {
            ContentType = Path.GetExtension(name) switch
            {
                ".html" => "text/html; charset=utf-8",
                ".js" or ".mjs" => "text/javascript; charset=utf-8",
                ".css" => "text/css; charset=utf-8",
                ".json" or ".map" => "application/json",
                ".webmanifest" => "application/manifest+json",
                ".svg" => "image/svg+xml",
                ".png" => "image/png",
                ".ico" => "image/x-icon",
                ".woff2" => "font/woff2",
                ".txt" => "text/plain; charset=utf-8",
                _ => "application/octet-stream",
            };
            IsCompressible = ContentType.StartsWith("text/", StringComparison.Ordinal) || ContentType.Contains("json", StringComparison.Ordinal)
                || ContentType.Contains("xml", StringComparison.Ordinal);
            plain = new(() =>
            {
                using var stream = assembly.GetManifestResourceStream(name)!;
                var bytes = new byte[stream.Length];
                stream.ReadExactly(bytes);
                return bytes;
            });
            gzip = new(() => Compress(to => new GZipStream(to, CompressionLevel.Optimal)));
            brotli = new(() => Compress(to => new BrotliStream(to, CompressionLevel.Optimal)));
            hash = new(() => Convert.ToHexStringLower(SHA256.HashData(plain.Value).AsSpan(0, 8)));
        }

        public string ContentType { get; }

        public bool IsCompressible { get; }

        public bool IsPage => ContentType.StartsWith("text/html", StringComparison.Ordinal);

        public byte[] Bytes(string? encoding) => encoding switch { "br" => brotli.Value, "gzip" => gzip.Value, _ => plain.Value };

        public string ETag(string? encoding) => encoding is null ? $"\"{hash.Value}\"" : $"\"{hash.Value}-{encoding}\"";

        private byte[] Compress(Func<Stream, Stream> encoder)
        {
            var to = new MemoryStream();
            using (var stream = encoder(to))
                stream.Write(plain.Value);
            return to.ToArray();
        }
    }
}
