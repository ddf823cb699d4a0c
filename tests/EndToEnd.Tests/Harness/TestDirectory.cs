namespace Millrace.EndToEnd.Tests.Harness;

/// <summary>A directory that goes away with the test.</summary>
internal sealed class TestDirectory : IDisposable
{
    private int files;

    public string Path { get; } = Directory.CreateTempSubdirectory("millrace-e2e-").FullName;

    /// <summary>A name that was not given before.</summary>
    public string NewFile(string extension) => System.IO.Path.Combine(Path, $"{Interlocked.Increment(ref files)}.{extension}");

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
