namespace Millrace.Media;

/// <summary>The codings that a CMAF track of ours can carry.</summary>
public enum Codec
{
    /// <summary>H.264 (ISO/IEC 14496-10), sample entry <c>avc1</c>.</summary>
    Avc,
    /// <summary>H.265 (ISO/IEC 23008-2), sample entry <c>hvc1</c>.</summary>
    Hevc,
    /// <summary>AV1, sample entry <c>av01</c>.</summary>
    Av1,
    /// <summary>VP9, sample entry <c>vp09</c>.</summary>
    Vp9,
    /// <summary>AAC (ISO/IEC 14496-3), sample entry <c>mp4a</c>.</summary>
    Aac,
    /// <summary>Opus (RFC 6716), sample entry <c>Opus</c>.</summary>
    Opus,
    /// <summary>MPEG-1/2 layer III, sample entry <c>mp4a</c> with object type 0x6B or 0x69.</summary>
    Mp3,
    /// <summary>FLAC, sample entry <c>fLaC</c>.</summary>
    Flac,
    /// <summary>AC-3, sample entry <c>ac-3</c>.</summary>
    Ac3,
    /// <summary>Enhanced AC-3, sample entry <c>ec-3</c>.</summary>
    Eac3,
}

/// <summary>What a track carries.</summary>
public enum MediaKind
{
    /// <summary>Pictures.</summary>
    Video,
    /// <summary>Sound.</summary>
    Audio,
}
