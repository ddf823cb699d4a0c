using System.Buffers;
using System.Diagnostics;

namespace Millrace.Rtmp.Tests;

/// <summary>
/// Valid conversations with a few bytes changed, cut out, doubled or inserted, always the same ones. Whatever happens:
/// no exception, the same result in any portions, bounded memory, and all of it given back.
/// </summary>
public sealed class MutationTests
{
    private static readonly RtmpLimits Limits = new()
    {
        MaxMediaMessageBytes = 100_000,
        MaxUnfinishedBytes = 200_000,
        MaxPendingMediaBytes = 50_000,
        MaxOutputBytes = 16_384,
    };

    private static readonly byte[] Handshake = new ClientBytes().Handshake().ToArray();

    public static TheoryData<int> Seeds => [.. Enumerable.Range(0, 5)];

    [Theory]
    [MemberData(nameof(Seeds))]
    public void Receive_MutatedConversation_EndsOrdinarily(int seed)
    {
        var random = new Random(seed);
        var valid = Conversation(random);
        var watch = Stopwatch.StartNew();
        var violations = new HashSet<RtmpFault>();
        // Two seconds are enough; a busy machine takes longer for as much as the test needs.
        for (var round = 0; round < 1000 && (violations.Count < 3 || watch.Elapsed < TimeSpan.FromSeconds(2)); round++)
        {
            var bytes = Mutate(valid, random);
            var unanswered = random.Next(8) == 0;
            var whole = Run(bytes, -1, unanswered, out var first);
            var cut = Run(bytes, random.Next(1, 200), unanswered, out var second);
            Assert.Equal(whole, cut);
            Assert.Equal(first, second);
            if (first is not null)
                violations.Add(first.Fault);
        }
        // A mutation that never breaks anything would test nothing.
        Assert.True(violations.Count >= 3, string.Join(", ", violations));
    }

    [Theory]
    [MemberData(nameof(Seeds))]
    public void Receive_Noise_EndsOrdinarily(int seed)
    {
        var random = new Random(seed);
        for (var round = 0; round < 500; round++)
        {
            var bytes = new byte[random.Next(1, 5000)];
            random.NextBytes(bytes);
            var whole = Run(bytes, -1, false, out var first);
            Assert.Equal(whole, Run(bytes, random.Next(1, 50), false, out var second));
            Assert.Equal(first, second);
        }
    }

    [Theory]
    [MemberData(nameof(Seeds))]
    public void AmfRead_Noise_EndsOrdinarilyAndWhatWasReadCanBeWritten(int seed)
    {
        var random = new Random(seed);
        var output = new ArrayBufferWriter<byte>();
        for (var round = 0; round < 20_000; round++)
        {
            var bytes = new byte[random.Next(1, 80)];
            for (var i = 0; i < bytes.Length; i++)
                bytes[i] = random.Next(3) == 0 ? (byte)random.Next(256) : (byte)random.Next(18);
            output.ResetWrittenCount();
            var amf0 = new Amf0Reader(bytes, AmfLimits.Default);
            if (amf0.TryRead(out var value))
                new Amf0Writer(output).Value(value);
            else
                Assert.NotNull(amf0.Violation);
            output.ResetWrittenCount();
            var amf3 = new Amf3Reader(bytes, AmfLimits.Default);
            if (amf3.TryRead(out value))
                new Amf3Writer(output).Value(value);
            else
                Assert.NotNull(amf3.Violation);
        }
    }

    private static List<string> Run(byte[] bytes, int portion, bool unanswered, out RtmpViolation? violation)
    {
        using var server = new Server(Limits, unanswered: unanswered);
        Assert.Null(server.Receive(Handshake));
        server.TakeOutput();
        violation = server.Receive(bytes, portion);
        Assert.True(server.Session.UnfinishedBytes <= Limits.MaxUnfinishedBytes);
        Assert.True(server.Session.PendingOutput.Length <= Limits.MaxOutputBytes + 512);
        Assert.Equal(violation is not null, server.Session.State == RtmpServerState.Closed);
        return server.Events.Lines;
    }

    /// <summary>Everything after the handshake.</summary>
    private static byte[] Conversation(Random random)
    {
        var client = new ClientBytes().Connect(("capsEx", AmfValue.Of(1)), ("fourCcList", AmfValue.StrictArray(AmfValue.Of("hvc1"))))
            .Publish()
            .Data(0, AmfValue.Of("@setDataFrame"), AmfValue.Of("onMetaData"), AmfValue.EcmaArray([KeyValuePair.Create("width", AmfValue.Of(640))]));
        if (random.Next(2) == 0)
            client.ChunkSize((uint)random.Next(100, 1000));
        for (var i = 0u; i < 12; i++)
        {
            client.Message(RtmpMessageType.Audio, 1, i * 23, ClientBytes.Body(random.Next(0, 300), (int)i), random.Next(4, 6));
            client.Message(RtmpMessageType.Video, 1, random.Next(4) == 0 ? 0x1000000 + i : i * 33, ClientBytes.Body(random.Next(0, 900), (int)i), random.Next(2) == 0 ? 6 : 300);
        }
        return client.Message(RtmpMessageType.UserControl, 0, 0, [0, 6, 1, 2, 3, 4], 2)
            .Message(RtmpMessageType.Aggregate, 1, 500, [8, 0, 0, 2, 0, 0, 1, 0, 0, 0, 0, 1, 2, 0, 0, 0, 13])
            .Command(0, "deleteStream", 7, AmfValue.Null, AmfValue.Of(1))
            .ToArray();
    }

    private static byte[] Mutate(byte[] valid, Random random)
    {
        var bytes = new List<byte>(valid);
        for (var changes = random.Next(1, 5); changes > 0; changes--)
        {
            var position = random.Next(bytes.Count);
            var length = Math.Min(random.Next(1, 40), bytes.Count - position);
            switch (random.Next(6))
            {
                case 0:
                    bytes[position] = (byte)random.Next(256);
                    break;
                case 1:
                    bytes[position] ^= (byte)(1 << random.Next(8));
                    break;
                case 2:
                    bytes.RemoveRange(position, length);
                    break;
                case 3:
                    bytes.InsertRange(position, bytes.GetRange(position, length));
                    break;
                case 4:
                    bytes.InsertRange(position, Enumerable.Range(0, length).Select(_ => (byte)random.Next(256)));
                    break;
                default:
                    for (var i = 0; i < Math.Min(length, 4); i++)
                        bytes[position + i] = 0xFF;
                    break;
            }
            if (bytes.Count == 0)
                bytes.Add(0);
        }
        return [.. bytes];
    }
}
