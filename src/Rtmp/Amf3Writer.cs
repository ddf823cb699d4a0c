using System.Buffers;
using System.Buffers.Binary;
using System.Text;

namespace Millrace.Rtmp;

/// <summary>Writes AMF3 values; twin of <see cref="Amf3Reader"/>. Everything is written inline, nothing by reference.</summary>
internal readonly struct Amf3Writer(IBufferWriter<byte> output)
{
    private const double MaxInteger = (1 << 28) - 1;
    private const double MinInteger = -(1 << 28);

    /// <summary>Writes any value. AMF3 has no unsupported: that becomes undefined.</summary>
    public void Value(AmfValue value)
    {
        switch (value.Kind)
        {
            case AmfKind.Undefined or AmfKind.Unsupported:
                Marker(Amf3Marker.Undefined);
                break;
            case AmfKind.Null:
                Marker(Amf3Marker.Null);
                break;
            case AmfKind.Boolean:
                Marker(value.Number != 0 ? Amf3Marker.True : Amf3Marker.False);
                break;
            case AmfKind.Number:
                Number(value.Number);
                break;
            case AmfKind.String:
                Marker(Amf3Marker.String);
                Text(value.Text);
                break;
            case AmfKind.Xml:
                Marker(Amf3Marker.Xml);
                Text(value.Text);
                break;
            case AmfKind.Date:
                Marker(Amf3Marker.Date);
                U29(1);
                Double(value.Number);
                break;
            case AmfKind.ByteArray:
                Marker(Amf3Marker.ByteArray);
                U29(((uint)value.Bytes.Length << 1) | 1);
                output.Write(value.Bytes.Span);
                break;
            case AmfKind.EcmaArray or AmfKind.StrictArray:
                Marker(Amf3Marker.Array);
                U29(((uint)value.Items.Count << 1) | 1);
                Dynamic(value);
                foreach (var item in value.Items)
                    Value(item);
                break;
            case AmfKind.Object:
                // Inline, own traits, dynamic, no sealed members: 0b1011.
                Marker(Amf3Marker.Object);
                U29(0x0B);
                Text(value.Text);
                Dynamic(value);
                break;
        }
    }

    private void Number(double number)
    {
        // Negative zero has no integer form.
        if (number is >= MinInteger and <= MaxInteger && number == Math.Truncate(number)
            && !(number == 0 && double.IsNegative(number)))
        {
            Marker(Amf3Marker.Integer);
            U29((uint)(int)number & 0x1FFFFFFF);
            return;
        }
        Marker(Amf3Marker.Double);
        Double(number);
    }

    private void Dynamic(AmfValue value)
    {
        foreach (var (name, property) in value.Properties)
        {
            // An empty name would end the list.
            if (name.Length == 0)
                continue;
            Text(name);
            Value(property);
        }
        U29(1);
    }

    private void Text(string text)
    {
        var length = Encoding.UTF8.GetByteCount(text);
        U29(((uint)length << 1) | 1);
        Encoding.UTF8.GetBytes(text, output.GetSpan(Math.Max(length, 1)));
        output.Advance(length);
    }

    private void Double(double value)
    {
        BinaryPrimitives.WriteDoubleBigEndian(output.GetSpan(8), value);
        output.Advance(8);
    }

    private void U29(uint value)
    {
        var span = output.GetSpan(4);
        var count = 0;
        if (value >= 1 << 21)
        {
            span[count++] = (byte)(0x80 | (value >> 22));
            span[count++] = (byte)(0x80 | (value >> 15));
            span[count++] = (byte)(0x80 | (value >> 8));
            span[count++] = (byte)value;
        }
        else
        {
            if (value >= 1 << 14)
                span[count++] = (byte)(0x80 | (value >> 14));
            if (value >= 1 << 7)
                span[count++] = (byte)(0x80 | (value >> 7));
            span[count++] = (byte)(value & 0x7F);
        }
        output.Advance(count);
    }

    private void Marker(Amf3Marker marker)
    {
        output.GetSpan(1)[0] = (byte)marker;
        output.Advance(1);
    }
}
