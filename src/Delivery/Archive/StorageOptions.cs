using System.ComponentModel.DataAnnotations;

namespace Millrace.Delivery;

/// <summary>Where recordings are kept: section <c>Storage</c>.</summary>
public sealed class StorageOptions
{
    /// <summary>
    /// <c>disk</c> (files under <c>Data:Path</c>) or <c>s3</c> (an S3-compatible store behind the disk: what is recorded is
    /// uploaded, and read from there when the disk has no room for it). Default disk: it needs no other server.
    /// </summary>
    public StorageKind Kind { get; set; } = StorageKind.Disk;

    /// <summary>
    /// With <c>s3</c>: most bytes of recordings on this node's disk, 256 MiB to 1 PiB. What is uploaded leaves it first. Default
    /// 16 GiB: a day of the store's absence for two streams of 2.5 Mbit/s with nothing but the source's rendition of each.
    /// </summary>
    [Range(256L << 20, 1L << 50)]
    public long LocalLimit { get; set; } = 16L << 30;

    /// <summary>
    /// With <c>s3</c>: bytes of the disk that hold what was read from the store a moment ago, 64 MiB to 1 TiB; beside
    /// <see cref="LocalLimit"/>. Default 1 GiB: 250 viewers, each at another place of another replay.
    /// </summary>
    [Range(64L << 20, 1L << 40)]
    public long CacheBytes { get; set; } = 1L << 30;

    /// <summary>The store.</summary>
    public S3Options S3 { get; } = new();
}

/// <summary>Where recordings are kept.</summary>
public enum StorageKind
{
    /// <summary>Files under <c>Data:Path</c>.</summary>
    Disk,
    /// <summary>An S3-compatible store behind them.</summary>
    S3,
}

/// <summary>An S3-compatible store: <c>Storage:S3</c>.</summary>
public sealed class S3Options
{
    /// <summary>Its address, <c>https://host[:port]</c>. Default empty: Amazon's own, in <see cref="Region"/>.</summary>
    public string Endpoint { get; set; } = "";

    /// <summary>The bucket, which exists already.</summary>
    public string Bucket { get; set; } = "";

    /// <summary>What every name in the bucket begins with; empty, or ending with <c>/</c>. Nodes with the same one share their replays. Default <c>millrace/</c>.</summary>
    public string Prefix { get; set; } = "millrace/";

    /// <summary>
    /// Whose unfinished recordings this node takes up again when it starts with an empty disk: a name that no other node with this bucket
    /// and prefix has, up to 64 letters, digits, <c>.</c>, <c>_</c> and <c>-</c>. Default empty: one made of the machine's name and <c>Data:Path</c>,
    /// which is another when either changes, as a container's may.
    /// </summary>
    public string Node { get; set; } = "";

    /// <summary>The region that requests are signed for. Default <c>us-east-1</c>, which stores without regions take.</summary>
    public string Region { get; set; } = "us-east-1";

    /// <summary>The key's id. Default empty: the environment's <c>AWS_ACCESS_KEY_ID</c>.</summary>
    public string AccessKey { get; set; } = "";

    /// <summary>The key. Default empty: the environment's <c>AWS_SECRET_ACCESS_KEY</c>, with <c>AWS_SESSION_TOKEN</c> if there is one.</summary>
    public string SecretKey { get; set; } = "";

    /// <summary>The bucket stands in the path, not in the host's name. Default true: so every compatible store takes it; Amazon's too.</summary>
    public bool PathStyle { get; set; } = true;

    /// <summary>
    /// Media time in one object, 10 s to 1 h. Default 2 min: 37 MB of 2.5 Mbit/s, 720 objects a day for each rendition, and what is
    /// lost when this node's disk is.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:10", "01:00:00")]
    public TimeSpan ObjectDuration { get; set; } = TimeSpan.FromMinutes(2);

    /// <summary>Broadcasts that upload at the same time, 1 to 64. Default 4: each takes one connection and 200 KB of memory.</summary>
    [Range(1, 64)]
    public int Uploads { get; set; } = 4;

    /// <summary>Requests for media that are under way at the same time, 1 to 1000. Default 32; others wait, at most 10 s.</summary>
    [Range(1, 1000)]
    public int Reads { get; set; } = 32;

    /// <summary>How often the bucket is looked through for replays of other nodes, and for what they took down: 1 s to 1 h. Default 30 s; 1000 replays are one request.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "01:00:00")]
    public TimeSpan ListInterval { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>The credentials: those that stand here, else the environment's.</summary>
    internal (string AccessKey, string SecretKey, string? Token) Credentials()
    {
        if (AccessKey.Length > 0 || SecretKey.Length > 0)
            return (AccessKey, SecretKey, null);
        return (Environment("AWS_ACCESS_KEY_ID") ?? "", Environment("AWS_SECRET_ACCESS_KEY") ?? "", Environment("AWS_SESSION_TOKEN"));

        static string? Environment(string name) => System.Environment.GetEnvironmentVariable(name) is { Length: > 0 } value ? value : null;
    }

    /// <summary>What is wrong with it, a sentence each that begins with the key.</summary>
    public IEnumerable<string> Check()
    {
        if (Endpoint.Length > 0
            && (!Uri.TryCreate(Endpoint, UriKind.Absolute, out var address) || address.Scheme is not ("http" or "https") || address.PathAndQuery != "/" || address.UserInfo.Length > 0))
            yield return $"Storage:S3:Endpoint: '{Endpoint}' is no address of a store (https://host:port).";
        if (!IsBucketName(Bucket))
            yield return $"Storage:S3:Bucket: '{Bucket}' is no name of a bucket (3 to 63 of a-z, 0-9, '.' and '-').";
        if (Prefix.Length > 0 && (Prefix[^1] != '/' || Prefix[0] == '/' || Prefix.Length > 200 || !Prefix.All(IsPlain)))
            yield return $"Storage:S3:Prefix: '{Prefix}' neither is empty nor consists of letters, digits, '.', '_', '-' and '/' with a '/' at its end.";
        if (Node.Length > 64 || !Node.All(c => IsPlain(c) && c != '/'))
            yield return $"Storage:S3:Node: '{Node}' has more than 64 characters, or others than letters, digits, '.', '_' and '-'.";
        if (Region.Length == 0)
            yield return "Storage:S3:Region: is empty.";
        var (access, secret, _) = Credentials();
        if (access.Length == 0 || secret.Length == 0)
            yield return "Storage:S3:SecretKey: it and Storage:S3:AccessKey are needed, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the environment.";
    }

    private static bool IsBucketName(string text) =>
        text.Length is >= 3 and <= 63 && text.All(c => c is (>= 'a' and <= 'z') or (>= '0' and <= '9') or '.' or '-')
        && char.IsAsciiLetterOrDigit(text[0]) && char.IsAsciiLetterOrDigit(text[^1]);

    private static bool IsPlain(char c) => char.IsAsciiLetterOrDigit(c) || c is '.' or '_' or '-' or '/';
}
