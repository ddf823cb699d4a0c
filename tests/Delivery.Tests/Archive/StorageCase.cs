namespace Millrace.Delivery.Tests.Archive;

/// <summary>A place where recordings are kept, as the contract tests see it.</summary>
internal abstract class StorageCase : IDisposable
{
    /// <summary>What a node is given.</summary>
    public abstract StorageOptions Options { get; }

    /// <summary>A node that is started where <paramref name="node"/> was killed; it takes over what is kept.</summary>
    public abstract RecordingNode After(RecordingNode node, RetentionOptions? retention = null);

    /// <summary>Names of what is kept of a broadcast.</summary>
    public abstract Task<List<string>> NamesAsync(RecordingNode node, Millrace.Core.BroadcastId id);

    /// <summary>From now on nothing can be kept, until <see cref="Mend"/>.</summary>
    public abstract void Break(RecordingNode node);

    public abstract void Mend(RecordingNode node);

    /// <summary>What health says.</summary>
    public abstract bool IsFailing(RecordingNode node);

    public abstract void Dispose();

    public static async Task<StorageCase> OpenAsync(StorageKind kind, RadosGateway gateway)
    {
        return kind == StorageKind.Disk ? new DiskCase() : await S3Case.OpenAsync(gateway);
    }
}

/// <summary>Files.</summary>
internal sealed class DiskCase : StorageCase
{
    public override StorageOptions Options { get; } = new();

    public override RecordingNode After(RecordingNode node, RetentionOptions? retention = null) => new(Options, node, retention);

    public override Task<List<string>> NamesAsync(RecordingNode node, Millrace.Core.BroadcastId id)
    {
        try
        {
            return Task.FromResult<List<string>>([.. Directory.GetFiles(node.DirectoryOf(id)).Select(path => Path.GetFileName(path))]);
        }
        catch (DirectoryNotFoundException)
        {
            return Task.FromResult<List<string>>([]);
        }
    }

    // Nobody can write where a directory has to be made and a file is in its way; that holds for root too.
    public override void Break(RecordingNode node)
    {
        foreach (var broadcast in node.Store.Broadcasts)
        {
            Directory.Move(broadcast.Directory, broadcast.Directory + "-away");
            File.WriteAllText(broadcast.Directory, "");
        }
    }

    public override void Mend(RecordingNode node)
    {
        foreach (var broadcast in node.Store.Broadcasts)
        {
            File.Delete(broadcast.Directory);
            Directory.Move(broadcast.Directory + "-away", broadcast.Directory);
        }
    }

    public override bool IsFailing(RecordingNode node) => node.Store.IsSpoolFailing;

    public override void Dispose()
    {
    }
}

/// <summary>A bucket of its own on a real server. A node that takes over begins with an empty disk.</summary>
internal sealed class S3Case : StorageCase
{
    private readonly StoreLink link;
    private readonly S3Bucket bucket;

    private S3Case(StoreLink link, StorageOptions options, S3Bucket bucket)
    {
        this.link = link;
        this.bucket = bucket;
        Options = options;
    }

    public override StorageOptions Options { get; }

    public StoreLink Link => link;

    /// <summary>The store without the link in between.</summary>
    public S3Bucket Bucket => bucket;

    public static async Task<S3Case> OpenAsync(RadosGateway gateway)
    {
        var name = await gateway.CreateBucketAsync();
        var link = new StoreLink(gateway.Endpoint);
        return new S3Case(link, Of(link.Endpoint, name), new S3Bucket(Of(gateway.Endpoint, name).S3, TimeProvider.System));
    }

    public override RecordingNode After(RecordingNode node, RetentionOptions? retention = null) => new(Options, retention: retention);

    public override async Task<List<string>> NamesAsync(RecordingNode node, Millrace.Core.BroadcastId id) =>
    [
        .. (await bucket.ListAsync("", CancellationToken.None)).Select(entry => entry.Name).Where(name => name.Contains(id.Value, StringComparison.Ordinal)),
    ];

    public async Task<List<string>> NamesAsync(RecordingNode node, Millrace.Core.BroadcastId id, string under) =>
        [.. (await NamesAsync(node, id)).Where(name => name.StartsWith(under, StringComparison.Ordinal))];

    public override void Break(RecordingNode node) => link.Cut();

    public override void Mend(RecordingNode node) => link.Mend();

    public override bool IsFailing(RecordingNode node) => node.Store.ArchiveProblem is not null;

    public override void Dispose()
    {
        link.Dispose();
        bucket.Dispose();
    }

    private static StorageOptions Of(string endpoint, string bucket)
    {
        var options = new StorageOptions { Kind = StorageKind.S3 };
        options.S3.Endpoint = endpoint;
        options.S3.Bucket = bucket;
        options.S3.AccessKey = RadosGateway.AccessKey;
        options.S3.SecretKey = RadosGateway.SecretKey;
        options.S3.ObjectDuration = TimeSpan.FromSeconds(10);
        options.S3.ListInterval = TimeSpan.FromSeconds(2);
        return options;
    }
}
