using System.Buffers;
using System.Buffers.Binary;
using System.Text;

namespace Millrace.Rtmp;

/// <summary>Writes AMF0 values; twin of <see cref="Amf0Reader"/>. Shared parts are written out, never referred to.</summary>
internal readonly struct Amf0Writer(IBufferWriter<byte> output)
{
    /// <summary>Writes a number.</summary>
    public void Number(double value)
    {
        var span = output.GetSpan(9);
        span[0] = (byte)Amf0Marker.Number;
        BinaryPrimitives.WriteDoubleBigEndian(span[1..], value);
        output.Advance(9);
    }

    /// <summary>Writes a boolean.</summary>
    public void Boolean(bool value)
    {
        Marker(Amf0Marker.Boolean);
        Byte(value ? (byte)1 : (byte)0);
    }

    /// <summary>Writes a string, in the long form when it needs it.</summary>
    public void String(string text)
    {
        var length = Encoding.UTF8.GetByteCount(text);
        Marker(length > ushort.MaxValue ? Amf0Marker.LongString : Amf0Marker.String);
        if (length > ushort.MaxValue)
            Long(text, length);
        else
            Name(text);
    }

    /// <summary>Writes null.</summary>
    public void Null() => Marker(Amf0Marker.Null);

    /// <summary>Writes any value. Byte arrays and items beside names have no AMF0 form and go as AMF3.</summary>
    public void Value(AmfValue value)
    {
        switch (value.Kind)
        {
            case AmfKind.Undefined:
                Marker(Amf0Marker.Undefined);
                break;
            case AmfKind.Null:
                Null();
                break;
            case AmfKind.Boolean:
                Boolean(value.Number != 0);
                break;
            case AmfKind.Number:
                Number(value.Number);
                break;
            case AmfKind.String:
                String(value.Text);
                break;
            case AmfKind.Date:
                Marker(Amf0Marker.Date);
                var span = output.GetSpan(10);
                BinaryPrimitives.WriteDoubleBigEndian(span, value.Number);
                span[8] = span[9] = 0;
                output.Advance(10);
                break;
            case AmfKind.Xml:
                Marker(Amf0Marker.Xml);
                Long(value.Text, Encoding.UTF8.GetByteCount(value.Text));
                break;
            case AmfKind.Object:
                Marker(value.Text.Length > 0 ? Amf0Marker.TypedObject : Amf0Marker.Object);
                if (value.Text.Length > 0)
                    Name(value.Text);
                Properties(value);
                break;
            case AmfKind.EcmaArray when value.Items.Count == 0:
                Marker(Amf0Marker.EcmaArray);
                UInt32((uint)value.Properties.Count);
                Properties(value);
                break;
            case AmfKind.StrictArray:
                Marker(Amf0Marker.StrictArray);
                UInt32((uint)value.Items.Count);
                foreach (var item in value.Items)
                    Value(item);
                break;
            case AmfKind.EcmaArray or AmfKind.ByteArray:
                Marker(Amf0Marker.Amf3);
                new Amf3Writer(output).Value(value);
                break;
            case AmfKind.Unsupported:
                Marker(Amf0Marker.Unsupported);
                break;
        }
    }

    private void Properties(AmfValue value)
    {
        foreach (var (name, property) in value.Properties)
        {
            Name(name);
            Value(property);
        }
        output.Write<byte>([0, 0, (byte)Amf0Marker.ObjectEnd]);
    }

    private void Name(string text)
    {
        var length = Encoding.UTF8.GetByteCount(text);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(length, ushort.MaxValue, nameof(text));
        var span = output.GetSpan(2 + length);
        BinaryPrimitives.WriteUInt16BigEndian(span, (ushort)length);
        Encoding.UTF8.GetBytes(text, span[2..]);
        output.Advance(2 + length);
    }

    private void Long(string text, int length)
    {
        UInt32((uint)length);
        Encoding.UTF8.GetBytes(text, output.GetSpan(Math.Max(length, 1)));
        output.Advance(length);
    }

    private void UInt32(uint value)
    {
        BinaryPrimitives.WriteUInt32BigEndian(output.GetSpan(4), value);
        output.Advance(4);
    }

    private void Marker(Amf0Marker marker) => Byte((byte)marker);

    private void Byte(byte value)
    {
        output.GetSpan(1)[0] = value;
        output.Advance(1);
    }
}
