using System.Diagnostics.Metrics;

namespace Millrace.Ingest;

/// <summary>
/// <see cref="IngestTotals"/> as instruments, meter <c>Millrace.Ingest</c>. Nothing is counted on the media path for them: they are read
/// when somebody scrapes. What differs per channel is in the channel's health, not here, so that the number of series is fixed.
/// </summary>
public sealed class IngestMetrics
{
    /// <summary>The meter's name.</summary>
    public const string MeterName = "Millrace.Ingest";

    private readonly IngestTotals totals;

    /// <summary>Makes the instruments.</summary>
    public IngestMetrics(BroadcastDirectory directory, IMeterFactory meters)
    {
        totals = directory.Totals;
        var meter = meters.Create(MeterName);
        meter.CreateObservableGauge("millrace.ingest.broadcasts", Broadcasts, "{broadcast}", "Broadcasts, by where they stand.");
        meter.CreateObservableCounter("millrace.ingest.sessions", () => totals.Read().Sessions, "{session}", "Publish sessions begun.");
        meter.CreateObservableCounter("millrace.ingest.received", () => totals.Read().Ingest.Bytes, "By", "Bytes of audio, video and data messages.");
        meter.CreateObservableCounter("millrace.ingest.access_units", AccessUnits, "{unit}", "Pictures and audio frames accepted.");
        meter.CreateObservableCounter("millrace.ingest.data_messages", () => totals.Read().Ingest.DataMessages, "{message}", "Data messages (onMetaData, …).");
        meter.CreateObservableCounter("millrace.ingest.dropped", Dropped, "{unit}", "Media left out, by reason.");
        meter.CreateObservableCounter("millrace.ingest.missing_pictures", () => totals.Read().Ingest.MissingPictures, "{picture}", "Reference pictures that did not come, as far as their numbers tell.");
        meter.CreateObservableCounter("millrace.ingest.repairs", Repairs, "{repair}", "Timestamp repairs, by kind.");
        meter.CreateObservableCounter("millrace.packaging.parts", () => totals.Read().Packaging.Parts, "{part}", "Parts made.");
        meter.CreateObservableCounter("millrace.packaging.segments", () => totals.Read().Packaging.Segments, "{segment}", "Segments ended, gaps included.");
        meter.CreateObservableCounter("millrace.packaging.irregularities", Irregularities, "{event}", "What packaging had to bend or fill, by kind.");
    }

    private IEnumerable<Measurement<int>> Broadcasts()
    {
        var sums = totals.Read();
        yield return Of(sums.Discovering, "state", "starting");
        yield return Of(sums.OnAir, "state", "on_air");
        yield return Of(sums.Suspended, "state", "waiting_for_publisher");
    }

    private IEnumerable<Measurement<long>> AccessUnits()
    {
        var ingest = totals.Read().Ingest;
        yield return Of(ingest.VideoUnits, "media", "video");
        yield return Of(ingest.AudioUnits, "media", "audio");
    }

    private IEnumerable<Measurement<long>> Dropped()
    {
        var sums = totals.Read();
        yield return Of(sums.Ingest.BeforeConfiguration, "reason", "before_configuration");
        yield return Of(sums.Ingest.BeforeRandomAccess, "reason", "before_key_frame");
        yield return Of(sums.Ingest.Damaged, "reason", "damaged");
        yield return Of(sums.Ingest.BadTags, "reason", "bad_tag");
        yield return Of(sums.Ingest.Ignored, "reason", "ignored");
        yield return Of(sums.Ingest.AfterEnd, "reason", "after_end");
        yield return Of(sums.Packaging.LateDropped, "reason", "late");
    }

    private IEnumerable<Measurement<long>> Repairs()
    {
        var repairs = totals.Read().Repairs;
        yield return Of(repairs.Wraps, "kind", "wrap");
        yield return Of(repairs.ForwardJumps, "kind", "forward_jump");
        yield return Of(repairs.BackwardJumps, "kind", "backward_jump");
        yield return Of(repairs.ForeignStarts, "kind", "foreign_start");
        yield return Of(repairs.Reordered, "kind", "reordered");
        yield return Of(repairs.AudioHoles, "kind", "audio_hole");
        yield return Of(repairs.AudioDropped, "kind", "audio_dropped");
        yield return Of(repairs.AudioSteered, "kind", "audio_steered");
    }

    private IEnumerable<Measurement<long>> Irregularities()
    {
        var packaging = totals.Read().Packaging;
        yield return Of(packaging.GapSegments, "kind", "gap_segment");
        yield return Of(packaging.DependentSegments, "kind", "dependent_segment");
        yield return Of(packaging.OversizedParts, "kind", "oversized_part");
        yield return Of(packaging.ShortParts, "kind", "short_part");
        yield return Of(packaging.SilentFrames, "kind", "silent_frame");
        yield return Of(packaging.LeaderStalls, "kind", "leader_stall");
        yield return Of(packaging.Reordered, "kind", "reordered");
        yield return Of(packaging.DerivedGaps, "kind", "derived_gap");
        yield return Of(packaging.DerivedDropped, "kind", "derived_dropped");
    }

    private static Measurement<T> Of<T>(T value, string tag, string name) where T : struct => new(value, new KeyValuePair<string, object?>(tag, name));
}
