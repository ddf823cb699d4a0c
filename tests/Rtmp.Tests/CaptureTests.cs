using System.Globalization;
using System.Text.RegularExpressions;

namespace Millrace.Rtmp.Tests;

/// <summary>What real encoders sent, against what the description beside each capture says is in it.</summary>
public sealed partial class CaptureTests
{
    private static string Folder => Path.Combine(AppContext.BaseDirectory, "captures");

    public static TheoryData<string> Names =>
        [.. Directory.GetFiles(Folder, "*.bin").Select(path => Path.GetFileNameWithoutExtension(path)).Order(StringComparer.Ordinal)];

    [Fact]
    public void Captures_Folder_HoldsSome() => Assert.NotEmpty(Names);

    [Theory]
    [MemberData(nameof(Names))]
    public void Receive_Capture_FindsWhatItsDescriptionSays(string name)
    {
        var description = File.ReadAllText(Path.Combine(Folder, name + ".md"));
        Assert.Matches(AudioCount(), description);
        Assert.Matches(AudioTimes(), description);
        var lines = Replay(name, -1);
        foreach (var (kind, pattern) in new[] { ("audio", AudioCount()), ("video", VideoCount()), ("data", DataCount()) })
        {
            if (pattern.Match(description) is { Success: true } count)
                Assert.Equal(int.Parse(count.Groups[1].ValueSpan, CultureInfo.InvariantCulture), lines.Count(l => IsOf(l, kind)));
        }
        foreach (var (kind, pattern) in new[] { ("audio", AudioTimes()), ("video", VideoTimes()) })
        {
            if (pattern.Match(description) is not { Success: true } times)
                continue;
            var found = lines.Where(l => IsOf(l, kind)).Select(l => l.Split(' ')[1]).ToArray();
            Assert.Equal([times.Groups[1].Value, times.Groups[2].Value, times.Groups[3].Value], [found[0], found[1], found[^1]]);
        }
        Assert.Contains("publish capture Live", lines);
        Assert.Equal(description.Contains("FCUnpublish,", StringComparison.Ordinal), lines.Contains("unpublish FCUnpublish"));
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Receive_CaptureInPortions_ReportsTheSame(string name)
    {
        var whole = Replay(name, -1);
        foreach (var portion in new[] { 1, 2, 3, 127, 1461, 4097, 65_521 })
            Assert.Equal(whole, Replay(name, portion));
    }

    private static List<string> Replay(string name, int portion)
    {
        using var server = new Server();
        Assert.Null(server.Receive(File.ReadAllBytes(Path.Combine(Folder, name + ".bin")), portion));
        Assert.Equal(0, server.Session.UnfinishedBytes);
        return server.Events.Lines;
    }

    private static bool IsOf(string line, string kind) => line.StartsWith(kind + " ", StringComparison.Ordinal);

    [GeneratedRegex(@"\baudio (\d+)[,| ]")]
    private static partial Regex AudioCount();

    [GeneratedRegex(@"\bvideo (\d+)[,| ]")]
    private static partial Regex VideoCount();

    [GeneratedRegex(@"data \(AMF0\) (\d+)")]
    private static partial Regex DataCount();

    [GeneratedRegex(@"audio timestamps \| first two (\d+), (\d+); last (\d+)")]
    private static partial Regex AudioTimes();

    [GeneratedRegex(@"video timestamps \| first two (\d+), (\d+); last (\d+)")]
    private static partial Regex VideoTimes();
}
