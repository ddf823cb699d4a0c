using System.Diagnostics.CodeAnalysis;

namespace Millrace.Core;

/// <summary>The name of a channel: 3 to 64 characters of <c>[a-z0-9_-]</c>. It stands in paths and file names as it is.</summary>
public readonly record struct ChannelName
{
    /// <summary>Fewest characters of a name.</summary>
    public const int MinLength = 3;

    /// <summary>Most characters of a name.</summary>
    public const int MaxLength = 64;

    /// <summary>What a name may look like, in words for people.</summary>
    public const string Rule = "a channel name is 3 to 64 characters of a-z, 0-9, '_' and '-'";

    private readonly string? value;

    private ChannelName(string value) => this.value = value;

    /// <summary>The name. Throws on <c>default</c>, which no parser hands out.</summary>
    public string Value => value ?? throw new InvalidOperationException("A default ChannelName has no value.");

    /// <summary>Takes a name that came from outside; false when it breaks <see cref="Rule"/>.</summary>
    public static bool TryParse([NotNullWhen(true)] string? text, out ChannelName name)
    {
        name = default;
        if (text is null || text.Length is < MinLength or > MaxLength)
            return false;
        foreach (var c in text)
        {
            if (c is not (>= 'a' and <= 'z' or >= '0' and <= '9' or '_' or '-'))
                return false;
        }
        name = new ChannelName(text);
        return true;
    }

    /// <inheritdoc/>
    public override string ToString() => value ?? "";
}
