using System.Buffers;
using System.Text;

namespace Millrace.Rtmp.Tests;

public sealed class AmfTests
{
    public static TheoryData<string, string> Amf0Vectors => new()
    {
        { "number", "00 3FF0000000000000" },
        { "boolean", "01 01" },
        { "string", "02 0003 616263" },
        { "object", "03 0001 61 00 4000000000000000 0001 62 05 0000 09" },
        { "ecma with a wrong count", "08 FFFFFFFF 0001 61 06 0000 09" },
        { "strict array", "0A 00000002 05 01 00" },
        { "date", "0B 4270000000000000 0000" },
        { "long string", "0C 00000002 6869" },
        { "unsupported", "0D" },
        { "xml", "0F 00000003 3C612F" },
        { "typed object", "10 0001 43 0001 61 05 0000 09" },
        { "reference", "0A 00000002 03 0000 09 07 0001" },
        { "switch to AMF3", "11 0A 0B 01 03 61 04 81 00 01" },
        { "empty name that is not the end", "03 0000 05 0000 09" },
    };

    public static TheoryData<string, string> Amf3Vectors => new()
    {
        { "undefined", "00" },
        { "integer 1 byte", "04 7F" },
        { "integer 2 bytes", "04 81 00" },
        { "integer 3 bytes", "04 81 80 00" },
        { "integer 4 bytes", "04 FF FF FF FF" },
        { "double", "05 3FF8000000000000" },
        { "string", "06 07 616263" },
        { "xml document", "07 03 61" },
        { "date", "08 01 4270000000000000" },
        { "array", "09 05 01 04 01 04 02" },
        { "mixed array", "09 03 03 61 04 01 01 04 02" },
        { "sealed object", "0A 13 03 43 03 61 04 05" },
        { "dynamic object", "0A 0B 01 03 61 04 05 01" },
        { "trait and string references", "09 05 01 0A 13 03 43 03 61 04 05 0A 01 06 02" },
        { "object reference", "09 05 01 09 01 01 09 02" },
        { "byte array", "0C 07 010203" },
        { "vector of int", "0D 05 00 00000001 FFFFFFFF" },
        { "vector of double", "0F 03 01 3FF8000000000000" },
        { "vector of object", "10 03 00 01 04 01" },
        { "dictionary", "11 03 00 06 03 61 04 01" },
    };

    [Theory]
    [MemberData(nameof(Amf0Vectors))]
    public void Amf0Read_Vector_RoundTripsAndNeedsEveryByte(string what, string hex)
    {
        var bytes = Hex(hex);
        var value = ReadAmf0(bytes);
        Assert.True(value is not null, what);
        Assert.Equal(value, ReadAmf0(WriteAmf0(value)));
        for (var length = 0; length < bytes.Length; length++)
            Assert.Equal(RtmpFault.AmfSyntax, Amf0Fault(bytes.AsSpan(0, length)));
    }

    [Theory]
    [MemberData(nameof(Amf3Vectors))]
    public void Amf3Read_Vector_RoundTripsAndNeedsEveryByte(string what, string hex)
    {
        var bytes = Hex(hex);
        var value = ReadAmf3(bytes);
        Assert.True(value is not null, what);
        Assert.Equal(value, ReadAmf3(WriteAmf3(value)));
        for (var length = 0; length < bytes.Length; length++)
            Assert.Equal(RtmpFault.AmfSyntax, Amf3Fault(bytes.AsSpan(0, length)));
    }

    [Fact]
    public void Amf3Read_Integers_AreSigned29Bits()
    {
        Assert.Equal(-1, ReadAmf3(Hex("04 FF FF FF FF"))!.Number);
        Assert.Equal(-268435456, ReadAmf3(Hex("04 C0 80 80 00"))!.Number);
        Assert.Equal(268435455, ReadAmf3(Hex("04 BF FF FF FF"))!.Number);
        Assert.Equal(128, ReadAmf3(Hex("04 81 00"))!.Number);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-1e-300)]
    [InlineData(127)]
    [InlineData(128)]
    [InlineData(16383)]
    [InlineData(16384)]
    [InlineData(2097151)]
    [InlineData(2097152)]
    [InlineData(268435455)]
    [InlineData(268435456)]
    [InlineData(-1)]
    [InlineData(-268435456)]
    [InlineData(-268435457)]
    [InlineData(0.5)]
    [InlineData(double.NaN)]
    [InlineData(double.PositiveInfinity)]
    public void Write_Number_RoundTripsInBoth(double number)
    {
        Assert.Equal(BitConverter.DoubleToInt64Bits(number), BitConverter.DoubleToInt64Bits(ReadAmf0(WriteAmf0(AmfValue.Of(number)))!.Number));
        Assert.Equal(BitConverter.DoubleToInt64Bits(number), BitConverter.DoubleToInt64Bits(ReadAmf3(WriteAmf3(AmfValue.Of(number)))!.Number));
    }

    [Fact]
    public void Write_NegativeZero_StaysNegative() =>
        Assert.True(double.IsNegative(ReadAmf3(WriteAmf3(AmfValue.Of(-0.0)))!.Number));

    [Fact]
    public void Write_RandomValues_RoundTripInBoth()
    {
        var random = new Random(11);
        for (var i = 0; i < 2000; i++)
        {
            var value = Random(random, 5);
            Assert.Equal(value, ReadAmf0(WriteAmf0(value)));
            Assert.Equal(value, ReadAmf3(WriteAmf3(value)));
        }
    }

    [Fact]
    public void Write_StringOver64KiB_UsesTheLongForm()
    {
        var text = new string('ü', 40_000);
        Assert.Equal(text, ReadAmf0(WriteAmf0(AmfValue.Of(text)))!.Text);
    }

    [Theory]
    [InlineData(32, null)]
    [InlineData(33, RtmpFault.AmfLimit)]
    [InlineData(100_000, RtmpFault.AmfLimit)]
    public void Read_NestedArrays_AreAllowed32Deep(int depth, RtmpFault? fault)
    {
        var amf0 = new List<byte>();
        var amf3 = new List<byte>();
        for (var i = 1; i < depth; i++)
        {
            amf0.AddRange([0x0A, 0, 0, 0, 1]);
            amf3.AddRange([0x09, 0x03, 0x01]);
        }
        amf0.Add(5);
        amf3.Add(1);
        Assert.Equal(fault, Amf0Fault([.. amf0]));
        Assert.Equal(fault, Amf3Fault([.. amf3]));
        // The switch to AMF3 gives no second allowance.
        byte[] both = [.. Enumerable.Repeat<byte[]>([0x0A, 0, 0, 0, 1], 20).SelectMany(b => b), 0x11, .. amf3];
        if (depth >= 32)
            Assert.Equal(RtmpFault.AmfLimit, Amf0Fault(both));
    }

    [Theory]
    [InlineData("0A FFFFFFFF 05")]
    [InlineData("0A 00002001 05")]
    public void Amf0Read_HugeCount_IsRefusedBeforeAllocation(string hex) => AssertCheapRefusal(() => Amf0Fault(Hex(hex)), RtmpFault.AmfLimit);

    [Theory]
    [InlineData("0C FFFFFFFF 41")]
    [InlineData("0F 7FFFFFFF 41")]
    [InlineData("02 FFFF 41")]
    [InlineData("0A 00001000 05")]
    public void Amf0Read_LengthBeyondTheMessage_IsRefusedBeforeAllocation(string hex) => AssertCheapRefusal(() => Amf0Fault(Hex(hex)), RtmpFault.AmfSyntax);

    [Theory]
    [InlineData("09 FFFFFFFF 01 01")]
    [InlineData("0D FFFFFFFF 00 01")]
    [InlineData("10 FFFFFFFF 00 01")]
    [InlineData("11 FFFFFFFF 00 01")]
    [InlineData("0A FFFFFF7B 01 01")]
    public void Amf3Read_HugeCount_IsRefusedBeforeAllocation(string hex) => AssertCheapRefusal(() => Amf3Fault(Hex(hex)), null);

    [Theory]
    [InlineData("06 FFFFFFFF 41")]
    [InlineData("0C FFFFFFFF 41")]
    [InlineData("0B FFFFFFFF 41")]
    public void Amf3Read_LengthBeyondTheMessage_IsRefusedBeforeAllocation(string hex) => AssertCheapRefusal(() => Amf3Fault(Hex(hex)), RtmpFault.AmfSyntax);

    [Theory]
    [InlineData("07 0000")]
    [InlineData("03 0001 61 07 0000 0000 09")]
    [InlineData("04 0000")]
    [InlineData("0E 00")]
    [InlineData("09")]
    [InlineData("FF")]
    public void Amf0Read_ReferenceToItselfOrUnknownMarker_IsRefused(string hex) => Assert.Equal(RtmpFault.AmfSyntax, Amf0Fault(Hex(hex)));

    [Theory]
    [InlineData("06 00")]
    [InlineData("09 00")]
    [InlineData("09 03 01 09 00")]
    [InlineData("0A 01")]
    [InlineData("0A 07 01")]
    [InlineData("12")]
    [InlineData("11 03 00 01 01")]
    public void Amf3Read_BadReferenceOrExternalizable_IsRefused(string hex) => Assert.Equal(RtmpFault.AmfSyntax, Amf3Fault(Hex(hex)));

    [Fact]
    public void Amf0Read_ManyElements_AreCountedOverAllLevels()
    {
        var limits = new AmfLimits(32, 10, 1000);
        byte[] nine = [0x0A, 0, 0, 0, 9, 5, 5, 5, 5, 5, 5, 5, 5, 5];
        Assert.Null(Amf0Fault(nine, limits));
        Assert.Equal(RtmpFault.AmfLimit, Amf0Fault([.. nine, 5], limits));
    }

    [Fact]
    public void Amf0Read_ManyStringBytes_AreCountedWithNames()
    {
        var limits = new AmfLimits(32, 10, 6);
        Assert.Null(Amf0Fault(Hex("03 0003 616161 02 0003 626262 0000 09"), limits));
        Assert.Equal(RtmpFault.AmfLimit, Amf0Fault(Hex("03 0004 61616161 02 0003 626262 0000 09"), limits));
    }

    [Fact]
    public void Amf0Read_ReferencesToListsOfReferences_CountAsTheyExpand()
    {
        // Level n is a list of ten references to level n - 1: 10^7 values in 300 bytes.
        var bytes = new List<byte> { 0x0A, 0, 0, 0, 8, 0x0A, 0, 0, 0, 1, 5 };
        for (byte level = 1; level < 8; level++)
        {
            bytes.AddRange([0x0A, 0, 0, 0, 10]);
            for (var i = 0; i < 10; i++)
                bytes.AddRange([0x07, 0, level]);
        }
        Assert.Equal(RtmpFault.AmfLimit, Amf0Fault([.. bytes]));
    }

    [Fact]
    public void Amf3Read_StringReferences_CountAsTheirText()
    {
        var limits = new AmfLimits(32, 10_000, 4000);
        byte[] text = [.. Hex("06 8F 51"), .. new byte[1000]];
        byte[] list = [0x09, 0x0B, 0x01, .. text, 6, 0, 6, 0, 6, 0, 1];
        Assert.Null(Amf3Fault(list, limits));
        list[1] = 0x0D;
        list[^1] = 6;
        Assert.Equal(RtmpFault.AmfLimit, Amf3Fault([.. list, 0, 1], limits));
    }

    [Fact]
    public void Read_BrokenUtf8_IsReplacedNotRefused() => Assert.Equal("\uFFFDa", ReadAmf0(Hex("02 0002 FF61"))!.Text);

    private static void AssertCheapRefusal(Func<RtmpFault?> read, RtmpFault? expected)
    {
        var warm = read();
        Assert.Equal(warm, read());
        Assert.InRange(Allocation.Least(() => read()), 0, 4095);
        Assert.NotNull(warm);
        if (expected is not null)
            Assert.Equal(expected, warm);
    }

    private static AmfValue Random(Random random, int depth)
    {
        var kind = random.Next(depth > 0 ? 9 : 6);
        return kind switch
        {
            0 => AmfValue.Null,
            1 => AmfValue.Undefined,
            2 => AmfValue.Of(random.Next(2) == 0),
            3 => AmfValue.Of((random.NextDouble() - 0.5) * Math.Pow(2, random.Next(40))),
            4 => AmfValue.Of(Text(random)),
            5 => AmfValue.Date(random.NextInt64(1L << 40)),
            6 => AmfValue.Object(random.Next(2) == 0 ? "" : "C", Properties(random, depth, 0)),
            7 => AmfValue.EcmaArray(Properties(random, depth, 1)),
            _ => AmfValue.StrictArray(Enumerable.Range(0, random.Next(4)).Select(_ => Random(random, depth - 1)).ToArray()),
        };
    }

    private static List<KeyValuePair<string, AmfValue>> Properties(Random random, int depth, int fewest) =>
        [.. Enumerable.Range(0, fewest + random.Next(4)).Select(i => KeyValuePair.Create(i + Text(random), Random(random, depth - 1)))];

    private static string Text(Random random)
    {
        var text = new StringBuilder();
        for (var left = random.Next(200); left > 0; left--)
            text.Append((char)random.Next(1, 0x2000));
        return text.ToString();
    }

    private static byte[] Hex(string hex) => Convert.FromHexString(hex.Replace(" ", "", StringComparison.Ordinal));

    private static AmfValue? ReadAmf0(byte[] bytes)
    {
        var reader = new Amf0Reader(bytes, AmfLimits.Default);
        Assert.True(reader.TryRead(out var value), reader.Violation?.ToString());
        Assert.True(reader.AtEnd);
        return value;
    }

    private static AmfValue? ReadAmf3(byte[] bytes)
    {
        var reader = new Amf3Reader(bytes, AmfLimits.Default);
        Assert.True(reader.TryRead(out var value), reader.Violation?.ToString());
        Assert.True(reader.AtEnd);
        return value;
    }

    private static RtmpFault? Amf0Fault(ReadOnlySpan<byte> bytes, AmfLimits? limits = null)
    {
        var reader = new Amf0Reader(bytes, limits ?? AmfLimits.Default);
        if (bytes.IsEmpty)
            Assert.False(reader.TryRead(out _));
        else
            reader.TryReadAll(out _);
        return reader.Violation?.Fault;
    }

    private static RtmpFault? Amf3Fault(ReadOnlySpan<byte> bytes, AmfLimits? limits = null)
    {
        var reader = new Amf3Reader(bytes, limits ?? AmfLimits.Default);
        reader.TryRead(out _);
        return reader.Violation?.Fault;
    }

    private static byte[] WriteAmf0(AmfValue value)
    {
        var output = new ArrayBufferWriter<byte>();
        new Amf0Writer(output).Value(value);
        return output.WrittenSpan.ToArray();
    }

    private static byte[] WriteAmf3(AmfValue value)
    {
        var output = new ArrayBufferWriter<byte>();
        new Amf3Writer(output).Value(value);
        return output.WrittenSpan.ToArray();
    }
}
