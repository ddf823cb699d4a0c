namespace Millrace.Server;

/// <summary>What was typed: a verb, its operands, flags, and options of the configuration (<c>--Key:Sub=value</c>).</summary>
/// <param name="Verb">The first word, or empty.</param>
/// <param name="Operands">Further words without dashes.</param>
/// <param name="Flags">Switches that belong to the command line and not to the configuration, without dashes.</param>
/// <param name="ConfigurationFile">The operand of <c>--config</c>, or null.</param>
/// <param name="RoleList">The operand of <c>--roles</c>, or null.</param>
/// <param name="Settings">Configuration keys and values, in order.</param>
/// <param name="Faults">What could not be understood.</param>
public sealed record CommandLine(
    string Verb,
    IReadOnlyList<string> Operands,
    IReadOnlySet<string> Flags,
    string? ConfigurationFile,
    string? RoleList,
    IReadOnlyList<KeyValuePair<string, string>> Settings,
    IReadOnlyList<string> Faults)
{
    private static readonly string[] KnownFlags = ["demo", "help"];

    /// <summary>Reads the words after the program's name. Never throws.</summary>
    public static CommandLine Parse(IReadOnlyList<string> words)
    {
        var verb = "";
        var operands = new List<string>();
        var flags = new HashSet<string>(StringComparer.Ordinal);
        var settings = new List<KeyValuePair<string, string>>();
        var faults = new List<string>();
        var parents = new List<string>();
        var origins = new List<string>();
        string? file = null;
        string? roles = null;

        for (var i = 0; i < words.Count; i++)
        {
            var word = words[i];
            if (word is "-h")
            {
                flags.Add("help");
            }
            else if (!word.StartsWith("--", StringComparison.Ordinal))
            {
                if (verb.Length == 0)
                    verb = word;
                else
                    operands.Add(word);
            }
            else if (KnownFlags.Contains(word[2..]))
            {
                flags.Add(word[2..]);
            }
            else
            {
                // An option's value stands behind '=' or is the next word.
                var equals = word.IndexOf('=', StringComparison.Ordinal);
                var key = equals < 0 ? word[2..] : word[2..equals];
                string? value = null;
                if (equals >= 0)
                    value = word[(equals + 1)..];
                else if (i + 1 < words.Count && !words[i + 1].StartsWith("--", StringComparison.Ordinal))
                    value = words[++i];

                if (key == "config" && value is not null)
                    file = value;
                else if (key == "roles" && value is not null)
                    roles = value;
                else if (key == "parent" && value is not null)
                    parents.Add(value);
                else if (key == "origin" && value is not null)
                    origins.Add(value);
                else if (value is null)
                    faults.Add($"{word}: has no value.");
                else if (!key.Contains(':', StringComparison.Ordinal))
                    faults.Add($"--{key}: unknown option.");
                else
                    settings.Add(KeyValuePair.Create(key, value));
            }
        }
        if (parents.Count > 0)
            settings.Add(KeyValuePair.Create("Relay:Parents", string.Join(',', parents)));
        if (origins.Count > 0)
            settings.Add(KeyValuePair.Create("Origin:Push", string.Join(',', origins)));
        return new CommandLine(verb, operands, flags, file, roles, settings, faults);
    }
}
