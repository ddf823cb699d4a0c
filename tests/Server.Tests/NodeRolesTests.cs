using Millrace.Server.Commands;

namespace Millrace.Server.Tests;

/// <summary>What <c>millrace node</c> takes, and what it says to the rest.</summary>
public sealed class NodeRolesTests
{
    [Theory]
    [InlineData("relay", NodeRoles.Relay, 0)]
    [InlineData("ingest, Origin,platform", NodeRoles.Up, 0)]
    [InlineData("ingest,origin", NodeRoles.Ingest | NodeRoles.Origin, 0)]
    [InlineData("origin", NodeRoles.Origin, 0)]
    [InlineData("ingest,platform", NodeRoles.Ingest | NodeRoles.Platform, 0)]
    [InlineData("platform", NodeRoles.Platform, 1)]
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
    [InlineData("node --roles ingest --parent http://a:1 --origin http://b:1", "Relay:Parents")]
    [InlineData("node --roles ingest", "--origin: a node with the role ingest")]
    [InlineData("node --roles ingest --origin http://a:1", "Origin:Secret: is needed")]
    [InlineData("node --roles ingest --origin a:8080", "Origin:Push: 'a:8080' is not an address")]
    [InlineData("node --roles ingest --origin http://a:1 --origin http://a:1", "Origin:Push: names an origin twice")]
    [InlineData("node --roles origin", "Origin:Secret: a node with the role origin")]
    [InlineData("node --roles origin --Origin:Secret=short", "Origin:Secret: is not 32 to 512")]
    [InlineData("node --roles relay --parent http://a:1 --origin http://b:1", "Origin:Push: belongs to")]
    [InlineData("node --roles origin --Origin:Peers=http://a:1", "Origin:Secret: is needed when Origin:Peers")]
    [InlineData("node --roles ingest --origin http://a:1 --Origin:Peers=http://b:1", "Origin:Peers: belongs to")]
    [InlineData("node --roles origin --Origin:Peers=b:1", "Origin:Peers: 'b:1' is not an address")]
    [InlineData("up --origin http://a:1", "Origin:Push: millrace up is its own origin")]
    [InlineData("doctor --roles relay", "--roles")]
    public async Task Node_AskedWrongly_SaysWhatIsMissing(string words, string named)
    {
        var error = new StringWriter();
        Assert.Equal(2, await Verbs.RunAsync(CommandLine.Parse(words.Split(' ')), TextWriter.Null, error));
        Assert.Contains(named, error.ToString(), StringComparison.Ordinal);
    }
}
