namespace Millrace.Media;

/// <summary>What a look at a coded picture's headers tells; see <see cref="VideoAccessUnit.Inspect"/>.</summary>
public readonly record struct VideoInspection
{
    /// <summary>Why the payload is no access unit of the format, or null. With a fault nothing else is of meaning.</summary>
    public string? Fault { get; init; }

    /// <summary>There is picture data, not just parameter sets or delimiters. A payload without makes no sample.</summary>
    public bool HasPicture { get; init; }

    /// <summary>
    /// Decoding can begin here, by the bit stream's own word: IDR (AVC), IRAP (HEVC), a shown key frame behind a sequence
    /// header (AV1), a key frame (VP9). An AVC recovery point without IDR is none: players don't start on it.
    /// </summary>
    public bool IsRandomAccess { get; init; }

    /// <summary>
    /// AVC without IDR: an intra picture that a recovery point SEI message stands in front of (ISO/IEC 14496-10 §D.2.8), as
    /// encoders with open GOPs make. A decoder may begin here and leave out what is presented before.
    /// </summary>
    public bool IsRecoveryPoint { get; init; }

    /// <summary>
    /// HEVC RASL: it cannot be decoded when decoding began at the random access picture before it (ISO/IEC 23008-2 §3.111).
    /// </summary>
    public bool IsSkippedLeading { get; init; }

    /// <summary>
    /// AVC: frame_num of the picture's first slice (ISO/IEC 14496-10 §7.4.3), 0 for an IDR picture; −1 where the header cannot be
    /// read or <see cref="VideoFormat.FrameNumbers"/> is 0. Of no meaning for other codecs.
    /// </summary>
    public int FrameNumber { get; init; }

    /// <summary>AVC: other pictures may refer to it (nal_ref_idc is not 0). Of no meaning for other codecs.</summary>
    public bool IsReference { get; init; }

    /// <summary>
    /// It carries a sequence header other than the format's: the encoder changed without a new sequence start. Take the new
    /// format from <see cref="VideoAccessUnit.TryReadFormat"/>.
    /// </summary>
    public bool ChangesFormat { get; init; }

    /// <summary>
    /// The sample differs from the payload in more than a cut at its beginning: copy it with
    /// <see cref="VideoAccessUnit.Rewrite"/>. Only odd encoders make that necessary.
    /// </summary>
    public bool NeedsRewrite { get; init; }

    /// <summary>Where the sample begins in the payload, when it needs no rewriting.</summary>
    public int SampleOffset { get; init; }

    /// <summary>Bytes of the sample: of the slice, or what rewriting will write.</summary>
    public int SampleLength { get; init; }

    internal static VideoInspection Broken(string fault) => new() { Fault = fault };
}
