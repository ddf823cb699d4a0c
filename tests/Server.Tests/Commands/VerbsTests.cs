using Millrace.Server.Commands;

namespace Millrace.Server.Tests.Commands;

/// <summary>What is said to whoever asks for something that is not there.</summary>
public sealed class VerbsTests
{
    [Theory]
    [InlineData("node")]
    [InlineData("node", "--roles", "ingest", "--parent", "http://origin:8080")]
    public async Task Node_WithOptionsOrNot_SaysThatAFleetIsNotThere(params string[] words)
    {
        var error = new StringWriter();
        Assert.Equal(2, await Verbs.RunAsync(CommandLine.Parse(words), TextWriter.Null, error));
        Assert.StartsWith("millrace: millrace node: a fleet of nodes is not in this version", Assert.Single(Lines(error)), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Verb_Unknown_IsNamedAndTheOthersAreListed()
    {
        var error = new StringWriter();
        Assert.Equal(2, await Verbs.RunAsync(CommandLine.Parse(["serve"]), TextWriter.Null, error));
        Assert.Equal("millrace: millrace serve: there is no such verb.", Lines(error)[0]);
        Assert.Contains(Lines(error), line => line.StartsWith("  up ", StringComparison.Ordinal));
    }

    private static string[] Lines(StringWriter text) => text.ToString().Split(Environment.NewLine, StringSplitOptions.RemoveEmptyEntries);
}
