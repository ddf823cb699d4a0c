namespace Millrace.Cmaf;

/// <summary>Box types as numbers, as <see cref="BoxReader.Type"/> has them.</summary>
public static class BoxType
{
    /// <summary>The number of a type's four characters.</summary>
    public static uint Of(string type)
    {
        ArgumentNullException.ThrowIfNull(type);
        return type.Length == 4
            ? (uint)(byte)type[0] << 24 | (uint)(byte)type[1] << 16 | (uint)(byte)type[2] << 8 | (byte)type[3]
            : throw new ArgumentException("A box type has four characters.", nameof(type));
    }

    internal static readonly uint Moov = Of("moov");
    internal static readonly uint Trak = Of("trak");
    internal static readonly uint Tkhd = Of("tkhd");
    internal static readonly uint Mdia = Of("mdia");
    internal static readonly uint Mdhd = Of("mdhd");
    internal static readonly uint Minf = Of("minf");
    internal static readonly uint Stbl = Of("stbl");
    internal static readonly uint Stsd = Of("stsd");
    internal static readonly uint Mvex = Of("mvex");
    internal static readonly uint Trex = Of("trex");
    internal static readonly uint Moof = Of("moof");
    internal static readonly uint Mdat = Of("mdat");
    internal static readonly uint Mfhd = Of("mfhd");
    internal static readonly uint Traf = Of("traf");
    internal static readonly uint Tfhd = Of("tfhd");
    internal static readonly uint Tfdt = Of("tfdt");
    internal static readonly uint Trun = Of("trun");
    internal static readonly uint Prft = Of("prft");
    internal static readonly uint Esds = Of("esds");
}
