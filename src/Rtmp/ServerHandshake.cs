using System.Buffers;
using System.Buffers.Binary;
using System.Security.Cryptography;

namespace Millrace.Rtmp;

/// <summary>The server's half of the handshake (RTMP 1.0 §5.2), simple or with digests, as the client began it.</summary>
/// <remarks>
/// C2 is taken and not compared: librtmp and several hardware encoders send a C2 that is no echo of S1, and it protects
/// nothing. Holds 1536 bytes until C1 is complete.
/// </remarks>
internal sealed class ServerHandshake
{
    private const byte Version = 3;

    private byte[]? c1;
    private int received;
    private bool versionSeen;

    /// <summary>True when C2 was read.</summary>
    public bool IsDone { get; private set; }

    /// <summary>The breach that ended the handshake, if one did.</summary>
    public RtmpViolation? Violation { get; private set; }

    /// <summary>What the client's C1 asked for.</summary>
    public DigestSchema Schema { get; private set; } = DigestSchema.None;

    /// <summary>Takes what belongs to the handshake off the input and writes the answer. False: the peer is at fault.</summary>
    public bool Read(ref ReadOnlySpan<byte> input, uint nowMilliseconds, IBufferWriter<byte> output)
    {
        if (Violation is not null)
            return false;
        if (!versionSeen && !input.IsEmpty)
        {
            if (input[0] != Version)
            {
                Violation = new RtmpViolation(RtmpFault.Handshake, "RTMP 1.0 §5.2.2",
                    $"C0 asks for version {input[0]}, not 3");
                return false;
            }
            versionSeen = true;
            input = input[1..];
            c1 = new byte[HandshakeDigest.PacketBytes];
        }
        if (c1 is not null)
        {
            var count = Math.Min(input.Length, HandshakeDigest.PacketBytes - received);
            input[..count].CopyTo(c1.AsSpan(received));
            received += count;
            input = input[count..];
            if (received < HandshakeDigest.PacketBytes)
                return true;
            Answer(c1, nowMilliseconds, output);
            c1 = null;
            received = 0;
        }
        if (!IsDone)
        {
            var count = Math.Min(input.Length, HandshakeDigest.PacketBytes - received);
            received += count;
            input = input[count..];
            IsDone = received == HandshakeDigest.PacketBytes;
        }
        return true;
    }

    private void Answer(ReadOnlySpan<byte> c1, uint nowMilliseconds, IBufferWriter<byte> output)
    {
        // A version of 0 says that there is no digest (§5.2.3 calls these bytes zero).
        if (BinaryPrimitives.ReadUInt32BigEndian(c1[4..]) != 0)
            Schema = HandshakeDigest.FindClient(c1);

        var packet = output.GetSpan(1 + (2 * HandshakeDigest.PacketBytes))[..(1 + (2 * HandshakeDigest.PacketBytes))];
        packet[0] = Version;
        var s1 = packet.Slice(1, HandshakeDigest.PacketBytes);
        var s2 = packet.Slice(1 + HandshakeDigest.PacketBytes, HandshakeDigest.PacketBytes);
        RandomNumberGenerator.Fill(s1[8..]);
        BinaryPrimitives.WriteUInt32BigEndian(s1, nowMilliseconds);
        if (Schema == DigestSchema.None)
        {
            s1.Slice(4, 4).Clear();
            c1.CopyTo(s2);
        }
        else
        {
            // Any version of 3.0.0.0 or later announces digests to Flash Player and ffmpeg.
            BinaryPrimitives.WriteUInt32BigEndian(s1[4..], 0x04050001);
            HandshakeDigest.SignServer(s1, Schema);
            RandomNumberGenerator.Fill(s2);
            HandshakeDigest.SignServerAnswer(s2, c1, Schema);
        }
        output.Advance(packet.Length);
    }
}
