using System.Buffers;
using Amazon;
using Amazon.Runtime;
using Amazon.S3;
using Amazon.S3.Model;
using Microsoft.Win32.SafeHandles;

namespace Millrace.Delivery;

/// <summary>
/// One bucket of an S3-compatible store, under one prefix: the few requests that an archive needs. Thread-safe. Everything that
/// goes wrong is a <see cref="StorageException"/>; nothing is tried twice, that is the caller's.
/// </summary>
/// <remarks>
/// A request has no time limit of its own, for a large object over a thin link takes its time; but it is given up when for
/// <see cref="Silence"/> no byte went either way. Memory: a buffer of 128 KB for each request, however large the object.
/// </remarks>
internal sealed class S3Bucket : IDisposable
{
    /// <summary>Objects above it are uploaded in parts of it: what is sent again when a connection breaks. At least 5 MiB (S3's limit), at most 10,000 parts.</summary>
    public const int PartBytes = 16 << 20;

    private static readonly TimeSpan Silence = TimeSpan.FromSeconds(20);

    // S3's limit for one request.
    private const int MaxDeleted = 1000;
    private const int CopyBytes = 64 * 1024;

    private readonly AmazonS3Client client;
    private readonly string bucket;
    private readonly string prefix;
    private readonly TimeProvider time;

    public S3Bucket(S3Options options, TimeProvider time)
    {
        this.time = time;
        bucket = options.Bucket;
        prefix = options.Prefix;
        Identity = $"{options.Endpoint} {bucket} {prefix}";
        var (access, secret, token) = options.Credentials();
        var config = new AmazonS3Config
        {
            ForcePathStyle = options.PathStyle,
            AuthenticationRegion = options.Region,
            MaxErrorRetry = 0,
            Timeout = System.Threading.Timeout.InfiniteTimeSpan,
            IgnoreConfiguredEndpointUrls = true,
            DisableLogging = true,
        };
        if (options.Endpoint.Length > 0)
            config.ServiceURL = options.Endpoint;
        else
            config.RegionEndpoint = RegionEndpoint.GetBySystemName(options.Region);
        client = new AmazonS3Client(token is null ? new BasicAWSCredentials(access, secret) : new SessionAWSCredentials(access, secret, token), config);
    }

    /// <summary>Which store, bucket and prefix it is.</summary>
    public string Identity { get; }

    /// <summary>Uploads a run of a file under a name, whole or not at all.</summary>
    public async Task PutFileAsync(string name, string path, long offset, long length, CancellationToken cancellation)
    {
        using var file = File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        await PutFileAsync(name, file, offset, length, cancellation).ConfigureAwait(false);
    }

    /// <summary>The same of a file that is open.</summary>
    public async Task PutFileAsync(string name, SafeFileHandle file, long offset, long length, CancellationToken cancellation)
    {
        if (length > PartBytes)
        {
            await PutPartsAsync(name, file, offset, length, cancellation).ConfigureAwait(false);
            return;
        }
        await AskAsync(async limit =>
        {
            using var input = new FileRange(file, offset, length, limit.Touch);
            return await client.PutObjectAsync(new PutObjectRequest { BucketName = bucket, Key = prefix + name, InputStream = input, AutoCloseStream = false }, limit.Token)
                .ConfigureAwait(false);
        }, cancellation).ConfigureAwait(false);
    }

    /// <summary>Writes a short text under a name.</summary>
    public Task PutTextAsync(string name, string text, CancellationToken cancellation) => AskAsync(
        limit => client.PutObjectAsync(new PutObjectRequest { BucketName = bucket, Key = prefix + name, ContentBody = text, ContentType = "text/plain" }, limit.Token), cancellation);

    /// <summary>Reads a run of an object into a file, at the given place.</summary>
    public Task ReadAsync(string name, long from, long length, SafeFileHandle to, long at, CancellationToken cancellation) => AskAsync(async limit =>
    {
        var request = new GetObjectRequest { BucketName = bucket, Key = prefix + name, ByteRange = new Amazon.S3.Model.ByteRange(from, from + length - 1) };
        using var answer = await client.GetObjectAsync(request, limit.Token).ConfigureAwait(false);
        var buffer = ArrayPool<byte>.Shared.Rent(CopyBytes);
        try
        {
            long done = 0;
            int read;
            while ((read = await answer.ResponseStream.ReadAsync(buffer, limit.Token).ConfigureAwait(false)) > 0)
            {
                limit.Touch();
                if (done + read > length)
                    throw new StorageException("The store sent more than was asked for.");
                await RandomAccess.WriteAsync(to, buffer.AsMemory(0, read), at + done, limit.Token).ConfigureAwait(false);
                done += read;
            }
            return done == length ? true : throw new StorageException($"The store sent {done} of {length} bytes.");
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }, cancellation);

    /// <summary>Names under a prefix, the bucket's own left out, and their lengths.</summary>
    public async Task<List<(string Name, long Length)>> ListAsync(string under, CancellationToken cancellation)
    {
        var found = new List<(string, long)>();
        await EachAsync(under, entry => found.Add((entry.Key[prefix.Length..], entry.Size)), cancellation).ConfigureAwait(false);
        return found;
    }

    /// <summary>When the newest of the objects whose names begin so was written, by the store's clock; null when there are none.</summary>
    public async Task<DateTimeOffset?> NewestAsync(string under, CancellationToken cancellation)
    {
        DateTimeOffset? newest = null;
        await EachAsync(under, entry =>
        {
            var at = new DateTimeOffset(entry.LastModified.ToUniversalTime());
            newest = at > newest ? at : newest ?? at;
        }, cancellation).ConfigureAwait(false);
        return newest;
    }

    private async Task EachAsync(string under, Action<S3Object> take, CancellationToken cancellation)
    {
        string? next = null;
        do
        {
            var request = new ListObjectsV2Request { BucketName = bucket, Prefix = prefix + under, ContinuationToken = next };
            var page = await AskAsync(limit => client.ListObjectsV2Async(request, limit.Token), cancellation).ConfigureAwait(false);
            foreach (var entry in page.S3Objects)
                take(entry);
            next = page.IsTruncated ? page.NextContinuationToken : null;
        }
        while (next is not null);
    }

    /// <summary>Deletes objects; those that do not exist are deleted already.</summary>
    public async Task DeleteAsync(IReadOnlyList<string> names, CancellationToken cancellation)
    {
        foreach (var some in names.Chunk(MaxDeleted))
        {
            var request = new DeleteObjectsRequest { BucketName = bucket, Quiet = true };
            foreach (var name in some)
                request.AddKey(prefix + name);
            await AskAsync(limit => client.DeleteObjectsAsync(request, limit.Token), cancellation).ConfigureAwait(false);
        }
    }

    /// <summary>Aborts the uploads that somebody began under a prefix and did not end: nobody sees their parts, and they cost.</summary>
    /// <returns>How many there were.</returns>
    public async Task<int> AbortUploadsAsync(string under, CancellationToken cancellation)
    {
        var count = 0;
        while (true)
        {
            var request = new ListMultipartUploadsRequest { BucketName = bucket, Prefix = prefix + under };
            var page = await AskAsync(limit => client.ListMultipartUploadsAsync(request, limit.Token), cancellation).ConfigureAwait(false);
            foreach (var upload in page.MultipartUploads)
            {
                await AbortAsync(upload.Key, upload.UploadId, cancellation).ConfigureAwait(false);
                count++;
            }
            if (!page.IsTruncated || page.MultipartUploads.Count == 0)
                return count;
        }
    }

    public void Dispose() => client.Dispose();

    private async Task PutPartsAsync(string name, SafeFileHandle file, long offset, long length, CancellationToken cancellation)
    {
        var key = prefix + name;
        var begun = await AskAsync(limit => client.InitiateMultipartUploadAsync(new InitiateMultipartUploadRequest { BucketName = bucket, Key = key }, limit.Token), cancellation)
            .ConfigureAwait(false);
        try
        {
            var parts = new List<PartETag>();
            for (long done = 0; done < length; done += PartBytes)
            {
                var (from, size, number) = (offset + done, Math.Min(PartBytes, length - done), parts.Count + 1);
                var part = await AskAsync(async limit =>
                {
                    using var input = new FileRange(file, from, size, limit.Touch);
                    var request = new UploadPartRequest { BucketName = bucket, Key = key, UploadId = begun.UploadId, PartNumber = number, PartSize = size, InputStream = input };
                    return await client.UploadPartAsync(request, limit.Token).ConfigureAwait(false);
                }, cancellation).ConfigureAwait(false);
                parts.Add(new PartETag(number, part.ETag));
            }
            var all = new CompleteMultipartUploadRequest { BucketName = bucket, Key = key, UploadId = begun.UploadId, PartETags = parts };
            await AskAsync(limit => client.CompleteMultipartUploadAsync(all, limit.Token), cancellation).ConfigureAwait(false);
        }
        catch (StorageException)
        {
            try
            {
                await AbortAsync(key, begun.UploadId, cancellation).ConfigureAwait(false);
            }
            catch (StorageException)
            {
                // It is aborted with the broadcast's next beginning, or its end.
            }
            throw;
        }
    }

    private async Task AbortAsync(string key, string upload, CancellationToken cancellation)
    {
        try
        {
            await AskAsync(limit => client.AbortMultipartUploadAsync(new AbortMultipartUploadRequest { BucketName = bucket, Key = key, UploadId = upload }, limit.Token), cancellation)
                .ConfigureAwait(false);
        }
        catch (StorageException fault) when (fault.IsMissing)
        {
            // Completed or aborted by somebody else.
        }
    }

    private async Task<T> AskAsync<T>(Func<SilenceLimit, Task<T>> request, CancellationToken cancellation)
    {
        using var limit = new SilenceLimit(Silence, time, cancellation);
        try
        {
            return await request(limit).ConfigureAwait(false);
        }
        catch (AmazonServiceException fault)
        {
            throw new StorageException($"{(int)fault.StatusCode} {fault.ErrorCode}".Trim() is "0" ? fault.Message : $"{(int)fault.StatusCode} {fault.ErrorCode}", fault)
            {
                IsMissing = fault.ErrorCode is "NoSuchKey" or "NoSuchUpload",
            };
        }
        catch (Exception fault) when (fault is AmazonClientException or HttpRequestException or IOException or System.Net.Sockets.SocketException)
        {
            throw new StorageException(fault.Message, fault);
        }
        catch (OperationCanceledException fault) when (!cancellation.IsCancellationRequested)
        {
            throw new StorageException($"it was silent for {Silence.TotalSeconds:0} s", fault);
        }
    }
}
