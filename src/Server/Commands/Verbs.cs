using Millrace.Delivery.Relay;
using Millrace.Push;
using Millrace.Server.Options;

namespace Millrace.Server.Commands;

/// <summary>The verbs of the command line. Exit codes: 0 done, 1 it failed, 2 it was asked wrongly.</summary>
public static class Verbs
{
    private const string Usage = """
        Usage: millrace VERB [--Key:Sub=value …]

          up [--demo]                        run everything on this machine; --demo puts two synthetic channels on air
          node --roles LIST [--origin URL …] [--parent URL …]
                                             run some roles: ingest takes streams in and pushes them to its origins, origin
                                             keeps and serves what is pushed, relay hands on what it fetches from its
                                             parents; ingest,origin,platform is what up runs
          channel create NAME                make a channel and print its stream key, once
          channel list                       the channels
          channel rotate-key NAME            replace a channel's stream key and print the new one, once
          channel delete NAME                delete a channel
          broadcast list CHANNEL             a channel's broadcast on air, and its replays
          broadcast delete ID                take a broadcast down: it ends, and nothing of it stays
          broadcast adopt [NODE]             what other nodes left unfinished in the S3 store; with the name of one that never
                                             comes back: take it up here
          clip create BROADCAST FROM TO NAME keep a range of a broadcast for good; seconds from its beginning
          clip list CHANNEL                  a channel's clips
          clip delete ID                     delete a clip
          doctor                             check what Millrace needs and say what to do
          config                             print every option, its value and where it came from

        Options come from defaults < millrace.json (or --config FILE) < environment (MILLRACE__Rtmp__Port=1936)
        < command line (--Rtmp:Port=1936).
        """;

    /// <summary>Runs what was asked for.</summary>
    public static async Task<int> RunAsync(CommandLine line, TextWriter output, TextWriter error)
    {
        if (line.Flags.Contains("help") || line.Verb is "" or "help")
        {
            await output.WriteLineAsync(Usage);
            return line.Verb is "" && !line.Flags.Contains("help") ? 2 : 0;
        }

        var configuration = EffectiveConfiguration.Load(line.ConfigurationFile, line.Settings);
        var faults = line.Faults.Concat(configuration.Faults).ToList();
        if (line.Verb is not "channel" and not "broadcast" and not "clip" and not "up" && line.Operands.Count > 0)
            faults.Add($"millrace {line.Verb}: does not take '{line.Operands[0]}'.");
        if (line.Flags.Contains("demo") && line.Verb != "up")
            faults.Add("--demo: belongs to millrace up.");
        if (line.Verb is "up" && line.Operands.Count > 0)
            faults.Add($"millrace up: does not take '{line.Operands[0]}'.");
        var roles = CheckRoles(line, configuration, faults);
        if (line.Verb is "config")
            return await ConfigCommand.RunAsync(configuration, faults, output, error);
        if (faults.Count > 0)
            return await RefuseAsync(error, faults);

        switch (line.Verb)
        {
            case "up":
            case "node":
                return await UpCommand.RunAsync(configuration, roles, line.Flags.Contains("demo"), output, error);
            case "channel":
                return await ChannelCommand.RunAsync(configuration, line.Operands, output, error);
            case "broadcast":
                return await BroadcastCommand.RunAsync(configuration, line.Operands, output, error);
            case "clip":
                return await ClipCommand.RunAsync(configuration, line.Operands, output, error);
            case "doctor":
                return await DoctorCommand.RunAsync(configuration, output);
            default:
                await RefuseAsync(error, [$"millrace {line.Verb}: there is no such verb."]);
                await error.WriteLineAsync(Usage);
                return 2;
        }
    }

    /// <summary>The roles that were asked for, and whether they have the parents and origins that they need.</summary>
    private static NodeRoles CheckRoles(CommandLine line, EffectiveConfiguration configuration, List<string> faults)
    {
        var relay = configuration.Get<RelayOptions>();
        var push = configuration.Get<PushOptions>();
        if (line.Verb is not "node")
        {
            if (line.RoleList is not null)
                faults.Add("--roles: belongs to millrace node.");
            if (line.Verb is "up" && relay.Parents.Count > 0)
                faults.Add("Relay:Parents: millrace up serves what it takes in and has no parent; a relay is millrace node --roles relay.");
            if (line.Verb is "up" && push.Push.Count > 0)
                faults.Add("Origin:Push: millrace up is its own origin; a node that pushes to others is millrace node --roles ingest.");
            return NodeRoles.Up;
        }
        if (line.RoleList is null)
        {
            faults.Add("millrace node: needs --roles LIST.");
            return NodeRoles.None;
        }
        var roles = NodeRoleList.Parse(line.RoleList, faults);
        if (roles == NodeRoles.Relay && relay.Parents.Count == 0)
            faults.Add("--parent: a relay needs the address of at least one node to fetch from.");
        if (roles != NodeRoles.None && !roles.HasFlag(NodeRoles.Relay) && relay.Parents.Count > 0)
            faults.Add("Relay:Parents: belongs to the role relay.");
        if ((roles & (NodeRoles.Origin | NodeRoles.Relay)) != 0 && push.Push.Count > 0)
            faults.Add("Origin:Push: belongs to a node with the role ingest and without the role origin.");
        if (!roles.HasFlag(NodeRoles.Origin) && push.Peers.Count > 0)
            faults.Add("Origin:Peers: belongs to a node with the role origin.");
        if (roles.HasFlag(NodeRoles.Ingest) && !roles.HasFlag(NodeRoles.Origin) && push.Push.Count == 0)
            faults.Add("--origin: a node with the role ingest and without the role origin needs the address of at least one origin to push to.");
        if (roles.HasFlag(NodeRoles.Origin) && !roles.HasFlag(NodeRoles.Ingest) && push.Secret.Length == 0)
            faults.Add("Origin:Secret: a node with the role origin and without the role ingest needs it, or nobody can push to it.");
        return roles;
    }

    /// <summary>Says everything that is wrong, a line each.</summary>
    public static async Task<int> RefuseAsync(TextWriter error, IEnumerable<string> faults)
    {
        foreach (var fault in faults)
            await error.WriteLineAsync("millrace: " + fault);
        return 2;
    }
}
