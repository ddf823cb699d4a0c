namespace Millrace.Cmaf;

/// <summary>One sample of a track fragment run (ISO/IEC 14496-12 §8.8.8).</summary>
/// <param name="Size">Bytes, more than 0.</param>
/// <param name="Duration">In the track's timescale.</param>
/// <param name="CompositionOffset">Presentation minus decode time in the track's timescale; may be negative (version 1).</param>
/// <param name="IsSync">Decoding can begin at it.</param>
public readonly record struct Sample(int Size, uint Duration, int CompositionOffset, bool IsSync);
