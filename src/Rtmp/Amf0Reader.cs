using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using System.Text;

namespace Millrace.Rtmp;

/// <summary>Reads the AMF0 values of one whole message, one after the other (AMF0 specification §2).</summary>
/// <remarks>After a false, <see cref="Violation"/> says why; the reader is then of no more use.</remarks>
public ref struct Amf0Reader(ReadOnlySpan<byte> input, AmfLimits limits)
{
    private readonly ReadOnlySpan<byte> input = input;
    private AmfBudget budget = new(limits);
    private List<(AmfValue? Value, AmfCost Cost)>? references;
    private int position;

    /// <summary>True when every byte was read.</summary>
    public readonly bool AtEnd => position == input.Length;

    /// <summary>Bytes read.</summary>
    public readonly int Position => position;

    /// <summary>Why reading failed.</summary>
    public readonly RtmpViolation? Violation => budget.Violation;

    /// <summary>Reads all values that are left.</summary>
    public bool TryReadAll([NotNullWhen(true)] out List<AmfValue>? values)
    {
        values = [];
        while (!AtEnd)
        {
            if (!TryRead(out var value))
            {
                values = null;
                return false;
            }
            values.Add(value);
        }
        return true;
    }

    /// <summary>Reads one value. False when the input ends inside it, is malformed or exceeds a limit.</summary>
    public bool TryRead([NotNullWhen(true)] out AmfValue? value) => TryRead(1, out value);

    private bool TryRead(int depth, [NotNullWhen(true)] out AmfValue? value)
    {
        value = null;
        if (!budget.Enter(depth))
            return false;
        if (!Take(1, out var marker))
            return false;
        switch ((Amf0Marker)marker[0])
        {
            case Amf0Marker.Number:
                if (!Take(8, out var number))
                    return false;
                value = AmfValue.Of(BinaryPrimitives.ReadDoubleBigEndian(number));
                return true;
            case Amf0Marker.Boolean:
                if (!Take(1, out var boolean))
                    return false;
                value = AmfValue.Of(boolean[0] != 0);
                return true;
            case Amf0Marker.String:
                if (!ReadShortString(out var text))
                    return false;
                value = AmfValue.Of(text);
                return true;
            case Amf0Marker.LongString:
                if (!ReadLongString(out text))
                    return false;
                value = AmfValue.Of(text);
                return true;
            case Amf0Marker.Xml:
                if (!ReadLongString(out text))
                    return false;
                value = AmfValue.Xml(text);
                return true;
            case Amf0Marker.Null:
                value = AmfValue.Null;
                return true;
            case Amf0Marker.Undefined:
                value = AmfValue.Undefined;
                return true;
            case Amf0Marker.Unsupported:
                value = AmfValue.Unsupported;
                return true;
            case Amf0Marker.Date:
                // The time zone that follows is reserved and 0 (§2.13).
                if (!Take(10, out var date))
                    return false;
                value = AmfValue.Date(BinaryPrimitives.ReadDoubleBigEndian(date));
                return true;
            case Amf0Marker.Object:
                return ReadObject(depth, "", ecma: false, out value);
            case Amf0Marker.TypedObject:
                return ReadShortString(out var className) && ReadObject(depth, className, ecma: false, out value);
            case Amf0Marker.EcmaArray:
                // The count is only a hint and often 0 (§2.10): the end marker decides.
                return Take(4, out _) && ReadObject(depth, "", ecma: true, out value);
            case Amf0Marker.StrictArray:
                return ReadStrictArray(depth, out value);
            case Amf0Marker.Reference:
                return ReadReference(depth, out value);
            case Amf0Marker.Amf3:
                return ReadAmf3(depth, out value);
            default:
                return budget.Malformed("AMF0 §2.1", $"AMF0 marker {marker[0]} is not a value");
        }
    }

    private bool ReadObject(int depth, string className, bool ecma, [NotNullWhen(true)] out AmfValue? value)
    {
        value = null;
        var index = BeginReference(depth, out var start);
        List<KeyValuePair<string, AmfValue>>? properties = null;
        while (true)
        {
            if (!ReadShortString(out var name))
                return false;
            if (name.Length == 0 && position < input.Length && input[position] == (byte)Amf0Marker.ObjectEnd)
            {
                position++;
                break;
            }
            if (!TryRead(depth + 1, out var property))
                return false;
            (properties ??= []).Add(KeyValuePair.Create(name, property));
        }
        IReadOnlyList<KeyValuePair<string, AmfValue>> list = properties is null ? [] : properties;
        value = ecma ? AmfValue.EcmaArray(list) : AmfValue.Object(className, list);
        EndReference(index, value, start, depth);
        return true;
    }

    private bool ReadStrictArray(int depth, [NotNullWhen(true)] out AmfValue? value)
    {
        value = null;
        if (!Take(4, out var bytes))
            return false;
        var count = BinaryPrimitives.ReadUInt32BigEndian(bytes);
        if (!budget.Expect(count))
            return false;
        if (count > input.Length - position)
            return Short();
        var index = BeginReference(depth, out var start);
        var items = new AmfValue[count];
        for (var i = 0; i < items.Length; i++)
        {
            if (!TryRead(depth + 1, out var item))
                return false;
            items[i] = item;
        }
        value = AmfValue.StrictArray(items);
        EndReference(index, value, start, depth);
        return true;
    }

    private bool ReadReference(int depth, [NotNullWhen(true)] out AmfValue? value)
    {
        value = null;
        if (!Take(2, out var bytes))
            return false;
        var index = BinaryPrimitives.ReadUInt16BigEndian(bytes);
        if (references is null || index >= references.Count || references[index].Value is not { } target)
            return budget.Malformed("AMF0 §2.9", "an AMF0 reference points to nothing, or to what contains it");
        if (!budget.TakeReference(references[index].Cost, depth))
            return false;
        value = target;
        return true;
    }

    private bool ReadAmf3(int depth, [NotNullWhen(true)] out AmfValue? value)
    {
        var nested = new Amf3Reader(input[position..], budget);
        var read = nested.TryRead(depth, out value);
        budget = nested.Budget;
        position += nested.Position;
        return read;
    }

    private int BeginReference(int depth, out AmfCost start)
    {
        start = budget.Begin(depth);
        (references ??= []).Add(default);
        return references.Count - 1;
    }

    private void EndReference(int index, AmfValue value, AmfCost start, int depth)
    {
        var cost = budget.End(start, depth);
        references![index] = (value, cost);
    }

    private bool ReadShortString([NotNullWhen(true)] out string? text)
    {
        text = null;
        return Take(2, out var length) && ReadString(BinaryPrimitives.ReadUInt16BigEndian(length), out text);
    }

    private bool ReadLongString([NotNullWhen(true)] out string? text)
    {
        text = null;
        return Take(4, out var length) && ReadString(BinaryPrimitives.ReadUInt32BigEndian(length), out text);
    }

    private bool ReadString(uint length, [NotNullWhen(true)] out string? text)
    {
        text = null;
        if (length > input.Length - position)
            return Short();
        if (!budget.TakeString((int)length) || !Take((int)length, out var bytes))
            return false;
        text = Encoding.UTF8.GetString(bytes);
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

    private bool Short() => budget.Malformed("AMF0 §2", "the message ends inside an AMF0 value");
}
