using Millrace.Core;

namespace Millrace.Delivery;

/// <summary>What an origin knows of a broadcast beside its timeline, at a checkpoint of its journal.</summary>
/// <param name="NewestBegun">The newest segment's number that was made known; -1 when there is none.</param>
/// <param name="Listed">The leader's segments that the window is measured with: number and seconds.</param>
/// <param name="ListedSeconds">How long they are together, as it was added up.</param>
/// <param name="Media">By index of the timeline's renditions.</param>
internal sealed record OriginState(long NewestBegun, IReadOnlyList<(long Number, double Seconds)> Listed, double ListedSeconds, IReadOnlyList<MediaState> Media);

/// <summary>What it knows of a rendition's media.</summary>
/// <param name="End">Decode time at which they end; null while there are none.</param>
/// <param name="Files">Numbers of media files that were used: those below it.</param>
internal readonly record struct MediaState(MediaTime? End, int Files);
