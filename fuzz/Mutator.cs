namespace Millrace.Fuzz;

/// <summary>Makes hostile inputs out of good ones. Deterministic for a seed.</summary>
internal sealed class Mutator(int seed)
{
    private const int MaxBytes = 64 * 1024;
    private static readonly byte[] Interesting = [0, 1, 2, 3, 7, 8, 15, 16, 31, 32, 63, 64, 127, 128, 254, 255];
    private readonly Random random = new(seed);

    /// <summary>Takes an input of the corpus and changes it in one to eight ways.</summary>
    public byte[] Next(IReadOnlyList<byte[]> corpus)
    {
        var input = corpus.Count == 0 || random.Next(64) == 0 ? Noise() : (byte[])corpus[random.Next(corpus.Count)].Clone();
        for (var changes = random.Next(1, 9); changes > 0; changes--)
            input = Change(input, corpus);
        return input.Length <= MaxBytes ? input : input[..MaxBytes];
    }

    private byte[] Change(byte[] input, IReadOnlyList<byte[]> corpus)
    {
        if (input.Length == 0)
            return Noise();
        // Headers decide, so half of the changes are among the first bytes.
        var at = random.Next(random.Next(2) == 0 ? Math.Min(input.Length, 64) : input.Length);
        switch (random.Next(10))
        {
            case 0:
                input[at] ^= (byte)(1 << random.Next(8));
                return input;
            case 1:
                input[at] = Interesting[random.Next(Interesting.Length)];
                return input;
            case 2:
                input[at] = (byte)random.Next(256);
                return input;
            case 3:
                input[at] = (byte)(input[at] + random.Next(-4, 5));
                return input;
            case 4:
                // A hostile length.
                for (var i = at; i < Math.Min(input.Length, at + random.Next(2, 5)); i++)
                    input[i] = random.Next(3) == 0 ? (byte)0xFF : Interesting[random.Next(Interesting.Length)];
                return input;
            case 5:
                return input[..at];
            case 6:
                return [.. input[..at], .. input[Math.Min(input.Length, at + random.Next(1, 17))..]];
            case 7:
                return [.. input[..at], .. Noise().AsSpan(0, 1 + random.Next(8)), .. input[at..]];
            case 8:
                var end = Math.Min(input.Length, at + random.Next(1, 65));
                return [.. input[..end], .. input[at..end], .. input[end..]];
            default:
                if (corpus.Count == 0)
                    return input;
                var other = corpus[random.Next(corpus.Count)];
                return [.. input[..at], .. other[random.Next(other.Length + 1)..]];
        }
    }

    private byte[] Noise()
    {
        var noise = new byte[8 + random.Next(256)];
        random.NextBytes(noise);
        return noise;
    }
}
