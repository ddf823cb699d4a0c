using Millrace.Server.Commands;

namespace Millrace.Server.Tests.Commands;

/// <summary>What is said to whoever asks for something that is not there.</summary>
public sealed class VerbsTests
{
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
