namespace Millrace.EndToEnd.Tests.Harness;

/// <summary>The programs these tests stand on. A test that misses one skips and names it.</summary>
internal static class Tools
{
    public static string Ffmpeg => Need("ffmpeg");

    public static string Ffprobe => Need("ffprobe");

    public static string Chromium => Need("chromium", "chromium-browser", "google-chrome");

    /// <summary>The repository's directory.</summary>
    public static string Root { get; } = FindRoot();

    /// <summary>Where screenshots and the like are kept.</summary>
    public static string Artifacts { get; } = Directory.CreateDirectory(
        Environment.GetEnvironmentVariable("MILLRACE_ARTIFACTS") is { Length: > 0 } given
            ? Path.Combine(given, "EndToEnd")
            : Path.Combine(Root, "artifacts", "test", "EndToEnd")).FullName;

    /// <summary>The binary under test: <c>MILLRACE_BINARY</c>, else the Release output, else the Debug output.</summary>
    public static string Millrace
    {
        get
        {
            if (Environment.GetEnvironmentVariable("MILLRACE_BINARY") is { Length: > 0 } given)
                return given;
            var found = new[] { "Release", "Debug" }
                .Select(configuration => Path.Combine(Root, "src", "Server", "bin", configuration, "net10.0", "millrace"))
                .FirstOrDefault(File.Exists);
            Assert.SkipUnless(found is not null, "The server is not built: dotnet build src/Server -c Release.");
            return found!;
        }
    }

    /// <summary>The first of <paramref name="names"/> that is on the PATH; without any the test skips.</summary>
    public static string Need(params string[] names)
    {
        var found = Find(names);
        Assert.SkipUnless(found is not null, $"{names[0]} is missing on this machine.");
        return found!;
    }

    private static string? Find(string[] names)
    {
        var directories = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator);
        return names.SelectMany(name => directories.Select(directory => Path.Combine(directory, name)))
            .FirstOrDefault(File.Exists);
    }

    private static string FindRoot()
    {
        var directory = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(directory.FullName, "Millrace.slnx")))
            directory = directory.Parent ?? throw new InvalidOperationException("The tests do not run inside the repository.");
        return directory.FullName;
    }
}
