using System.Security.Cryptography;

namespace Millrace.Rtmp;

/// <summary>Where the digest stands in C1 and S1.</summary>
internal enum DigestSchema
{
    /// <summary>No digest: the simple handshake of RTMP 1.0 §5.2.</summary>
    None = -1,

    /// <summary>In the second half: time 4, version 4, key 764, digest 764.</summary>
    KeyFirst = 0,

    /// <summary>In the first half: time 4, version 4, digest 764, key 764.</summary>
    DigestFirst = 1,
}

/// <summary>
/// The digest handshake of Flash Player 9 and later: an HMAC-SHA256 hidden in C1, S1, C2 and S2. No specification
/// describes it; librtmp, ffmpeg and all servers do it alike.
/// </summary>
/// <remarks>It proves nothing about the peer, as the keys are public; some clients only talk to servers that know it.</remarks>
internal static class HandshakeDigest
{
    public const int PacketBytes = 1536;
    public const int DigestBytes = 32;

    private const int PlayerTextBytes = 30;
    private const int ServerTextBytes = 36;

    private static ReadOnlySpan<byte> PlayerText => "Genuine Adobe Flash Player 001"u8;

    private static ReadOnlySpan<byte> ServerText => "Genuine Adobe Flash Media Server 001"u8;

    private static ReadOnlySpan<byte> Secret =>
    [
        0xF0, 0xEE, 0xC2, 0x4A, 0x80, 0x68, 0xBE, 0xE8, 0x2E, 0x00, 0xD0, 0xD1, 0x02, 0x9E, 0x7E, 0x57,
        0x6E, 0xEC, 0x5D, 0x2D, 0x29, 0x80, 0x6F, 0xAB, 0x93, 0xB8, 0xE6, 0x36, 0xCF, 0xEB, 0x31, 0xAE,
    ];

    private static byte[] PlayerKey { get; } = [.. PlayerText, .. Secret];

    private static byte[] ServerKey { get; } = [.. ServerText, .. Secret];

    /// <summary>Finds a client's digest in C1. None: there is no valid one.</summary>
    public static DigestSchema FindClient(ReadOnlySpan<byte> c1) => Find(c1, PlayerKey.AsSpan(0, PlayerTextBytes));

    /// <summary>Finds a server's digest in S1. None: there is no valid one.</summary>
    public static DigestSchema FindServer(ReadOnlySpan<byte> s1) => Find(s1, ServerKey.AsSpan(0, ServerTextBytes));

    /// <summary>Puts a client's digest into C1, whose other bytes are final.</summary>
    public static void SignClient(Span<byte> c1, DigestSchema schema) =>
        Compute(c1, Offset(c1, schema), PlayerKey.AsSpan(0, PlayerTextBytes), c1.Slice(Offset(c1, schema), DigestBytes));

    /// <summary>Puts a server's digest into S1, whose other bytes are final.</summary>
    public static void SignServer(Span<byte> s1, DigestSchema schema) =>
        Compute(s1, Offset(s1, schema), ServerKey.AsSpan(0, ServerTextBytes), s1.Slice(Offset(s1, schema), DigestBytes));

    /// <summary>Puts the answer to a client's digest into the last 32 bytes of S2, whose other bytes are final.</summary>
    public static void SignServerAnswer(Span<byte> s2, ReadOnlySpan<byte> c1, DigestSchema schema) =>
        SignAnswer(s2, c1.Slice(Offset(c1, schema), DigestBytes), ServerKey);

    /// <summary>Puts the answer to a server's digest into the last 32 bytes of C2, whose other bytes are final.</summary>
    public static void SignClientAnswer(Span<byte> c2, ReadOnlySpan<byte> s1, DigestSchema schema) =>
        SignAnswer(c2, s1.Slice(Offset(s1, schema), DigestBytes), PlayerKey);

    /// <summary>Whether S2 answers the digest of C1.</summary>
    public static bool IsServerAnswer(ReadOnlySpan<byte> s2, ReadOnlySpan<byte> c1, DigestSchema schema)
    {
        Span<byte> expected = stackalloc byte[PacketBytes];
        s2.CopyTo(expected);
        SignServerAnswer(expected, c1, schema);
        return expected.SequenceEqual(s2);
    }

    /// <summary>
    /// First byte of the digest: four bytes of the half that holds it are added up; the digest lies within its 764 bytes.
    /// </summary>
    public static int Offset(ReadOnlySpan<byte> packet, DigestSchema schema)
    {
        var start = schema == DigestSchema.KeyFirst ? 772 : 8;
        return start + 4 + ((packet[start] + packet[start + 1] + packet[start + 2] + packet[start + 3]) % 728);
    }

    private static DigestSchema Find(ReadOnlySpan<byte> packet, ReadOnlySpan<byte> key)
    {
        Span<byte> expected = stackalloc byte[DigestBytes];
        foreach (var schema in (ReadOnlySpan<DigestSchema>)[DigestSchema.KeyFirst, DigestSchema.DigestFirst])
        {
            var offset = Offset(packet, schema);
            Compute(packet, offset, key, expected);
            if (expected.SequenceEqual(packet.Slice(offset, DigestBytes)))
                return schema;
        }
        return DigestSchema.None;
    }

    /// <summary>HMAC of the packet without the digest's own bytes.</summary>
    private static void Compute(ReadOnlySpan<byte> packet, int offset, ReadOnlySpan<byte> key, Span<byte> digest)
    {
        Span<byte> joined = stackalloc byte[PacketBytes - DigestBytes];
        packet[..offset].CopyTo(joined);
        packet[(offset + DigestBytes)..].CopyTo(joined[offset..]);
        HMACSHA256.HashData(key, joined, digest);
    }

    private static void SignAnswer(Span<byte> packet, ReadOnlySpan<byte> peerDigest, ReadOnlySpan<byte> key)
    {
        Span<byte> derived = stackalloc byte[DigestBytes];
        HMACSHA256.HashData(key, peerDigest, derived);
        HMACSHA256.HashData(derived, packet[..^DigestBytes], packet[^DigestBytes..]);
    }
}
