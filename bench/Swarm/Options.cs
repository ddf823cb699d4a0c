using System.Globalization;

namespace Millrace.Swarm;

/// <summary>`--name value` pairs from the command line; an unknown name is an error.</summary>
internal sealed class Options
{
    private readonly Dictionary<string, string> values = [];

    public Options(IEnumerable<string> arguments, params string[] known)
    {
        var rest = new Queue<string>(arguments);
        while (rest.TryDequeue(out var argument))
        {
            if (!argument.StartsWith("--", StringComparison.Ordinal) || !known.Contains(argument[2..]))
                throw new ArgumentException($"Unknown option {argument}; there are --{string.Join(", --", known)}.");
            if (!rest.TryDequeue(out var value))
                throw new ArgumentException($"{argument} needs a value.");
            values[argument[2..]] = value;
        }
    }

    public string Text(string name, string otherwise) => values.GetValueOrDefault(name, otherwise);

    public int Number(string name, int otherwise) =>
        values.TryGetValue(name, out var text) ? int.Parse(text, CultureInfo.InvariantCulture) : otherwise;
}
