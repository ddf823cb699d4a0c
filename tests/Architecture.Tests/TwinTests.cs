namespace Millrace.Architecture.Tests;

/// <summary>
/// Hls and Dash are twins: whoever knows one finds the way in the other. A file that appears in one of them gets its
/// counterpart here, or the reason why the other format has none.
/// </summary>
public sealed class TwinTests
{
    private static readonly (string Hls, string Dash)[] Pairs =
    [
        ("MultivariantPlaylist", "Manifest"),
        ("MultivariantPlaylistOptions", "ManifestOptions"),
        ("MediaPlaylist", "SegmentTimeline"),
        ("Decimals", "Texts"),
    ];

    private static readonly Dictionary<string, string> HlsAlone = new()
    {
        ["HlsDirectives"] = "a manifest's request has no delivery directives",
        ["MediaPlaylistOptions"] = "a manifest is one document, and ManifestOptions are all of its options",
        ["PlaylistSkip"] = "DASH has no delta updates of this kind",
        ["DateRangeCursor"] = "delta updates again",
    };

    private static readonly Dictionary<string, string> DashAlone = new()
    {
        ["ManifestPeriod"] = "HLS has a tag for a discontinuity where DASH has an element",
    };

    [Fact]
    public void Hls_EveryFile_HasItsTwinOrAReason() =>
        AssertSame(Files("Hls"), Pairs.Select(pair => pair.Hls).Concat(HlsAlone.Keys));

    [Fact]
    public void Dash_EveryFile_HasItsTwinOrAReason() =>
        AssertSame(Files("Dash"), Pairs.Select(pair => pair.Dash).Concat(DashAlone.Keys));

    private static void AssertSame(IEnumerable<string> onDisk, IEnumerable<string> known)
    {
        var unknown = onDisk.Except(known).Order().ToList();
        var gone = known.Except(onDisk).Order().ToList();
        Assert.True(unknown.Count == 0 && gone.Count == 0,
            $"Without a twin in TwinTests: {string.Join(", ", unknown)}. In TwinTests, but gone: {string.Join(", ", gone)}.");
    }

    private static List<string> Files(string name) =>
        [.. Room.All.Single(room => room.Name == name).Sources.Select(path => Path.GetFileNameWithoutExtension(path))];
}
