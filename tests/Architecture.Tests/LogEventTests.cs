using System.Globalization;
using System.Text.RegularExpressions;

namespace Millrace.Architecture.Tests;

/// <summary>Log event ids: each one unique, and each room in thousands of its own.</summary>
public sealed partial class LogEventTests
{
    private readonly record struct LogEvent(string Room, string File, int Id);

    [Fact]
    public void LoggerMessage_EveryAttribute_NamesItsId()
    {
        foreach (var (room, path, text) in Texts())
        {
            var attributes = Attribute().Count(text);
            var ids = Id().Count(text);
            Assert.True(attributes == ids, $"{room}/{Path.GetFileName(path)}: {attributes} LoggerMessage attributes, {ids} with an id in first place.");
        }
    }

    [Fact]
    public void LoggerMessage_Ids_AreUniqueOverAllRooms()
    {
        var clashes = Events().GroupBy(item => item.Id).Where(group => group.Count() > 1)
            .Select(group => $"{group.Key}: {string.Join(", ", group.Select(item => $"{item.Room}/{item.File}"))}");
        Assert.Empty(clashes);
    }

    [Fact]
    public void LoggerMessage_Thousands_BelongToOneRoom()
    {
        var shared = Events().GroupBy(item => item.Id / 1000).Where(group => group.Select(item => item.Room).Distinct().Count() > 1)
            .Select(group => $"{group.Key}000: {string.Join(", ", group.Select(item => item.Room).Distinct())}");
        Assert.Empty(shared);
    }

    [Fact]
    public void LoggerMessage_EveryId_IsInTheOperatorsPage()
    {
        var page = File.ReadAllText(Path.Combine(Room.Root, "docs", "operations.md"));
        Assert.Empty(Events().Where(item => !page.Contains($"| {item.Id} |", StringComparison.Ordinal)).Select(item => $"{item.Room}: {item.Id}"));
    }

    private static IEnumerable<(string Room, string Path, string Text)> Texts() =>
        Room.All.SelectMany(room => room.Sources.Select(path => (room.Name, path, File.ReadAllText(path))));

    private static IEnumerable<LogEvent> Events() =>
        Texts().SelectMany(source => Id().Matches(source.Text).Select(match =>
            new LogEvent(source.Room, Path.GetFileName(source.Path), int.Parse(match.Groups[1].ValueSpan, CultureInfo.InvariantCulture))));

    [GeneratedRegex(@"\[LoggerMessage\(")]
    private static partial Regex Attribute();

    [GeneratedRegex(@"\[LoggerMessage\(\s*(?:EventId\s*=\s*)?(\d+)")]
    private static partial Regex Id();
}
