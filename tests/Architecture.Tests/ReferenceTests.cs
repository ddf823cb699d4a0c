namespace Millrace.Architecture.Tests;

/// <summary>The dependency order of the rooms, read from the project files and from what the compiler wrote.</summary>
public sealed class ReferenceTests
{
    public static TheoryData<string> Rooms => [.. Room.All.Select(room => room.Name)];

    [Theory]
    [MemberData(nameof(Rooms))]
    public void Room_AnyProjectUnderSrc_IsInTheOrder(string name) =>
        Assert.True(Room.RankOf(name) >= 0, $"src/{name} is not in Room.Order: give it a place there and in docs/architecture.md.");

    [Theory]
    [MemberData(nameof(Rooms))]
    public void Room_ProjectReferences_PointUpTheOrder(string name)
    {
        var room = Find(name);
        foreach (var reference in room.ProjectReferences)
            AssertAllowed(room, reference);
    }

    /// <summary>Transitive references need no line in the project file, so only the assembly tells what is really used.</summary>
    [Theory]
    [MemberData(nameof(Rooms))]
    public void Room_CompiledReferences_PointUpTheOrder(string name)
    {
        var room = Find(name);
        foreach (var reference in room.CompiledReferences())
        {
            if (Room.All.FirstOrDefault(other => other.AssemblyName == reference) is { } target)
                AssertAllowed(room, target.Name);
        }
    }

    [Theory]
    [MemberData(nameof(Rooms))]
    public void Room_UpToDash_UsesTheBaseLibraryOnly(string name)
    {
        var room = Find(name);
        if (!room.IsBaseLibraryOnly)
            return;
        Assert.Empty(room.PackageReferences);
        Assert.Empty(room.FrameworkReferences);
        Assert.Equal("Microsoft.NET.Sdk", room.Sdk);

        var baseLibrary = Path.GetDirectoryName(typeof(object).Assembly.Location)!;
        foreach (var reference in room.CompiledReferences())
        {
            if (!Room.All.Any(other => other.AssemblyName == reference))
                Assert.True(File.Exists(Path.Combine(baseLibrary, reference + ".dll")), $"{name} uses {reference}, which is not in the base library.");
        }
    }

    [Fact]
    public void Rule_ReferenceDownTheOrderOrBetweenTwins_IsRefused()
    {
        Assert.False(IsAllowed("Core", "Media"));
        Assert.False(IsAllowed("Hls", "Delivery"));
        Assert.False(IsAllowed("Dash", "Hls"));
        Assert.False(IsAllowed("Media", "Media"));
        Assert.False(IsAllowed("Core", "Newcomer"));
        Assert.True(IsAllowed("Dash", "Timeline"));
        Assert.True(IsAllowed("Server", "Core"));
    }

    private static Room Find(string name) => Room.All.Single(room => room.Name == name);

    private static void AssertAllowed(Room room, string reference) =>
        Assert.True(IsAllowed(room.Name, reference), $"{room.Name} references {reference}: a room references only rooms above it, and twins not each other ({string.Join(", ", Room.Order)}).");

    private static bool IsAllowed(string from, string to) =>
        Room.RankOf(to) >= 0 && Room.RankOf(to) < Room.RankOf(from) && !(from == "Dash" && to == "Hls");
}
