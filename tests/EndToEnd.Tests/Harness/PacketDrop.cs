namespace Millrace.EndToEnd.Tests.Harness;

/// <summary>
/// Drops packets in the kernel (nftables), new connections' as well. Only where the tests have a network of their own, so that
/// nobody else loses any: <c>unshare --net</c>, and <c>MILLRACE_DROP=nft</c> to say so.
/// </summary>
internal static class PacketDrop
{
    public static bool IsPossible { get; } = Environment.GetEnvironmentVariable("MILLRACE_DROP") == "nft";

    /// <summary>Whatever goes to or comes from these TCP ports is lost.</summary>
    public static Task BeginAsync(IEnumerable<int> ports)
    {
        var set = $"{{ {string.Join(", ", ports)} }}";
        return RunAsync("add table ip millrace; add chain ip millrace lost { type filter hook input priority 0; }; "
            + $"add rule ip millrace lost tcp dport {set} drop; add rule ip millrace lost tcp sport {set} drop");
    }

    /// <summary>They arrive again.</summary>
    public static Task EndAsync() => RunAsync("delete table ip millrace");

    private static async Task RunAsync(string commands)
    {
        await using var nft = new ChildProcess(Tools.Need("nft"), [commands]);
        var code = await nft.ExitAsync(TimeSpan.FromSeconds(10));
        Assert.True(code == 0, nft.Output);
    }
}
