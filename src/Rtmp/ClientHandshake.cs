using System.Buffers;
using System.Buffers.Binary;
using System.Security.Cryptography;

namespace Millrace.Rtmp;

/// <summary>The client's half of the handshake (RTMP 1.0 §5.2); twin of <see cref="ServerHandshake"/>.</summary>
internal sealed class ClientHandshake(DigestSchema schema)
{
    private const byte Version = 3;

    private readonly byte[] c1 = new byte[HandshakeDigest.PacketBytes];
    private byte[]? answer = new byte[1 + (2 * HandshakeDigest.PacketBytes)];
    private int received;

    /// <summary>True when S2 was read and C2 written.</summary>
    public bool IsDone => answer is null;

    /// <summary>The breach that ended the handshake, if one did.</summary>
    public RtmpViolation? Violation { get; private set; }

    /// <summary>Writes C0 and C1.</summary>
    public void Start(uint nowMilliseconds, IBufferWriter<byte> output)
    {
        RandomNumberGenerator.Fill(c1);
        BinaryPrimitives.WriteUInt32BigEndian(c1, nowMilliseconds);
        // Flash Player 9.0.124 was the first with digests; encoders still send its version.
        BinaryPrimitives.WriteUInt32BigEndian(c1.AsSpan(4), schema == DigestSchema.None ? 0 : 0x09007C02u);
        if (schema != DigestSchema.None)
            HandshakeDigest.SignClient(c1, schema);
        output.Write<byte>([Version]);
        output.Write<byte>(c1);
    }

    /// <summary>Takes what belongs to the handshake off the input and writes C2. False: the server is at fault.</summary>
    public bool Read(ref ReadOnlySpan<byte> input, IBufferWriter<byte> output)
    {
        if (answer is null || Violation is not null)
            return Violation is null;
        var count = Math.Min(input.Length, answer.Length - received);
        input[..count].CopyTo(answer.AsSpan(received));
        received += count;
        input = input[count..];
        if (received > 0 && answer[0] != Version)
            return Fail("RTMP 1.0 §5.2.2", "S0 is not version 3");
        if (received < answer.Length)
            return true;

        var s1 = answer.AsSpan(1, HandshakeDigest.PacketBytes);
        var s2 = answer.AsSpan(1 + HandshakeDigest.PacketBytes);
        if (schema == DigestSchema.None)
        {
            output.Write<byte>(s1);
        }
        else
        {
            var found = HandshakeDigest.FindServer(s1);
            if (found == DigestSchema.None || !HandshakeDigest.IsServerAnswer(s2, c1, schema))
                return Fail("digest handshake", "the server's digest is wrong");
            Span<byte> c2 = stackalloc byte[HandshakeDigest.PacketBytes];
            RandomNumberGenerator.Fill(c2);
            HandshakeDigest.SignClientAnswer(c2, s1, found);
            output.Write<byte>(c2);
        }
        answer = null;
        return true;
    }

    private bool Fail(string clause, string text)
    {
        Violation = new RtmpViolation(RtmpFault.Handshake, clause, text);
        return false;
    }
}
