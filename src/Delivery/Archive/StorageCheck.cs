namespace Millrace.Delivery;

/// <summary>Does with a store once what an archive does with it: for <c>millrace doctor</c>.</summary>
public static class StorageCheck
{
    private const int Bytes = 1000;

    /// <summary>Writes an object, lists, reads and deletes it. What went wrong, or null.</summary>
    public static async Task<string?> RunAsync(StorageOptions options)
    {
        var path = Path.GetTempFileName();
        try
        {
            using var bucket = new S3Bucket(options.S3, TimeProvider.System);
            using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(30));
            var name = $"doctor-{Guid.NewGuid():N}";
            await File.WriteAllBytesAsync(path, new byte[Bytes], limit.Token).ConfigureAwait(false);
            await bucket.PutFileAsync(name, path, 0, Bytes, limit.Token).ConfigureAwait(false);
            if (await bucket.ListAsync(name, limit.Token).ConfigureAwait(false) is not [{ Length: Bytes }])
                return "what was written is not listed";
            using (var file = File.OpenHandle(path, FileMode.Open, FileAccess.Write))
                await bucket.ReadAsync(name, 0, Bytes, file, 0, limit.Token).ConfigureAwait(false);
            await bucket.DeleteAsync([name], limit.Token).ConfigureAwait(false);
            await bucket.AbortUploadsAsync(name, limit.Token).ConfigureAwait(false);
            return (await bucket.ListAsync(name, limit.Token).ConfigureAwait(false)).Count == 0 ? null : "what was deleted is listed still";
        }
        catch (StorageException fault)
        {
            return fault.Message;
        }
        catch (OperationCanceledException)
        {
            return "it did not answer within 30 s";
        }
        finally
        {
            File.Delete(path);
        }
    }
}
