using Microsoft.Extensions.Configuration;
using Millrace.Ingest;
using Millrace.Server.Http;
using Millrace.Server.Options;
using Millrace.Server.Rtmp;

namespace Millrace.Server.Tests;

public sealed class ConfigurationTests
{
    [Fact]
    public void Load_NothingGiven_IsTheDefaultsAndHasNoFault()
    {
        var configuration = Load();
        Assert.Empty(configuration.Faults);
        Assert.Equal(8080, configuration.Get<HttpOptions>().Port);
        Assert.Equal(AdmissionMode.Keys, configuration.Get<IngestOptions>().Admission);
    }

    [Fact]
    public void Load_FileAndCommandLine_LastOneWinsAndIsNamed()
    {
        using var file = new TemporaryFile("""{ "Http": { "Port": 1, "KeepAlive": "2m" }, /* kept */ "Rtmp": { "Port": 2 } }""");
        var configuration = Load(file.Path, ("Http:Port", "3"), ("ingest:admission", "OPEN"));
        Assert.Empty(configuration.Faults);
        Assert.Equal((3, TimeSpan.FromMinutes(2)), (configuration.Get<HttpOptions>().Port, configuration.Get<HttpOptions>().KeepAlive));
        Assert.Equal(2, configuration.Get<RtmpOptions>().Port);
        Assert.Equal(AdmissionMode.Open, configuration.Get<IngestOptions>().Admission);
        Assert.Equal("command line", configuration.SourceOf(Leaf("Http:Port")));
        Assert.Equal(Path.GetFileName(file.Path), configuration.SourceOf(Leaf("Rtmp:Port")));
        Assert.Equal("default", configuration.SourceOf(Leaf("Rtmp:Address")));
    }

    [Fact]
    public void Load_OptionGivenTwice_IsTheLastOne() =>
        Assert.Equal(3, Load(null, ("Http:Port", "1"), ("Rtmp:Port", "2"), ("http:port", "3")).Get<HttpOptions>().Port);

    [Fact]
    public void Load_ManyFaults_AllAreListed()
    {
        var faults = Load(null,
            ("Http:Port", "x"), ("Http:Prt", "1"), ("Rtmp:Port", "70000"), ("Packaging:PartDuration", "3s"), ("Packaging:SegmentDuration", "1s"),
            ("Ingest:Admission", "maybe"), ("Rtmp:Tls:Port", "8443"), ("Delivery:KeepEnded", "-1s"), ("Other:Thing", "1")).Faults;
        foreach (var key in (string[])["Http:Port", "Http:Prt", "Rtmp:Port", "Packaging:PartDuration", "Ingest:Admission", "Rtmp:Tls:Certificate", "Delivery:KeepEnded", "Other:Thing"])
            Assert.Contains(faults, fault => fault.StartsWith(key + ":", StringComparison.Ordinal));
        Assert.Contains(faults, fault => fault.Contains("Did you mean Http:Port?", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("Packaging:SegmentDuration", "20s", "20s is outside 0.5s to 10s.")]
    [InlineData("Packaging:MaxInterleave", "3s", "3s is outside 0.1s to 2s.")]
    [InlineData("Packaging:Window", "2h", "7200s is outside 6s to 3600s.")]
    [InlineData("Ingest:ReconnectGrace", "2h", "7200s is outside 0s to 3600s.")]
    [InlineData("Rtmp:IdleTimeout", "1h", "3600s is outside 1s to 600s.")]
    [InlineData("Http:Port", "99999", "99999 is outside 0 to 65535.")]
    public void Load_ValueOutOfRange_IsSaidOnceInTheOptionsOwnWords(string key, string value, string words) =>
        Assert.Equal([$"{key}: {words}"], Load(null, (key, value)).Faults.Where(fault => fault.Contains("outside", StringComparison.Ordinal)));

    [Theory]
    [InlineData("Database:Kind", "sqlite", "postgres")]
    [InlineData("Cluster:Kind", "LOCAL", "redis")]
    public void Load_OptionWithOneValueSoFar_OthersAreRefusedByName(string key, string works, string later)
    {
        Assert.Empty(Load(null, (key, works)).Faults);
        var fault = Assert.Single(Load(null, (key, later)).Faults);
        Assert.StartsWith($"{key}: '{later}' is not there yet", fault, StringComparison.Ordinal);
        if (key.EndsWith("Kind", StringComparison.Ordinal))
            Assert.Contains("not one of", Assert.Single(Load(null, (key, "nonsense")).Faults), StringComparison.Ordinal);
    }

    [Fact]
    public void Load_S3Store_IsCheckedAndItsSecretIsShownToNobody()
    {
        var faults = Load(null, ("Storage:Kind", "s3"), ("Storage:S3:Endpoint", "ftp://x"), ("Storage:S3:Bucket", "No"), ("Storage:S3:Prefix", "/a?")).Faults;
        foreach (var key in (string[])["Storage:S3:Endpoint", "Storage:S3:Bucket", "Storage:S3:Prefix"])
            Assert.Contains(faults, fault => fault.StartsWith(key + ":", StringComparison.Ordinal));
        var good = Load(null, ("Storage:Kind", "s3"), ("Storage:S3:Bucket", "recordings"), ("Storage:S3:AccessKey", "id"), ("Storage:S3:SecretKey", "very-secret"));
        Assert.Empty(good.Faults);
        Assert.Equal("…", Leaf("Storage:S3:SecretKey").Show(good.Get<Millrace.Delivery.StorageOptions>()));
        // Nothing of it is asked for while the disk is all there is.
        Assert.Empty(Load(null, ("Storage:Kind", "disk"), ("Storage:S3:Bucket", "")).Faults);
    }

    [Fact]
    public void Load_SamePortTwice_IsAFault() =>
        Assert.Contains(Load(null, ("Http:Port", "1935")).Faults, fault => fault.Contains("twice", StringComparison.Ordinal));

    [Fact]
    public void Load_FileThatIsMissingOrBroken_IsAFault()
    {
        Assert.Single(Load("/nowhere/millrace.json").Faults);
        using var file = new TemporaryFile("{ \"Http\": ");
        Assert.Single(Load(file.Path).Faults);
    }

    /// <summary>docs/millrace.sample.json is the documentation of the options: every key, its default, and nothing else.</summary>
    [Fact]
    public void Sample_EveryOption_StandsThereWithItsDefault()
    {
        var path = Path.Combine(RepositoryRoot(), "docs", "millrace.sample.json");
        var sample = new ConfigurationBuilder().AddJsonFile(path).Build();
        // What JSON calls true comes as True.
        var written = sample.AsEnumerable().Where(entry => entry.Value is not null)
            .ToDictionary(entry => entry.Key, entry => bool.TryParse(entry.Value, out var flag) ? flag ? "true" : "false" : entry.Value!);
        var defaults = OptionSections.All.SelectMany(section => OptionLeaf.Of(section)
            .Select(leaf => (leaf.Key, Value: leaf.Show(Activator.CreateInstance(section.Type)!)))).ToDictionary(entry => entry.Key, entry => entry.Value);
        Assert.Equal(defaults.OrderBy(entry => entry.Key, StringComparer.Ordinal), written.OrderBy(entry => entry.Key, StringComparer.Ordinal));
        Assert.Empty(Load(path).Faults);
    }

    [Theory]
    [InlineData("2", 2000)]
    [InlineData("0.333", 333)]
    [InlineData("500ms", 500)]
    [InlineData("30s", 30000)]
    [InlineData("10m", 600000)]
    [InlineData("1h", 3600000)]
    [InlineData("00:00:02.5", 2500)]
    public void Duration_AsPeopleWriteIt_IsRead(string text, double milliseconds)
    {
        Assert.True(DurationText.TryParse(text, out var duration));
        Assert.Equal(TimeSpan.FromMilliseconds(milliseconds), duration);
        Assert.True(DurationText.TryParse(DurationText.Format(duration), out var again));
        Assert.Equal(duration, again);
    }

    [Theory]
    [InlineData("")]
    [InlineData("-1s")]
    [InlineData("s")]
    [InlineData("1e9")]
    [InlineData("NaN")]
    [InlineData("999999999999h")]
    public void Duration_Nonsense_IsRefused(string text) => Assert.False(DurationText.TryParse(text, out _));

    [Fact]
    public void Parse_CommandLine_TellsOptionsFlagsAndOperandsApart()
    {
        var line = CommandLine.Parse(["channel", "--Data:Path", "/x", "create", "--Http:Port=1", "name", "--demo", "--config=f.json"]);
        Assert.Equal("channel", line.Verb);
        Assert.Equal(["create", "name"], line.Operands);
        Assert.Equal([new("Data:Path", "/x"), new("Http:Port", "1")], line.Settings);
        Assert.Equal(["demo"], line.Flags);
        Assert.Equal("f.json", line.ConfigurationFile);
        Assert.Empty(line.Faults);
        Assert.Equal(2, CommandLine.Parse(["up", "--Foo=1", "--Http:Port"]).Faults.Count);
    }

    [Theory]
    [InlineData("/", "/index.html")]
    [InlineData("/c/studio-one", "/watch.html")]
    [InlineData("/embed/studio-one", "/embed.html")]
    [InlineData("/b/01kb2c3d4e5f6g7h8j9kmnpqrs", "/watch.html")]
    [InlineData("/assets/x.js", "/assets/x.js")]
    public void PageOf_Address_IsItsFile(string path, string file) => Assert.Equal(file, WebFiles.PageOf(path));

    private static EffectiveConfiguration Load(string? file = null, params (string Key, string Value)[] settings) =>
        EffectiveConfiguration.Load(file, [.. settings.Select(setting => KeyValuePair.Create(setting.Key, setting.Value))]);

    private static OptionLeaf Leaf(string key) => OptionSections.All.SelectMany(OptionLeaf.Of).Single(leaf => leaf.Key == key);

    private static string RepositoryRoot()
    {
        var directory = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(directory!.FullName, "Millrace.slnx")))
            directory = directory.Parent;
        return directory.FullName;
    }

    private sealed class TemporaryFile : IDisposable
    {
        public TemporaryFile(string text)
        {
            Path = System.IO.Path.Combine(System.IO.Path.GetTempPath(), $"millrace-{Guid.NewGuid():n}.json");
            File.WriteAllText(Path, text);
        }

        public string Path { get; }

        public void Dispose() => File.Delete(Path);
    }
}
