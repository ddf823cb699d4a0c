using Millrace.Server.Commands;

namespace Millrace.Server.Tests;

/// <summary>What <c>millrace node</c> takes, and what it says to the rest.</summary>
public sealed class NodeRolesTests
{
    [Theory]
    [InlineData("relay", NodeRoles.Relay, 0)]
    [InlineData("ingest, Origin,platform", NodeRoles.Up, 0)]
    [InlineData("ingest,origin", NodeRoles.Ingest | NodeRoles.Origin, 1)]
    [InlineData("relay,origin", NodeRoles.Relay | NodeRoles.Origin, 1)]
    [InlineData("chef", NodeRoles.None, 1)]
    [InlineData("", NodeRoles.None, 1)]
    public void Roles_AsTyped_AreReadOrRefused(string text, NodeRoles expected, int count)
    {
        var faults = new List<string>();
        Assert.Equal(expected, NodeRoleList.Parse(text, faults));
        Assert.Equal(count, faults.Count);
    }

    [Theory]
    [InlineData("node", "--roles LIST")]
    [InlineData("node --roles relay", "--parent")]
    [InlineData("node --roles relay --parent origin:8080", "Relay:Parents: 'origin:8080'")]
    [InlineData("node --roles relay --parent http://a:1 --parent http://a:1", "names a parent twice")]
    [InlineData("node --roles relay --parent http://a:1 --Relay:Name=9", "Relay:Name")]
    [InlineData("up --parent http://a:1", "Relay:Parents")]
    [InlineData("doctor --roles relay", "--roles")]
    public async Task Node_AskedWrongly_SaysWhatIsMissing(string words, string named)
    {
        var error = new StringWriter();
        Assert.Equal(2, await Verbs.RunAsync(CommandLine.Parse(words.Split(' ')), TextWriter.Null, error));
        Assert.Contains(named, error.ToString(), StringComparison.Ordinal);
    }
}
