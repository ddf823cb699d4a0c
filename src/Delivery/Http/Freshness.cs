using System.Globalization;

namespace Millrace.Delivery;

/// <summary>Values of Cache-Control.</summary>
internal static class Freshness
{
    /// <summary>Media never change under their name.</summary>
    public const string Immutable = "public, max-age=31536000, immutable";

    /// <summary>What is over does not change; but it can be taken down, so nobody keeps it for long without asking.</summary>
    public const string Final = "public, max-age=60";

    /// <summary>What is missing now may exist in a moment.</summary>
    public const string NoStore = "no-store";

    /// <summary>To be asked for again each time.</summary>
    public const string NoCache = "no-cache";

    // Twelve times the longest target duration that a contract has is less.
    private static readonly string[] Known = [.. Enumerable.Range(0, 128).Select(Text)];

    /// <summary>Fresh for so many seconds, at least 0.</summary>
    public static string Seconds(int seconds) => seconds < Known.Length ? Known[seconds] : Text(seconds);

    private static string Text(int seconds) => string.Create(CultureInfo.InvariantCulture, $"public, max-age={seconds}");
}
