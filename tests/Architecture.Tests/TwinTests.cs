namespace Millrace.Architecture.Tests;

/// <summary>Hls and Dash have the same files: whoever knows one finds the way in the other.</summary>
public sealed class TwinTests
{
    [Fact]
    public void HlsAndDash_FileNames_MatchBesidesTheWordsOfTheFormat()
    {
        var hls = Shape("Hls");
        var dash = Shape("Dash");
        Assert.True(hls.SetEquals(dash),
            $"Only in Hls: {string.Join(", ", hls.Except(dash).Order())}. Only in Dash: {string.Join(", ", dash.Except(hls).Order())}.");
    }

    [Theory]
    [InlineData("HlsOptions", "DashOptions")]
    [InlineData("MediaPlaylist", "MediaManifest")]
    [InlineData("PlaylistWriter", "ManifestWriter")]
    public void Neutral_TwinNames_AreTheSame(string hls, string dash) => Assert.Equal(Neutral(hls), Neutral(dash));

    private static HashSet<string> Shape(string name) =>
        [.. Room.All.Single(room => room.Name == name).Sources.Select(path => Neutral(Path.GetFileNameWithoutExtension(path)))];

    private static string Neutral(string name) => name
        .Replace("Hls", "", StringComparison.Ordinal).Replace("Dash", "", StringComparison.Ordinal)
        .Replace("Playlist", "Presentation", StringComparison.Ordinal).Replace("Manifest", "Presentation", StringComparison.Ordinal);
}
