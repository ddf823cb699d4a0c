namespace Millrace.Server.Options;

/// <summary>Where channels and their keys are kept: section <c>Database</c>.</summary>
public sealed class DatabaseOptions
{
    /// <summary><c>sqlite</c> (a file under <c>Data:Path</c>) or <c>postgres</c>. Only <c>sqlite</c> is there yet.</summary>
    public DatabaseKind Kind { get; set; } = DatabaseKind.Sqlite;
}

/// <summary>The database engine.</summary>
public enum DatabaseKind
{
    /// <summary>A file under <c>Data:Path</c>.</summary>
    Sqlite,
    /// <summary>PostgreSQL. Not there yet.</summary>
    Postgres,
}

/// <summary>How nodes find each other: section <c>Cluster</c>.</summary>
public sealed class ClusterOptions
{
    /// <summary><c>local</c> (this node is all there is), <c>postgres</c> or <c>redis</c>. Only <c>local</c> is there yet.</summary>
    public ClusterKind Kind { get; set; } = ClusterKind.Local;

    /// <summary>
    /// What the nodes of one fleet know and nobody else: origins and relays tell each other what is to be purged with it. At
    /// least 16 characters, the same on all nodes. Default empty: <c>/internal/…</c> does not exist, and purges reach no relay.
    /// </summary>
    public string Secret { get; set; } = "";
}

/// <summary>How nodes find each other.</summary>
public enum ClusterKind
{
    /// <summary>One node.</summary>
    Local,
    /// <summary>Over PostgreSQL. Not there yet.</summary>
    Postgres,
    /// <summary>Over Redis. Not there yet.</summary>
    Redis,
}

/// <summary>
/// Refuses what the contract names and this version does not do. Accepting it in silence would make an operator believe in a recording
/// that nobody makes.
/// </summary>
internal static class LaterRules
{
    public static IEnumerable<string> Check(DatabaseOptions options) =>
        options.Kind == DatabaseKind.Sqlite ? [] : [NotYet("Database:Kind", options.Kind, "sqlite: a file under Data:Path")];

    public static IEnumerable<string> Check(ClusterOptions options)
    {
        if (options.Kind != ClusterKind.Local)
            yield return NotYet("Cluster:Kind", options.Kind, "local: this node is all there is");
        if (options.Secret.Length is > 0 and < 16)
            yield return "Cluster:Secret: has fewer than 16 characters.";
    }

    private static string NotYet(string key, object value, string works) =>
        $"{key}: '{value.ToString()!.ToLowerInvariant()}' is not there yet in this version. What works is {works}.";
}
