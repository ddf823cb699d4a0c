using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;

namespace Millrace.Core;

/// <summary>
/// The id of one broadcast: 26 characters of lower-case Crockford base 32, 48 bits of Unix milliseconds followed by
/// 80 random bits. Ids sort by time, are never reused, and stand in media paths as they are.
/// </summary>
public readonly record struct BroadcastId
{
    private const string Alphabet = "0123456789abcdefghjkmnpqrstvwxyz";

    /// <summary>Characters of every id.</summary>
    public const int Length = 26;

    private readonly string? value;

    private BroadcastId(string value) => this.value = value;

    /// <summary>The id. Throws on <c>default</c>, which no parser hands out.</summary>
    public string Value => value ?? throw new InvalidOperationException("A default BroadcastId has no value.");

    /// <summary>Makes a new id for a broadcast that starts at <paramref name="now"/>.</summary>
    public static BroadcastId New(DateTimeOffset now)
    {
        Span<byte> random = stackalloc byte[10];
        RandomNumberGenerator.Fill(random);
        Span<char> text = stackalloc char[Length];
        var milliseconds = now.ToUnixTimeMilliseconds();
        for (var i = 9; i >= 0; i--, milliseconds >>= 5)
            text[i] = Alphabet[(int)(milliseconds & 31)];
        var bits = new UInt128(0, 0);
        foreach (var b in random)
            bits = (bits << 8) | b;
        for (var i = Length - 1; i >= 10; i--, bits >>= 5)
            text[i] = Alphabet[(int)(uint)(bits & 31)];
        return new BroadcastId(new string(text));
    }

    /// <summary>Takes an id that came from outside; false unless it could have been made by <see cref="New"/>.</summary>
    public static bool TryParse([NotNullWhen(true)] string? text, out BroadcastId id)
    {
        id = default;
        if (text is not { Length: Length })
            return false;
        foreach (var c in text)
        {
            if (!Alphabet.Contains(c, StringComparison.Ordinal))
                return false;
        }
        id = new BroadcastId(text);
        return true;
    }

    /// <inheritdoc/>
    public override string ToString() => value ?? "";
}
