using Millrace.Server.Options;

namespace Millrace.Server.Commands;

/// <summary><c>millrace config</c>: every option, its value and where the value came from.</summary>
public static class ConfigCommand
{
    /// <summary>Prints the table; faults go to <paramref name="error"/> below it.</summary>
    public static async Task<int> RunAsync(EffectiveConfiguration configuration, IReadOnlyList<string> faults, TextWriter output, TextWriter error)
    {
        var rows = OptionSections.All
            .SelectMany(section => OptionLeaf.Of(section).Select(leaf => (leaf.Key, Value: leaf.Show(configuration.Get(section)), Source: configuration.SourceOf(leaf))))
            .ToList();
        var keys = rows.Max(row => row.Key.Length);
        var values = Math.Min(rows.Max(row => row.Value.Length), 40);
        foreach (var (key, value, source) in rows)
            await output.WriteLineAsync($"{key.PadRight(keys)}  {value.PadRight(values)}  {source}");
        return faults.Count == 0 ? 0 : await Verbs.RefuseAsync(error, faults);
    }
}
