using System.Buffers;

namespace Millrace.Rtmp.Tests;

public sealed class HandshakeTests
{
    [Theory]
    [InlineData(DigestSchema.None)]
    [InlineData(DigestSchema.KeyFirst)]
    [InlineData(DigestSchema.DigestFirst)]
    public void Handshake_BothEnds_AgreeByteByByte(object schemaValue)
    {
        var schema = (DigestSchema)schemaValue;
        var toServer = new OutputBuffer();
        var toClient = new OutputBuffer();
        var client = new ClientHandshake(schema);
        var server = new ServerHandshake();
        client.Start(5, toServer);
        while (toServer.Length + toClient.Length > 0)
        {
            if (toServer.Length > 0)
            {
                ReadOnlySpan<byte> one = toServer.Pending.ToArray().AsSpan(0, 1);
                toServer.Consume(1);
                Assert.True(server.Read(ref one, 9, toClient));
                Assert.True(one.IsEmpty);
            }
            if (toClient.Length > 0)
            {
                ReadOnlySpan<byte> one = toClient.Pending.ToArray().AsSpan(0, 1);
                toClient.Consume(1);
                Assert.True(client.Read(ref one, toServer));
                Assert.True(one.IsEmpty);
            }
        }
        Assert.True(client.IsDone);
        Assert.True(server.IsDone);
        Assert.Equal(schema, server.Schema);
    }

    [Theory]
    [InlineData(DigestSchema.KeyFirst, 0x09007C02u)]
    [InlineData(DigestSchema.DigestFirst, 0x80000702u)]
    public void FindClient_SignedC1_FindsItsSchemaAtEveryOffset(object schemaValue, uint version)
    {
        var schema = (DigestSchema)schemaValue;
        var random = new Random(3);
        for (var round = 0; round < 200; round++)
        {
            var c1 = new byte[HandshakeDigest.PacketBytes];
            random.NextBytes(c1);
            System.Buffers.Binary.BinaryPrimitives.WriteUInt32BigEndian(c1.AsSpan(4), version);
            Assert.Equal(DigestSchema.None, HandshakeDigest.FindClient(c1));
            HandshakeDigest.SignClient(c1, schema);
            Assert.Equal(schema, HandshakeDigest.FindClient(c1));
            c1[100] ^= 1;
            Assert.Equal(DigestSchema.None, HandshakeDigest.FindClient(c1));
        }
    }

    [Fact]
    public void Offset_LargestSum_StaysInsideThePacket()
    {
        // 4 * 255 % 728 = 292; 727 is the largest remainder: 255 + 255 + 217.
        var c1 = new byte[HandshakeDigest.PacketBytes];
        c1[772] = c1[773] = c1[8] = c1[9] = 255;
        c1[774] = c1[10] = 217;
        Assert.Equal(772 + 4 + 727, HandshakeDigest.Offset(c1, DigestSchema.KeyFirst));
        Assert.Equal(8 + 4 + 727, HandshakeDigest.Offset(c1, DigestSchema.DigestFirst));
        Assert.Equal(DigestSchema.None, HandshakeDigest.FindClient(c1));
    }

    [Fact]
    public void Read_SimpleC1_IsEchoedInS2()
    {
        var client = new ArrayBufferWriter<byte>();
        new ClientHandshake(DigestSchema.None).Start(5, client);
        var answer = new OutputBuffer();
        ReadOnlySpan<byte> input = client.WrittenSpan;
        Assert.True(new ServerHandshake().Read(ref input, 9, answer));
        Assert.Equal(1 + (2 * HandshakeDigest.PacketBytes), answer.Length);
        Assert.Equal(3, answer.Pending.Span[0]);
        Assert.True(answer.Pending.Span[^HandshakeDigest.PacketBytes..].SequenceEqual(client.WrittenSpan[1..]));
    }

    [Fact]
    public void Read_VersionWithoutDigest_FallsBackToSimple()
    {
        // Several encoders write a version and no digest.
        var input = new byte[1 + HandshakeDigest.PacketBytes];
        input[0] = 3;
        input[5] = 9;
        ReadOnlySpan<byte> span = input;
        var handshake = new ServerHandshake();
        Assert.True(handshake.Read(ref span, 9, new OutputBuffer()));
        Assert.Equal(DigestSchema.None, handshake.Schema);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(6)]
    [InlineData(0x16)]
    [InlineData('G')]
    public void Receive_OtherVersionThan3_IsAViolationAtTheFirstByte(byte version)
    {
        using var server = new Server();
        Assert.Equal(RtmpFault.Handshake, server.Receive([version])!.Fault);
        Assert.Equal(RtmpServerState.Closed, server.Session.State);
        Assert.True(server.Session.PendingOutput.IsEmpty);
        Assert.Equal(RtmpFault.Handshake, server.Receive([3])!.Fault);
    }

    [Fact]
    public void Receive_HalfAHandshake_StaysHandshakingWithoutAnswer()
    {
        using var server = new Server();
        Assert.Null(server.Receive([3, .. new byte[1535]]));
        Assert.Equal(RtmpServerState.Handshaking, server.Session.State);
        Assert.True(server.Session.PendingOutput.IsEmpty);
        Assert.Null(server.Receive([0]));
        Assert.Equal(RtmpServerState.Handshaking, server.Session.State);
        Assert.Equal(3073, server.Session.PendingOutput.Length);
    }

    [Fact]
    public void Read_WrongServerDigest_IsAViolation()
    {
        var toServer = new OutputBuffer();
        var toClient = new OutputBuffer();
        var client = new ClientHandshake(DigestSchema.KeyFirst);
        client.Start(5, toServer);
        ReadOnlySpan<byte> input = toServer.Pending.Span;
        new ServerHandshake().Read(ref input, 9, toClient);
        var answer = toClient.Pending.ToArray();
        answer[^1] ^= 1;
        ReadOnlySpan<byte> broken = answer;
        Assert.False(client.Read(ref broken, toServer));
        Assert.Equal(RtmpFault.Handshake, client.Violation!.Fault);
    }
}
