using Millrace.Media;

namespace Millrace.Transcoding;

/// <summary>One rung as an operator or <c>auto</c> asks for it, before the source's size is known.</summary>
/// <param name="Height">Rows, or columns of a picture that is higher than wide; even, 96 to 2160.</param>
/// <param name="MaxFramesPerSecond">Most frames a second; null leaves it to the source and its size.</param>
/// <param name="BitsPerSecond">Wanted rate; null takes the one that is usual for the size.</param>
/// <param name="Codec">AVC, HEVC or AV1.</param>
/// <param name="Preset">The encoder's own word for its effort; null takes the one that is fast enough for live.</param>
public readonly record struct RungSpec(int Height, double? MaxFramesPerSecond, long? BitsPerSecond, Codec Codec, string? Preset);
