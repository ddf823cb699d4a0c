namespace Millrace.Delivery.Relay;

/// <summary>
/// Rendezvous hashing (Thaler, Ravishankar 1998): of the parents that can be asked the one with the highest score for a key
/// gets it. Every relay with the same list of parents comes to the same result, and when one goes only its keys move.
/// </summary>
internal static class Rendezvous
{
    /// <summary>A hash of a text that is the same in every process: FNV-1a, then mixed.</summary>
    public static ulong Hash(ReadOnlySpan<char> text)
    {
        var hash = 14695981039346656037UL;
        foreach (var c in text)
            hash = (hash ^ c) * 1099511628211UL;
        return Mix(hash);
    }

    /// <summary>The score of a parent for a key.</summary>
    public static ulong Score(ulong parent, ulong key) => Mix(parent ^ Mix(key));

    /// <summary>SplitMix64's finaliser (Steele, Lea, Flood 2014).</summary>
    public static ulong Mix(ulong value)
    {
        value += 0x9E3779B97F4A7C15UL;
        value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9UL;
        value = (value ^ (value >> 27)) * 0x94D049BB133111EBUL;
        return value ^ (value >> 31);
    }
}
