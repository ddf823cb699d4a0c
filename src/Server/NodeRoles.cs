namespace Millrace.Server;

/// <summary>What a node does.</summary>
[Flags]
public enum NodeRoles
{
    /// <summary>Nothing.</summary>
    None = 0,
    /// <summary>Channels, keys, who is live, the API.</summary>
    Platform = 1,
    /// <summary>Keeps what ingest packaged and hands it out.</summary>
    Origin = 2,
    /// <summary>Takes streams in.</summary>
    Ingest = 4,
    /// <summary>Hands out what it fetches from other nodes.</summary>
    Relay = 8,
    /// <summary>Every role of a single machine: <c>millrace up</c>.</summary>
    Up = Platform | Origin | Ingest,
}

/// <summary>Roles as <c>--roles</c> names them.</summary>
public static class NodeRoleList
{
    /// <summary>Reads a comma-separated list; what is wrong with it, a sentence each.</summary>
    public static NodeRoles Parse(string text, ICollection<string> faults)
    {
        var roles = NodeRoles.None;
        foreach (var name in text.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
        {
            var role = name.ToLowerInvariant() switch
            {
                "platform" => NodeRoles.Platform,
                "origin" => NodeRoles.Origin,
                "ingest" => NodeRoles.Ingest,
                "relay" => NodeRoles.Relay,
                _ => NodeRoles.None,
            };
            if (role == NodeRoles.None)
                faults.Add($"--roles: there is no role '{name}'; there are ingest, origin, platform and relay.");
            roles |= role;
        }
        if (roles == NodeRoles.None && faults.Count == 0)
            faults.Add("--roles: names no role.");
        // The same paths cannot be both kept and fetched.
        if (roles.HasFlag(NodeRoles.Relay) && roles != NodeRoles.Relay)
            faults.Add("--roles: relay stands alone; a node with the role origin is its parent.");
        // The database of channels is a file of its own: each node of the other two roles reads the one under its Data:Path.
        if (roles == NodeRoles.Platform)
            faults.Add("--roles: platform alone has nothing to tell; it goes with ingest or origin.");
        return roles;
    }
}
