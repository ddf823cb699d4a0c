using System.Xml.Linq;

namespace Millrace.Architecture.Tests;

/// <summary>Millrace.slnx holds every project, in order: what is not in it is neither built nor tested.</summary>
public sealed class SolutionTests
{
    private static readonly string[] Folders = ["src", "tests", "bench", "fuzz"];

    [Fact]
    public void Solution_ProjectsOnDisk_AreAllListed()
    {
        var onDisk = Folders.Select(folder => Path.Combine(Room.Root, folder)).Where(Directory.Exists)
            .SelectMany(folder => Directory.EnumerateFiles(folder, "*.csproj", SearchOption.AllDirectories))
            .Select(path => Path.GetRelativePath(Room.Root, path).Replace('\\', '/'))
            .Where(path => !path.Contains("/bin/", StringComparison.Ordinal) && !path.Contains("/obj/", StringComparison.Ordinal));
        Assert.Equal(onDisk.Order(StringComparer.Ordinal), Listed().Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Solution_ProjectsOfAFolder_AreSorted()
    {
        foreach (var folder in Listed().GroupBy(path => path.Split('/')[0]))
            Assert.Equal(folder.Order(StringComparer.OrdinalIgnoreCase), folder);
    }

    [Fact]
    public void Projects_PackageVersions_LiveInOnePlace()
    {
        foreach (var project in Listed().Select(path => XDocument.Load(Path.Combine(Room.Root, path))))
            Assert.DoesNotContain(project.Descendants("PackageReference"), item => item.Attribute("Version") is not null || item.Attribute("VersionOverride") is not null);
    }

    private static IReadOnlyList<string> Listed() =>
        [.. XDocument.Load(Path.Combine(Room.Root, "Millrace.slnx")).Descendants("Project").Select(item => item.Attribute("Path")!.Value)];
}
