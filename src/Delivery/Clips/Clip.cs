using Millrace.Core;

namespace Millrace.Delivery;

/// <summary>What a clip is a clip of.</summary>
/// <param name="Name">What it is called: 1 to 100 characters, none of them a control character.</param>
/// <param name="Of">The broadcast; it may be gone.</param>
/// <param name="From">Where on that broadcast's clock it begins.</param>
/// <param name="To">Where it ends.</param>
/// <param name="CreatedAt">When it was made.</param>
public sealed record Clip(string Name, BroadcastId Of, TimeSpan From, TimeSpan To, DateTimeOffset CreatedAt)
{
    /// <summary>Most characters of a name.</summary>
    public const int MaxNameLength = 100;

    /// <summary>The rule for names, for whoever broke it.</summary>
    public const string NameRule = "A clip's name has 1 to 100 characters, and no control characters";

    /// <summary>Whether a clip may be called that.</summary>
    public static bool IsName(string? name) => name is { Length: > 0 and <= MaxNameLength } && !name.Any(char.IsControl) && name == name.Trim();
}
