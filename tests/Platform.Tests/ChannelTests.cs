using Microsoft.Extensions.Time.Testing;
using Millrace.Core;

namespace Millrace.Platform.Tests;

public sealed class ChannelTests : IDisposable
{
    private readonly DirectoryInfo directory = Directory.CreateTempSubdirectory("millrace-platform-");
    private readonly FakeTimeProvider time = new();
    private readonly ChannelStore channels;

    public ChannelTests() => channels = Open();

    [Fact]
    public void Create_NewName_GivesAKeyThatFindsItAndIsNotInTheFile()
    {
        var key = channels.Create(Name("studio-one"))!.Value;
        Assert.Matches("^[a-z2-7]{32}$", key.Reveal());
        Assert.Equal(Name("studio-one"), channels.FindByKeyHash(StreamKey.HashOf(key.Reveal())));
        Assert.Null(channels.Create(Name("studio-one")));
        Microsoft.Data.Sqlite.SqliteConnection.ClearAllPools();
        foreach (var file in directory.GetFiles())
            Assert.DoesNotContain(key.Reveal(), File.ReadAllText(file.FullName, System.Text.Encoding.Latin1), StringComparison.Ordinal);
    }

    [Fact]
    public void Key_InAText_IsHidden()
    {
        var key = StreamKey.New();
        Assert.DoesNotContain(key.Reveal(), $"{key}", StringComparison.Ordinal);
        Assert.NotEqual(key.Reveal(), StreamKey.New().Reveal());
    }

    [Fact]
    public void RotateKey_OldKey_FindsNothing()
    {
        var old = channels.Create(Name("studio-one"))!.Value;
        var key = channels.RotateKey(Name("studio-one"))!.Value;
        Assert.Null(channels.FindByKeyHash(old.Hash()));
        Assert.Equal(Name("studio-one"), channels.FindByKeyHash(key.Hash()));
        Assert.Null(channels.RotateKey(Name("nobody")));
    }

    [Fact]
    public void Delete_Channel_IsGoneForOtherProcessesToo()
    {
        channels.Create(Name("one"));
        channels.Create(Name("two"));
        var other = Open();
        Assert.Equal([Name("one"), Name("two")], other.List().Select(channel => channel.Name));
        Assert.True(other.Delete(Name("one")));
        Assert.False(channels.Delete(Name("one")));
        Assert.Null(channels.Find(Name("one")));
    }

    [Fact]
    public void Open_FileOfANewerVersion_IsRefused()
    {
        using (var connection = new Microsoft.Data.Sqlite.SqliteConnection($"Data Source={directory.FullName}/{PlatformDatabase.FileName}"))
        {
            connection.Open();
            using var command = connection.CreateCommand();
            command.CommandText = "PRAGMA user_version = 99";
            command.ExecuteNonQuery();
        }
        Assert.Contains("newer", Assert.Throws<PlatformDatabaseException>(() => Open()).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Open_FileThatIsNoDatabase_SaysSo()
    {
        var path = Path.Combine(directory.FullName, "other.db");
        File.WriteAllText(path, "this is a text, and it is long enough to be taken for a header of a file");
        Assert.Contains(path, Assert.Throws<PlatformDatabaseException>(() => PlatformDatabase.Open(path)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task FindChannel_RotatedByAnotherProcess_StopsWorkingWithinTheCachesTime()
    {
        using var keys = new ChannelKeys(channels, time);
        var old = channels.Create(Name("studio-one"))!.Value.Reveal();
        Assert.Equal(Name("studio-one"), await keys.FindChannelAsync(old, TestContext.Current.CancellationToken));
        var key = Open().RotateKey(Name("studio-one"))!.Value.Reveal();
        time.Advance(ChannelKeys.CacheFor);
        Assert.Null(await keys.FindChannelAsync(old, TestContext.Current.CancellationToken));
        Assert.Equal(Name("studio-one"), await keys.FindChannelAsync(key, TestContext.Current.CancellationToken));
    }

    [Theory]
    [InlineData("")]
    [InlineData("studio-one")]
    [InlineData("' OR 1=1 --")]
    public async Task FindChannel_WrongKey_IsNothing(string key)
    {
        using var keys = new ChannelKeys(channels, time);
        channels.Create(Name("studio-one"));
        Assert.Null(await keys.FindChannelAsync(key, TestContext.Current.CancellationToken));
        Assert.Null(await keys.FindChannelAsync(new string('a', 100_000), TestContext.Current.CancellationToken));
    }

    public void Dispose()
    {
        Microsoft.Data.Sqlite.SqliteConnection.ClearAllPools();
        directory.Delete(recursive: true);
    }

    private ChannelStore Open() => new(PlatformDatabase.Open(Path.Combine(directory.FullName, PlatformDatabase.FileName)), time);

    private static ChannelName Name(string text)
    {
        Assert.True(ChannelName.TryParse(text, out var name));
        return name;
    }
}
