using System.Security.Cryptography;
using System.Text;

namespace Millrace.Platform;

/// <summary>
/// A stream key: 160 random bits as 32 characters of lower-case base 32 (RFC 4648 §6 alphabet). Shown once to whoever
/// asked for it; only <see cref="Hash"/> is kept.
/// </summary>
/// <remarks>
/// The hash is one round of SHA-256. A slow hash protects secrets that can be guessed; 160 random bits cannot, however
/// fast the guesses, and a slow hash in front of publish would let anyone burn our CPU with wrong keys.
/// <see cref="ToString"/> hides the key, so that it cannot reach a log by accident.
/// </remarks>
public readonly struct StreamKey
{
    private const string Alphabet = "abcdefghijklmnopqrstuvwxyz234567";
    private const int RandomBytes = 20;

    /// <summary>Characters of every key.</summary>
    public const int Length = 32;

    /// <summary>Most characters of what a publisher may claim to be a key; longer ones are wrong without being hashed.</summary>
    public const int MaxClaimedLength = 256;

    private readonly string text;

    private StreamKey(string text) => this.text = text;

    /// <summary>Makes a new key.</summary>
    public static StreamKey New()
    {
        Span<byte> random = stackalloc byte[RandomBytes];
        RandomNumberGenerator.Fill(random);
        Span<char> characters = stackalloc char[Length];
        for (var i = 0; i < Length; i++)
        {
            // 5 bytes carry 8 characters; character i begins at bit 5i.
            var bit = i * 5;
            var pair = random[bit / 8] << 8 | (bit / 8 + 1 < RandomBytes ? random[bit / 8 + 1] : 0);
            characters[i] = Alphabet[pair >> (11 - bit % 8) & 31];
        }
        CryptographicOperations.ZeroMemory(random);
        return new StreamKey(new string(characters));
    }

    /// <summary>The key in the clear, to show it once.</summary>
    public string Reveal() => text;

    /// <summary>SHA-256 of what a publisher sent, or of a new key: 32 bytes.</summary>
    public static byte[] HashOf(string claimed) => SHA256.HashData(Encoding.UTF8.GetBytes(claimed));

    /// <summary>What the database keeps of this key.</summary>
    public byte[] Hash() => HashOf(text);

    /// <summary>Never the key.</summary>
    public override string ToString() => "(stream key)";
}
