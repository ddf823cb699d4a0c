using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Text;

namespace Millrace.Rtmp;

/// <summary>Reads AMF3 values (AMF3 specification §3), with string, object and trait references.</summary>
/// <remarks>
/// Externalizable objects are refused: their bytes mean something only to the class that wrote them. After a false,
/// <see cref="Violation"/> says why; the reader is then of no more use.
/// </remarks>
internal ref struct Amf3Reader
{
    private readonly ReadOnlySpan<byte> input;
    private AmfBudget budget;
    private List<(string Text, int Bytes)>? strings;
    private List<(AmfValue? Value, AmfCost Cost)>? objects;
    private List<Traits>? traits;
    private int position;

    /// <summary>Starts on a whole message.</summary>
    public Amf3Reader(ReadOnlySpan<byte> input, AmfLimits limits) : this(input, new AmfBudget(limits)) { }

    /// <summary>Starts inside an AMF0 message, spending from its budget.</summary>
    public Amf3Reader(ReadOnlySpan<byte> input, AmfBudget budget)
    {
        this.input = input;
        this.budget = budget;
    }

    private sealed record Traits(string ClassName, bool Dynamic, string[] Names, int NameBytes);

    /// <summary>What is left to spend.</summary>
    public readonly AmfBudget Budget => budget;

    /// <summary>Bytes read.</summary>
    public readonly int Position => position;

    /// <summary>True when every byte was read.</summary>
    public readonly bool AtEnd => position == input.Length;

    /// <summary>Why reading failed.</summary>
    public readonly RtmpViolation? Violation => budget.Violation;

    /// <summary>Reads one value. False when the input ends inside it, is malformed or exceeds a limit.</summary>
    public bool TryRead([NotNullWhen(true)] out AmfValue? value) => TryRead(1, out value);

    /// <summary>Reads one value that stands at a depth.</summary>
    public bool TryRead(int depth, [NotNullWhen(true)] out AmfValue? value)
    {
        value = null;
        if (!budget.Enter(depth) || !Take(1, out var marker))
            return false;
        switch ((Amf3Marker)marker[0])
        {
            case Amf3Marker.Undefined:
                value = AmfValue.Undefined;
                return true;
            case Amf3Marker.Null:
                value = AmfValue.Null;
                return true;
            case Amf3Marker.False:
                value = AmfValue.False;
                return true;
            case Amf3Marker.True:
                value = AmfValue.True;
                return true;
            case Amf3Marker.Integer:
                if (!ReadU29(out var integer))
                    return false;
                // 29 bits, two's complement (§3.6).
                value = AmfValue.Of((int)(integer << 3) >> 3);
                return true;
            case Amf3Marker.Double:
                if (!Take(8, out var number))
                    return false;
                value = AmfValue.Of(BinaryPrimitives.ReadDoubleBigEndian(number));
                return true;
            case Amf3Marker.String:
                if (!ReadString(out var text))
                    return false;
                value = AmfValue.Of(text);
                return true;
            case Amf3Marker.XmlDocument or Amf3Marker.Xml:
                return ReadXml(depth, out value);
            case Amf3Marker.Date:
                return ReadDate(depth, out value);
            case Amf3Marker.Array:
                return ReadArray(depth, out value);
            case Amf3Marker.Object:
                return ReadObject(depth, out value);
            case Amf3Marker.ByteArray:
                return ReadByteArray(depth, out value);
            case Amf3Marker.VectorInt or Amf3Marker.VectorUInt or Amf3Marker.VectorDouble or Amf3Marker.VectorObject:
                return ReadVector(depth, (Amf3Marker)marker[0], out value);
            case Amf3Marker.Dictionary:
                return ReadDictionary(depth, out value);
            default:
                return budget.Malformed("AMF3 §3.1", $"AMF3 marker {marker[0]} is unknown");
        }
    }

    private bool ReadXml(int depth, [NotNullWhen(true)] out AmfValue? value)
    {
        if (!ReadReferenceOrLength(depth, out value, out var length) || value is not null)
            return value is not null;
        var index = Begin(depth, out var start);
        if (!TakeText(length, out var text))
            return false;
        return End(index, AmfValue.Xml(text), start, depth, out value);
    }

    private bool ReadDate(int depth, [NotNullWhen(true)] out AmfValue? value)
    {
        if (!ReadReferenceOrLength(depth, out value, out _) || value is not null)
            return value is not null;
        var index = Begin(depth, out var start);
        if (!Take(8, out var bytes))
            return false;
        return End(index, AmfValue.Date(BinaryPrimitives.ReadDoubleBigEndian(bytes)), start, depth, out value);
    }

    private bool ReadByteArray(int depth, [NotNullWhen(true)] out AmfValue? value)
    {
        if (!ReadReferenceOrLength(depth, out value, out var length) || value is not null)
            return value is not null;
        var index = Begin(depth, out var start);
        if (length > input.Length - position)
            return Short();
        if (!budget.TakeString((int)length) || !Take((int)length, out var bytes))
            return false;
        return End(index, AmfValue.ByteArray(bytes.ToArray()), start, depth, out value);
    }

    // Array: U29 (dense count, or reference), name/value pairs up to an empty name, dense items (§3.11).
    private bool ReadArray(int depth, [NotNullWhen(true)] out AmfValue? value)
    {
        if (!ReadReferenceOrLength(depth, out value, out var count) || value is not null)
            return value is not null;
        if (!budget.Expect(count))
            return false;
        if (count > input.Length - position)
            return Short();
        var index = Begin(depth, out var start);
        List<KeyValuePair<string, AmfValue>>? properties = null;
        if (!ReadDynamic(depth, ref properties) || !ReadItems(depth, count, out var items))
            return false;
        var array = properties is null ? AmfValue.StrictArray(items) : AmfValue.EcmaArray(properties, items);
        return End(index, array, start, depth, out value);
    }

    // Object: U29 of which the low bits say reference, trait reference, externalizable, dynamic, trait count (§3.12).
    private bool ReadObject(int depth, [NotNullWhen(true)] out AmfValue? value)
    {
        if (!ReadReferenceOrLength(depth, out value, out var bits) || value is not null)
            return value is not null;
        var index = Begin(depth, out var start);
        if (!ReadTraits(bits, out var shape))
            return false;
        var properties = new List<KeyValuePair<string, AmfValue>>();
        foreach (var name in shape.Names)
        {
            if (!TryRead(depth + 1, out var property))
                return false;
            properties.Add(KeyValuePair.Create(name, property));
        }
        if (shape.Dynamic && !ReadDynamic(depth, ref properties))
            return false;
        return End(index, AmfValue.Object(shape.ClassName, properties ?? []), start, depth, out value);
    }

    private bool ReadTraits(uint bits, [NotNullWhen(true)] out Traits? shape)
    {
        shape = null;
        if ((bits & 1) == 0)
        {
            var reference = bits >> 1;
            if (traits is null || reference >= traits.Count)
                return budget.Malformed("AMF3 §3.12", "an AMF3 trait reference points to nothing");
            shape = traits[(int)reference];
            return budget.TakeString(shape.NameBytes);
        }
        if ((bits & 2) != 0)
            return budget.Malformed("AMF3 §3.12", "externalizable AMF3 objects cannot be read");
        var count = bits >> 3;
        if (!budget.Expect(count))
            return false;
        if (count > input.Length - position)
            return Short();
        if (!ReadString(out var className))
            return false;
        var names = new string[count];
        var nameBytes = Encoding.UTF8.GetByteCount(className);
        for (var i = 0; i < names.Length; i++)
        {
            if (!ReadString(out var name))
                return false;
            names[i] = name;
            nameBytes += Encoding.UTF8.GetByteCount(name);
        }
        shape = new Traits(className, (bits & 4) != 0, names, nameBytes);
        (traits ??= []).Add(shape);
        return true;
    }

    private bool ReadDynamic(int depth, ref List<KeyValuePair<string, AmfValue>>? properties)
    {
        while (true)
        {
            if (!ReadString(out var name))
                return false;
            if (name.Length == 0)
                return true;
            if (!TryRead(depth + 1, out var property))
                return false;
            (properties ??= []).Add(KeyValuePair.Create(name, property));
        }
    }

    private bool ReadItems(int depth, uint count, [NotNullWhen(true)] out AmfValue[]? items)
    {
        items = null;
        var array = new AmfValue[count];
        for (var i = 0; i < array.Length; i++)
        {
            if (!TryRead(depth + 1, out var item))
                return false;
            array[i] = item;
        }
        items = array;
        return true;
    }

    // Vector: U29 (count, or reference), one byte "fixed length", for objects the class name, items (§3.15).
    private bool ReadVector(int depth, Amf3Marker marker, [NotNullWhen(true)] out AmfValue? value)
    {
        if (!ReadReferenceOrLength(depth, out value, out var count) || value is not null)
            return value is not null;
        if (!budget.Expect(count) || !Take(1, out _))
            return false;
        var index = Begin(depth, out var start);
        if (marker == Amf3Marker.VectorObject)
        {
            if (!ReadString(out _))
                return false;
            if (count > input.Length - position)
                return Short();
            return ReadItems(depth, count, out var items)
                && End(index, AmfValue.StrictArray(items), start, depth, out value);
        }
        var width = marker == Amf3Marker.VectorDouble ? 8 : 4;
        if (count > (input.Length - position) / width)
            return Short();
        var numbers = new AmfValue[count];
        for (var i = 0; i < numbers.Length; i++)
        {
            if (!budget.Enter(depth + 1) || !Take(width, out var bytes))
                return false;
            numbers[i] = AmfValue.Of(marker switch
            {
                Amf3Marker.VectorInt => BinaryPrimitives.ReadInt32BigEndian(bytes),
                Amf3Marker.VectorUInt => BinaryPrimitives.ReadUInt32BigEndian(bytes),
                _ => BinaryPrimitives.ReadDoubleBigEndian(bytes),
            });
        }
        return End(index, AmfValue.StrictArray(numbers), start, depth, out value);
    }

    // Dictionary: U29 (count, or reference), one byte "weak keys", key and value in turn (§3.16).
    private bool ReadDictionary(int depth, [NotNullWhen(true)] out AmfValue? value)
    {
        if (!ReadReferenceOrLength(depth, out value, out var count) || value is not null)
            return value is not null;
        if (!budget.Expect(2L * count) || !Take(1, out _))
            return false;
        if (count > (input.Length - position) / 2)
            return Short();
        var index = Begin(depth, out var start);
        var properties = new List<KeyValuePair<string, AmfValue>>();
        for (var i = 0u; i < count; i++)
        {
            if (!TryRead(depth + 1, out var key) || !TryRead(depth + 1, out var item))
                return false;
            if (key.Kind is not (AmfKind.String or AmfKind.Number or AmfKind.Boolean))
                return budget.Malformed("AMF3 §3.16", "an AMF3 dictionary has keys that are not text or numbers");
            var name = key.Kind == AmfKind.Number ? key.Number.ToString(CultureInfo.InvariantCulture) : key.ToString();
            properties.Add(KeyValuePair.Create(name, item));
        }
        return End(index, AmfValue.EcmaArray(properties), start, depth, out value);
    }

    /// <summary>True with a value (it was a reference) or with null and a length; false on a fault.</summary>
    private bool ReadReferenceOrLength(int depth, out AmfValue? value, out uint length)
    {
        value = null;
        if (!ReadU29(out length))
            return false;
        if ((length & 1) != 0)
        {
            length >>= 1;
            return true;
        }
        var index = length >> 1;
        if (objects is null || index >= objects.Count || objects[(int)index].Value is not { } target)
            return budget.Malformed("AMF3 §2.2", "an AMF3 reference points to nothing, or to what contains it");
        if (!budget.TakeReference(objects[(int)index].Cost, depth))
            return false;
        value = target;
        return true;
    }

    private int Begin(int depth, out AmfCost start)
    {
        start = budget.Begin(depth);
        (objects ??= []).Add(default);
        return objects.Count - 1;
    }

    private bool End(int index, AmfValue made, AmfCost start, int depth, out AmfValue value)
    {
        objects![index] = (made, budget.End(start, depth));
        value = made;
        return true;
    }

    private bool ReadString([NotNullWhen(true)] out string? text)
    {
        text = null;
        if (!ReadU29(out var bits))
            return false;
        if ((bits & 1) == 0)
        {
            var index = bits >> 1;
            if (strings is null || index >= strings.Count)
                return budget.Malformed("AMF3 §1.3.2", "an AMF3 string reference points to nothing");
            text = strings[(int)index].Text;
            return budget.TakeString(strings[(int)index].Bytes);
        }
        if (!TakeText(bits >> 1, out text))
            return false;
        // The empty string is never sent by reference (§1.3.2).
        if (text.Length > 0)
            (strings ??= []).Add((text, (int)(bits >> 1)));
        return true;
    }

    private bool TakeText(uint length, [NotNullWhen(true)] out string? text)
    {
        text = null;
        if (length > input.Length - position)
            return Short();
        if (!budget.TakeString((int)length) || !Take((int)length, out var bytes))
            return false;
        text = Encoding.UTF8.GetString(bytes);
        return true;
    }

    // U29: 7 bits in each of up to three bytes that have the high bit set, 8 bits in a fourth (§1.3.1).
    private bool ReadU29(out uint value)
    {
        value = 0;
        for (var i = 0; i < 4; i++)
        {
            if (!Take(1, out var bytes))
                return false;
            if (i == 3)
            {
                value = (value << 8) | bytes[0];
                return true;
            }
            value = (value << 7) | (bytes[0] & 0x7Fu);
            if (bytes[0] < 0x80)
                return true;
        }
        return true;
    }

    private bool Take(int count, out ReadOnlySpan<byte> bytes)
    {
        if (count > input.Length - position)
        {
            bytes = default;
            return Short();
        }
        bytes = input.Slice(position, count);
        position += count;
        return true;
    }

    private bool Short() => budget.Malformed("AMF3 §3", "the message ends inside an AMF3 value");
}
