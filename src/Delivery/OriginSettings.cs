using Millrace.Delivery.Steering;

namespace Millrace.Delivery;

/// <summary>What an origin's broadcasts are kept by.</summary>
/// <param name="Delivery">What stays in memory, and how files are cut.</param>
/// <param name="Dvr">How far back viewers may go.</param>
/// <param name="Window">How far back live playlists go: <c>Packaging:Window</c>.</param>
/// <param name="Directory">Where the broadcasts' directories are.</param>
/// <param name="Time">The clock.</param>
/// <param name="Edges">Which nodes viewers play from.</param>
internal readonly record struct OriginSettings(
    DeliveryOptions Delivery, DvrOptions Dvr, TimeSpan Window, string Directory, TimeProvider Time, EdgeSet Edges);
