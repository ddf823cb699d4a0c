using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Configuration.EnvironmentVariables;
using Microsoft.Extensions.Configuration.Json;

namespace Millrace.Server.Options;

/// <summary>
/// The configuration after all its sources: defaults &lt; <c>millrace.json</c> &lt; environment &lt; command line. Reading it
/// finds every fault, not the first: unknown keys, values that are none of their type, values out of range, and values
/// that contradict each other.
/// </summary>
public sealed class EffectiveConfiguration
{
    /// <summary>The prefix of environment variables; <c>__</c> stands for <c>:</c>.</summary>
    public const string EnvironmentPrefix = "MILLRACE__";

    /// <summary>The file that is read from the working directory when it is there.</summary>
    public const string FileName = "millrace.json";

    private readonly Dictionary<Type, object> values = [];
    private readonly Dictionary<string, string> sources = new(StringComparer.OrdinalIgnoreCase);
    private readonly List<string> faults = [];

    private EffectiveConfiguration() { }

    /// <summary>Everything wrong with it, in words; empty when it can be used.</summary>
    public IReadOnlyList<string> Faults => faults;

    /// <summary>The filled option class of a section.</summary>
    public T Get<T>() where T : class => (T)values[typeof(T)];

    /// <summary>The filled instance of a section's class.</summary>
    internal object Get(OptionSection section) => values[section.Type];

    /// <summary>Where a key's value came from: <c>default</c>, <c>millrace.json</c>, <c>environment</c> or <c>command line</c>.</summary>
    public string SourceOf(OptionLeaf leaf) => sources.GetValueOrDefault(leaf.Key, "default");

    /// <summary>Reads all sources.</summary>
    /// <param name="file">A configuration file that must exist, or null for <see cref="FileName"/> if it exists.</param>
    /// <param name="settings">Keys and values of the command line; of one key the last.</param>
    public static EffectiveConfiguration Load(string? file, IReadOnlyList<KeyValuePair<string, string>> settings)
    {
        var result = new EffectiveConfiguration();
        var builder = new ConfigurationBuilder();
        var path = Path.GetFullPath(file ?? FileName);
        if (File.Exists(path))
            builder.AddJsonFile(path, optional: false, reloadOnChange: false);
        else if (file is not null)
            result.faults.Add($"The configuration file {path} does not exist.");
        builder.AddEnvironmentVariables(EnvironmentPrefix);
        // An option that is given twice means the last one: scripts put their own in front of what the user typed.
        builder.AddInMemoryCollection(settings.GroupBy(setting => setting.Key, StringComparer.OrdinalIgnoreCase)
            .Select(same => KeyValuePair.Create(same.Key, (string?)same.Last().Value)));
        IConfigurationRoot root;
        try
        {
            root = builder.Build();
        }
        catch (InvalidDataException fault)
        {
            result.faults.Add($"{path}: {fault.InnerException?.Message ?? fault.Message}");
            root = new ConfigurationBuilder().Build();
        }
        result.Fill(root);
        return result;
    }

    private void Fill(IConfigurationRoot root)
    {
        // 1. Defaults.
        foreach (var section in OptionSections.All)
            values[section.Type] = Activator.CreateInstance(section.Type)!;

        // 2. Every key that a source names must be known; the last source that names it wins.
        var leaves = OptionSections.All.SelectMany(OptionLeaf.Of).ToDictionary(leaf => leaf.Key, StringComparer.OrdinalIgnoreCase);
        foreach (var provider in root.Providers)
        {
            foreach (var (key, text) in Entries(provider))
            {
                var leaf = leaves.GetValueOrDefault(key) ?? ListOf(leaves, key);
                if (leaf is null)
                    faults.Add($"{key}: unknown option ({NameOf(provider)}).{Suggestion(leaves.Keys, key)}");
                else
                    Set(root, leaf, provider, text);
            }
        }

        // 3. Ranges, then rules over several keys.
        foreach (var section in OptionSections.All)
        {
            CheckRanges(section, values[section.Type]);
            faults.AddRange(section.Check(values[section.Type]));
        }
        foreach (var rule in OptionSections.Rules)
            faults.AddRange(rule(this));
    }

    private void Set(IConfigurationRoot root, OptionLeaf leaf, IConfigurationProvider provider, string? text)
    {
        if (leaf.IsList && root.GetSection(leaf.Key).GetChildren().Select(child => child.Value).ToArray() is { Length: > 0 } elements)
            text = string.Join(',', elements);
        // A value that a later source overrides need not be right; but it is a fault that someone wants to know of.
        if (leaf.TrySet(values[leaf.Section.Type], text ?? "") is { } fault)
            faults.Add($"{fault[..^1]} ({NameOf(provider)}).");
        else
            sources[leaf.Key] = NameOf(provider);
    }

    private void CheckRanges(OptionSection section, object options)
    {
        foreach (var leaf in OptionLeaf.Of(section))
        {
            var value = leaf.Get(options);
            if (value is null)
                continue;
            foreach (var range in leaf.Ranges)
            {
                if (!range.IsValid(value))
                    faults.Add($"{leaf.Key}: {leaf.Show(options)} is outside {Words(range)}.");
            }
        }
    }

    private static string Words(ValidationAttribute rule) => rule is RangeAttribute range
        ? $"{Bound(range.Minimum)} to {Bound(range.Maximum)}"
        : rule.FormatErrorMessage("the range");

    /// <summary>A range's end as it would be written in the configuration.</summary>
    private static string Bound(object bound) => bound is TimeSpan duration ? DurationText.Format(duration) : bound.ToString()!;

    private static OptionLeaf? ListOf(Dictionary<string, OptionLeaf> leaves, string key) =>
        key.LastIndexOf(':') is > 0 and var colon && int.TryParse(key.AsSpan(colon + 1), out _)
        && leaves.TryGetValue(key[..colon], out var leaf) && leaf.IsList ? leaf : null;

    /// <summary>All keys that hold a value in one provider.</summary>
    private static IEnumerable<(string Key, string? Value)> Entries(IConfigurationProvider provider, string? parent = null)
    {
        foreach (var child in provider.GetChildKeys([], parent).Distinct(StringComparer.OrdinalIgnoreCase))
        {
            var key = parent is null ? child : parent + ":" + child;
            if (provider.TryGet(key, out var value) && (value is not null || !HasChildren(provider, key)))
                yield return (key, value);
            foreach (var entry in Entries(provider, key))
                yield return entry;
        }
    }

    private static bool HasChildren(IConfigurationProvider provider, string key) => provider.GetChildKeys([], key).Any();

    private static string NameOf(IConfigurationProvider provider) => provider switch
    {
        JsonConfigurationProvider json => json.Source.Path ?? FileName,
        EnvironmentVariablesConfigurationProvider => "environment",
        _ => "command line",
    };

    /// <summary>The known key that someone may have meant: the one within two edits.</summary>
    private static string Suggestion(IEnumerable<string> known, string key)
    {
        var best = known.Select(candidate => (candidate, distance: Distance(candidate.ToUpperInvariant(), key.ToUpperInvariant())))
            .MinBy(pair => pair.distance);
        return best.distance <= 2 ? $" Did you mean {best.candidate}?" : "";
    }

    private static int Distance(string a, string b)
    {
        var row = Enumerable.Range(0, b.Length + 1).ToArray();
        for (var i = 1; i <= a.Length; i++)
        {
            var diagonal = row[0];
            row[0] = i;
            for (var j = 1; j <= b.Length; j++)
            {
                var next = Math.Min(Math.Min(row[j], row[j - 1]) + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1));
                diagonal = row[j];
                row[j] = next;
            }
        }
        return row[b.Length];
    }
}
