namespace Millrace.Server.Options;

/// <summary>One section of the configuration and the class that it fills.</summary>
/// <param name="Name">The section's name, for example <c>Rtmp</c>.</param>
/// <param name="Type">Its option class; a new instance holds the defaults.</param>
/// <param name="Check">What <see cref="System.ComponentModel.DataAnnotations.RangeAttribute"/>s cannot say: faults of a filled instance, each beginning with a key.</param>
public sealed record OptionSection(string Name, Type Type, Func<object, IEnumerable<string>> Check)
{
    /// <summary>A section whose rules are all said by its ranges.</summary>
    public static OptionSection Of<T>(string name) where T : class, new() => new(name, typeof(T), _ => []);

    /// <summary>A section with rules over several keys.</summary>
    public static OptionSection Of<T>(string name, Func<T, IEnumerable<string>> check) where T : class, new() =>
        new(name, typeof(T), options => check((T)options));
}
