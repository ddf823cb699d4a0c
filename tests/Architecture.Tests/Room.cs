using System.Reflection.Metadata;
using System.Reflection.PortableExecutable;
using System.Xml.Linq;

namespace Millrace.Architecture.Tests;

/// <summary>A project under src/: what it says it references, and what its compiled assembly does reference.</summary>
public sealed class Room
{
    /// <summary>The rooms in dependency order (docs/architecture.md): each may reference only those before it.</summary>
    public static readonly IReadOnlyList<string> Order =
    [
        "Core", "Media", "Cmaf", "Rtmp", "Packaging", "Timeline", "Hls", "Dash",
        "Transcoding", "Ingest", "Push", "Delivery", "Platform", "Realtime", "Server",
    ];

    /// <summary>The rooms up to this one use the base library and nothing else.</summary>
    public const string LastBaseLibraryRoom = "Dash";

    private readonly XDocument project;

    private Room(string projectFile)
    {
        Directory = Path.GetDirectoryName(projectFile)!;
        Name = Path.GetFileNameWithoutExtension(projectFile);
        project = XDocument.Load(projectFile);
    }

    public string Name { get; }

    public string Directory { get; }

    /// <summary>Place in <see cref="Order"/>; −1 when the room is not in the list.</summary>
    public int Rank => RankOf(Name);

    public bool IsBaseLibraryOnly => Rank >= 0 && Rank <= RankOf(LastBaseLibraryRoom);

    public string AssemblyName => Values("AssemblyName").FirstOrDefault() ?? $"Millrace.{Name}";

    public IEnumerable<string> ProjectReferences =>
        Includes("ProjectReference").Select(path => Path.GetFileNameWithoutExtension(path.Replace('\\', '/')));

    public IEnumerable<string> PackageReferences => Includes("PackageReference");

    public IEnumerable<string> FrameworkReferences => Includes("FrameworkReference");

    public string Sdk => project.Root!.Attribute("Sdk")?.Value ?? "";

    /// <summary>Paths of the room's own sources.</summary>
    public IEnumerable<string> Sources =>
        System.IO.Directory.EnumerateFiles(Directory, "*.cs", SearchOption.AllDirectories)
            .Where(path => !Path.GetRelativePath(Directory, path).Split('/', '\\').Any(part => part is "bin" or "obj"));

    /// <summary>Names of the assemblies that the compiled room references.</summary>
    public IReadOnlyList<string> CompiledReferences()
    {
        var path = Path.Combine(Directory, "bin", Configuration, "net10.0", AssemblyName + ".dll");
        using var file = new PEReader(File.OpenRead(path));
        var metadata = file.GetMetadataReader();
        return [.. metadata.AssemblyReferences.Select(handle => metadata.GetString(metadata.GetAssemblyReference(handle).Name))];
    }

    public override string ToString() => Name;

    public static int RankOf(string name) => Order.ToList().IndexOf(name);

    /// <summary>The repository's directory.</summary>
    public static string Root { get; } = FindRoot();

    /// <summary>Every project under src/, in dependency order.</summary>
    public static IReadOnlyList<Room> All { get; } =
        [.. System.IO.Directory.EnumerateFiles(Path.Combine(Root, "src"), "*.csproj", SearchOption.AllDirectories)
            .Select(path => new Room(path)).OrderBy(room => room.Rank)];

    private static string Configuration =>
        AppContext.BaseDirectory.Split('/', '\\').Contains("Release") ? "Release" : "Debug";

    private IEnumerable<string> Includes(string element) =>
        project.Descendants(element).Select(item => item.Attribute("Include")?.Value).OfType<string>();

    private IEnumerable<string> Values(string element) => project.Descendants(element).Select(item => item.Value);

    private static string FindRoot()
    {
        var directory = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(directory.FullName, "Millrace.slnx")))
            directory = directory.Parent ?? throw new InvalidOperationException("The tests do not run inside the repository.");
        return directory.FullName;
    }
}
