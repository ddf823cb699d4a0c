using Millrace.Media;

namespace Millrace.Packaging;

/// <summary>One rendition that a period is to have.</summary>
/// <param name="Name">Its name in paths; see <see cref="RenditionDescription"/>.</param>
/// <param name="Format">
/// The track's format. Of a derived one what is predicted: kind and timescale have to hold, codec string, size and frame
/// rate are what playlists say until <see cref="BroadcastPackager.SetFormat"/>.
/// </param>
/// <param name="IsDerived">It is made of another rendition here: it comes later, may lag, stop and come back.</param>
/// <param name="TargetBitsPerSecond">What a derived one's encoder is told to keep, for playlists before anything is measured; else 0.</param>
public readonly record struct PeriodRendition(string Name, TrackFormat Format, bool IsDerived = false, long TargetBitsPerSecond = 0);
