namespace Millrace.Server.Commands;

/// <summary>The data directory, held by one server at a time: two would delete each other's spool.</summary>
public sealed class DataDirectory : IDisposable
{
    private readonly FileStream held;

    private DataDirectory(FileStream held) => this.held = held;

    /// <summary>Takes the directory, making it when missing; otherwise says why not.</summary>
    public static DataDirectory? TryHold(string path, out string? fault)
    {
        fault = null;
        try
        {
            Directory.CreateDirectory(path);
            return new DataDirectory(new FileStream(Path.Combine(path, "millrace.lock"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None));
        }
        catch (UnauthorizedAccessException denied)
        {
            fault = $"Data:Path {Path.GetFullPath(path)} cannot be written: {denied.Message}";
        }
        catch (IOException busy)
        {
            fault = File.Exists(Path.Combine(path, "millrace.lock"))
                ? $"another Millrace runs on Data:Path {Path.GetFullPath(path)}; end it, or give this one a directory of its own with --Data:Path=DIR."
                : $"Data:Path {Path.GetFullPath(path)} cannot be used: {busy.Message}";
        }
        return null;
    }

    /// <inheritdoc/>
    public void Dispose() => held.Dispose();
}
