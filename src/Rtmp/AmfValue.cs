using System.Diagnostics.CodeAnalysis;
using System.Text;

namespace Millrace.Rtmp;

/// <summary>What an <see cref="AmfValue"/> is, over AMF0 and AMF3.</summary>
public enum AmfKind : byte
{
    /// <summary>No value was given.</summary>
    Undefined,

    /// <summary>Null.</summary>
    Null,

    /// <summary>True or false.</summary>
    Boolean,

    /// <summary>A double; AMF3 integers too.</summary>
    Number,

    /// <summary>Text; AMF0 long strings too.</summary>
    String,

    /// <summary>Milliseconds since 1970 in UTC, in <see cref="AmfValue.Number"/>.</summary>
    Date,

    /// <summary>XML as text.</summary>
    Xml,

    /// <summary>Named properties, perhaps of a named class.</summary>
    Object,

    /// <summary>An associative array: named properties, in AMF3 also dense items.</summary>
    EcmaArray,

    /// <summary>A dense array; AMF3 vectors too.</summary>
    StrictArray,

    /// <summary>Bytes (AMF3 only).</summary>
    ByteArray,

    /// <summary>A type that its sender could not serialise.</summary>
    Unsupported,
}

/// <summary>One value of AMF0 or AMF3; immutable.</summary>
/// <remarks>Values can share parts (AMF references) but never contain themselves: readers refuse that.</remarks>
public sealed class AmfValue : IEquatable<AmfValue>
{
    private AmfValue(AmfKind kind) => Kind = kind;

    /// <summary>Null.</summary>
    public static AmfValue Null { get; } = new(AmfKind.Null);

    /// <summary>Undefined.</summary>
    public static AmfValue Undefined { get; } = new(AmfKind.Undefined);

    /// <summary>Unsupported.</summary>
    public static AmfValue Unsupported { get; } = new(AmfKind.Unsupported);

    /// <summary>True.</summary>
    public static AmfValue True { get; } = new(AmfKind.Boolean) { Number = 1 };

    /// <summary>False.</summary>
    public static AmfValue False { get; } = new(AmfKind.Boolean);

    /// <summary>What the value is.</summary>
    public AmfKind Kind { get; }

    /// <summary>The number; the milliseconds of a date; 1 for true. Else 0.</summary>
    public double Number { get; private init; }

    /// <summary>The text of a string or XML, the class name of a typed object; else empty.</summary>
    public string Text { get; private init; } = "";

    /// <summary>The named properties of an object or associative array, in the order sent. Names may repeat.</summary>
    public IReadOnlyList<KeyValuePair<string, AmfValue>> Properties { get; private init; } = [];

    /// <summary>The dense items of an array.</summary>
    public IReadOnlyList<AmfValue> Items { get; private init; } = [];

    /// <summary>The bytes of a byte array.</summary>
    public ReadOnlyMemory<byte> Bytes { get; private init; }

    /// <summary>The last property of that name, or null when there is none.</summary>
    public AmfValue? this[string name]
    {
        get
        {
            for (var i = Properties.Count - 1; i >= 0; i--)
            {
                if (Properties[i].Key == name)
                    return Properties[i].Value;
            }
            return null;
        }
    }

    /// <summary>A number.</summary>
    public static AmfValue Of(double number) => new(AmfKind.Number) { Number = number };

    /// <summary>A string.</summary>
    public static AmfValue Of(string text) => new(AmfKind.String) { Text = text };

    /// <summary>A boolean.</summary>
    public static AmfValue Of(bool value) => value ? True : False;

    /// <summary>A date, in milliseconds since 1970 in UTC.</summary>
    public static AmfValue Date(double milliseconds) => new(AmfKind.Date) { Number = milliseconds };

    /// <summary>XML.</summary>
    public static AmfValue Xml(string text) => new(AmfKind.Xml) { Text = text };

    /// <summary>Bytes; kept, not copied.</summary>
    public static AmfValue ByteArray(byte[] bytes) => new(AmfKind.ByteArray) { Bytes = bytes };

    /// <summary>An anonymous object.</summary>
    public static AmfValue Object(params (string Name, AmfValue Value)[] properties) =>
        Object("", Array.ConvertAll(properties, p => KeyValuePair.Create(p.Name, p.Value)));

    /// <summary>An object of a class; an empty name makes it anonymous. The list is kept, not copied.</summary>
    public static AmfValue Object(string className, IReadOnlyList<KeyValuePair<string, AmfValue>> properties) =>
        new(AmfKind.Object) { Text = className, Properties = properties };

    /// <summary>An associative array. The lists are kept, not copied.</summary>
    public static AmfValue EcmaArray(
        IReadOnlyList<KeyValuePair<string, AmfValue>> properties, IReadOnlyList<AmfValue>? items = null) =>
        new(AmfKind.EcmaArray) { Properties = properties, Items = items ?? [] };

    /// <summary>A dense array. The list is kept, not copied.</summary>
    public static AmfValue StrictArray(params IReadOnlyList<AmfValue> items) =>
        new(AmfKind.StrictArray) { Items = items };

    /// <summary>True with the text when this is a string.</summary>
    public bool TryGetString([NotNullWhen(true)] out string? text)
    {
        text = Kind == AmfKind.String ? Text : null;
        return text is not null;
    }

    /// <summary>True with the number when this is a number or a boolean.</summary>
    public bool TryGetNumber(out double number)
    {
        number = Number;
        return Kind is AmfKind.Number or AmfKind.Boolean;
    }

    /// <summary>Bytes of text, names and byte arrays in this value alone, without its parts.</summary>
    internal int OwnStringBytes() => Encoding.UTF8.GetByteCount(Text) + Bytes.Length;

    /// <summary>Same kind and same content; NaN equals NaN.</summary>
    public bool Equals(AmfValue? other)
    {
        if (ReferenceEquals(this, other))
            return true;
        if (other is null || Kind != other.Kind || !Number.Equals(other.Number) || Text != other.Text
            || Properties.Count != other.Properties.Count || Items.Count != other.Items.Count
            || !Bytes.Span.SequenceEqual(other.Bytes.Span))
            return false;
        for (var i = 0; i < Items.Count; i++)
        {
            if (!Items[i].Equals(other.Items[i]))
                return false;
        }
        for (var i = 0; i < Properties.Count; i++)
        {
            if (Properties[i].Key != other.Properties[i].Key || !Properties[i].Value.Equals(other.Properties[i].Value))
                return false;
        }
        return true;
    }

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as AmfValue);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Kind, Number, Text, Properties.Count, Items.Count);

    /// <inheritdoc/>
    public override string ToString() => Kind switch
    {
        AmfKind.Boolean => Number != 0 ? "true" : "false",
        AmfKind.Number => Number.ToString(System.Globalization.CultureInfo.InvariantCulture),
        AmfKind.String or AmfKind.Xml => Text,
        _ => Kind.ToString(),
    };
}
