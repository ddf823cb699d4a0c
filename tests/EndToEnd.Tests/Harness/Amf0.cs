using System.Buffers.Binary;
using System.Text;

namespace Millrace.EndToEnd.Tests.Harness;

/// <summary>As much of AMF0 as a publisher needs; the tests' own, so that it cannot share a mistake with the product.</summary>
internal static class Amf0
{
    /// <summary>Strings, numbers, booleans, null and dictionaries (as objects), one after the other.</summary>
    public static byte[] Write(params object?[] values)
    {
        using var output = new MemoryStream();
        foreach (var value in values)
            Write(output, value);
        return output.ToArray();
    }

    /// <summary>The values of a command.</summary>
    public static List<object?> Read(ReadOnlySpan<byte> input)
    {
        List<object?> values = [];
        while (!input.IsEmpty)
            values.Add(ReadValue(ref input));
        return values;
    }

    private static void Write(Stream output, object? value)
    {
        switch (value)
        {
            case null:
                output.WriteByte(5);
                break;
            case string text:
                output.WriteByte(2);
                WriteText(output, text);
                break;
            case bool flag:
                output.Write([1, flag ? (byte)1 : (byte)0]);
                break;
            case IReadOnlyDictionary<string, object?> members:
                output.WriteByte(3);
                foreach (var (name, member) in members)
                {
                    WriteText(output, name);
                    Write(output, member);
                }
                output.Write([0, 0, 9]);
                break;
            case object?[] items:
                output.WriteByte(10);
                output.Write([(byte)(items.Length >> 24), (byte)(items.Length >> 16), (byte)(items.Length >> 8), (byte)items.Length]);
                foreach (var item in items)
                    Write(output, item);
                break;
            default:
                var number = new byte[9];
                BinaryPrimitives.WriteDoubleBigEndian(number.AsSpan(1), Convert.ToDouble(value, System.Globalization.CultureInfo.InvariantCulture));
                output.Write(number);
                break;
        }
    }

    private static void WriteText(Stream output, string text)
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        output.Write([(byte)(bytes.Length >> 8), (byte)bytes.Length]);
        output.Write(bytes);
    }

    private static object? ReadValue(ref ReadOnlySpan<byte> input)
    {
        var marker = input[0];
        input = input[1..];
        switch (marker)
        {
            case 0:
                var number = BinaryPrimitives.ReadDoubleBigEndian(input);
                input = input[8..];
                return number;
            case 1:
                var flag = input[0] != 0;
                input = input[1..];
                return flag;
            case 2:
                return ReadText(ref input);
            case 3:
            case 8:
                if (marker == 8)
                    input = input[4..];
                var members = new Dictionary<string, object?>();
                while (true)
                {
                    var name = ReadText(ref input);
                    if (input[0] == 9)
                    {
                        input = input[1..];
                        return members;
                    }
                    members[name] = ReadValue(ref input);
                }
            case 10:
                var count = BinaryPrimitives.ReadInt32BigEndian(input);
                input = input[4..];
                var items = new object?[count];
                for (var index = 0; index < count; index++)
                    items[index] = ReadValue(ref input);
                return items;
            case 5 or 6:
                return null;
            default:
                throw new InvalidDataException($"AMF0 marker {marker}.");
        }
    }

    private static string ReadText(ref ReadOnlySpan<byte> input)
    {
        var length = BinaryPrimitives.ReadUInt16BigEndian(input);
        var text = Encoding.UTF8.GetString(input.Slice(2, length));
        input = input[(2 + length)..];
        return text;
    }
}
