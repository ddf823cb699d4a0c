using System.ComponentModel.DataAnnotations;
using System.Globalization;
using System.Reflection;

namespace Millrace.Server.Options;

/// <summary>One key of the configuration: a property of an option class, found by walking the class.</summary>
public sealed class OptionLeaf
{
    private readonly PropertyInfo[] path;

    private OptionLeaf(OptionSection section, PropertyInfo[] path)
    {
        Section = section;
        this.path = path;
        Key = section.Name + ":" + string.Join(':', path.Select(property => property.Name));
    }

    /// <summary>The section it belongs to.</summary>
    public OptionSection Section { get; }

    /// <summary>The whole key, for example <c>Rtmp:Tls:Port</c>.</summary>
    public string Key { get; }

    /// <summary>The property's type.</summary>
    public Type Type => path[^1].PropertyType;

    /// <summary>A list, whose elements have keys of their own in a JSON array (<c>Key:0</c>) or stand comma-separated in one value.</summary>
    public bool IsList => typeof(IEnumerable<string>).IsAssignableFrom(Type) && Type != typeof(string);

    /// <summary>Its value is shown to nobody.</summary>
    public bool IsSecret => path[^1].Name.Contains("Password", StringComparison.Ordinal) || path[^1].Name.Contains("Secret", StringComparison.Ordinal);

    /// <summary>The range that the property declares, or others of its kind.</summary>
    public IEnumerable<ValidationAttribute> Ranges => path[^1].GetCustomAttributes<ValidationAttribute>();

    /// <summary>Every leaf of a section's class, in the order of declaration.</summary>
    public static IEnumerable<OptionLeaf> Of(OptionSection section) => Walk(section, section.Type, []);

    private static IEnumerable<OptionLeaf> Walk(OptionSection section, Type type, PropertyInfo[] prefix)
    {
        foreach (var property in type.GetProperties(BindingFlags.Public | BindingFlags.Instance))
        {
            PropertyInfo[] here = [.. prefix, property];
            var isGroup = property.PropertyType is { IsClass: true } group && group.Namespace?.StartsWith("Millrace", StringComparison.Ordinal) == true;
            if (isGroup)
            {
                foreach (var leaf in Walk(section, property.PropertyType, here))
                    yield return leaf;
            }
            else if (property.SetMethod is not null)
            {
                yield return new OptionLeaf(section, here);
            }
        }
    }

    /// <summary>The value in an instance of the section's class.</summary>
    public object? Get(object options)
    {
        object? value = options;
        foreach (var property in path)
            value = property.GetValue(value);
        return value;
    }

    /// <summary>Reads <paramref name="text"/> into an instance of the section's class; otherwise says what was expected.</summary>
    public string? TrySet(object options, string text)
    {
        if (!TryParse(Type, text, out var value, out var expected))
            return $"{Key}: '{(IsSecret ? "…" : text)}' is not {expected}.";
        foreach (var property in path[..^1])
            options = property.GetValue(options)!;
        path[^1].SetValue(options, value);
        return null;
    }

    /// <summary>The value as it would be written in the configuration.</summary>
    public string Show(object options) => Get(options) switch
    {
        null => Type == typeof(string) ? "" : "off",
        string { Length: > 0 } when IsSecret => "…",
        TimeSpan duration => DurationText.Format(duration),
        bool flag => flag ? "true" : "false",
        Enum name => name.ToString().ToLowerInvariant(),
        IEnumerable<string> list when IsList => string.Join(',', list),
        IFormattable number => number.ToString(null, CultureInfo.InvariantCulture),
        var other => other.ToString() ?? "",
    };

    private static bool TryParse(Type type, string text, out object? value, out string expected)
    {
        value = null;
        expected = "valid";
        if (Nullable.GetUnderlyingType(type) is { } inner)
        {
            if (text.Length == 0 || string.Equals(text, "off", StringComparison.OrdinalIgnoreCase))
                return true;
            var parsed = TryParse(inner, text, out value, out expected);
            expected += " or 'off'";
            return parsed;
        }
        if (type == typeof(string))
        {
            value = text;
            return true;
        }
        if (type == typeof(TimeSpan))
        {
            expected = "a duration (such as 2s, 500ms, 10m)";
            var parsed = DurationText.TryParse(text, out var duration);
            value = duration;
            return parsed;
        }
        if (type == typeof(bool))
        {
            expected = "true or false";
            var parsed = bool.TryParse(text, out var flag);
            value = flag;
            return parsed;
        }
        if (type.IsEnum)
        {
            expected = "one of " + string.Join(", ", Enum.GetNames(type).Select(name => name.ToLowerInvariant()));
            return !int.TryParse(text, out _) && Enum.TryParse(type, text, ignoreCase: true, out value) && Enum.IsDefined(type, value);
        }
        if (type.IsAssignableFrom(typeof(string[])))
        {
            value = text.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
            return true;
        }
        expected = type == typeof(double) ? "a number" : "a whole number that fits";
        if (type == typeof(int) && int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var i))
            value = i;
        else if (type == typeof(long) && long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var l))
            value = l;
        else if (type == typeof(double) && double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var d) && double.IsFinite(d))
            value = d;
        else if (type != typeof(int) && type != typeof(long) && type != typeof(double))
            throw new NotSupportedException($"Options of type {type} have no text form.");
        return value is not null;
    }
}
