using System.Globalization;
using System.Text.RegularExpressions;

namespace Millrace.EndToEnd.Tests.Harness;

/// <summary>An attribute list (RFC 8216 §4.2), read strictly: no spaces, no name twice, quotes where the value is a string.</summary>
internal sealed partial class HlsAttributes
{
    private readonly Dictionary<string, string> values = new(StringComparer.Ordinal);

    public HlsAttributes(string text)
    {
        var position = 0;
        while (position < text.Length)
        {
            var match = Attribute().Match(text, position);
            Assert.True(match.Success && match.Index == position, $"Not an attribute list at character {position}: {text}");
            Assert.True(values.TryAdd(match.Groups[1].Value, match.Groups[2].Value), $"{match.Groups[1].Value} stands twice: {text}");
            position += match.Length;
            if (position < text.Length)
            {
                Assert.True(text[position] == ',' && position + 1 < text.Length, $"Expected a comma at character {position}: {text}");
                position++;
            }
        }
    }

    public bool Has(string name) => values.ContainsKey(name);

    public string Plain(string name)
    {
        var value = Raw(name);
        Assert.False(value.StartsWith('"'), $"{name} is quoted.");
        return value;
    }

    public string Quoted(string name)
    {
        var value = Raw(name);
        Assert.True(value.Length >= 2 && value[0] == '"', $"{name} is not quoted.");
        return value[1..^1];
    }

    public string? QuotedOrNull(string name) => Has(name) ? Quoted(name) : null;

    public double Number(string name) => double.Parse(Plain(name), NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture);

    public long Integer(string name) => long.Parse(Plain(name), NumberStyles.None, CultureInfo.InvariantCulture);

    /// <summary>False when absent; NO is never written where absence says the same (RFC 8216bis §4.4).</summary>
    public bool Yes(string name) => Has(name) && Plain(name) == "YES";

    private string Raw(string name)
    {
        Assert.True(values.TryGetValue(name, out var value), $"{name} is missing.");
        return value!;
    }

    [GeneratedRegex("""([A-Z0-9-]+)=("[^"\r\n]*"|[^",\s]+)""")]
    private static partial Regex Attribute();
}
