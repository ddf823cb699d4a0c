using System.Buffers;
using Millrace.Timeline;

namespace Millrace.Delivery;

/// <summary>The records of a checkpoint.</summary>
internal static partial class JournalWriter
{
    /// <summary>Record 14.</summary>
    private static void Kept(IBufferWriter<byte> output, JournalRecord.Kept kept)
    {
        Number(output, kept.Rendition);
        Byte(output, (byte)((kept.Listed is null ? 0 : 1) | (kept.Recorded is null ? 0 : 2) | (kept.Listed is { IsIndependent: true } ? 4 : 0) | (kept.Listed is { Parts.IsEmpty: false } ? 8 : 0)));
        if (kept.Listed is { } listed)
        {
            Number(output, listed.Number);
            Number(output, listed.Track);
            Number(output, listed.Run);
            Time(output, listed.Start);
            Number(output, listed.DurationTicks);
        }
        if (kept.Recorded is { } recorded)
            Segment(output, recorded);
    }

    /// <summary>Record 15.</summary>
    private static void Checkpoint(IBufferWriter<byte> output, JournalRecord.CheckpointEnded ended)
    {
        var state = ended.State;
        Number(output, state.Periods.Count);
        foreach (var period in state.Periods)
        {
            Number(output, period.Index);
            Number(output, period.FirstSegment);
            Time(output, period.Start);
            Signed(output, period.WallClock.UtcTicks);
            Text(output, period.Leader);
        }
        Number(output, state.Renditions.Count);
        for (var i = 0; i < state.Renditions.Count; i++)
        {
            Rendition(output, state.Renditions[i]);
            var media = ended.Origin.Media[i];
            Byte(output, media.End is null ? (byte)0 : (byte)1);
            if (media.End is { } end)
                Time(output, end);
            Number(output, media.Files);
        }
        Number(output, state.Current.Count);
        foreach (var index in state.Current)
            Number(output, index);
        Number(output, state.DateRanges.Count);
        foreach (var placed in state.DateRanges)
        {
            Range(output, placed.Range);
            Number(output, placed.Segment);
        }
        Number(output, state.RemovedDateRanges.Count);
        foreach (var removed in state.RemovedDateRanges)
        {
            Text(output, removed.Id);
            Number(output, removed.Segment);
        }
        Byte(output, state.IsSuspended ? (byte)1 : (byte)0);
        Signed(output, ended.Origin.NewestBegun);
        Number(output, ended.Origin.Listed.Count);
        foreach (var (number, seconds) in ended.Origin.Listed)
        {
            Number(output, number);
            Double(output, seconds);
        }
        Double(output, ended.Origin.ListedSeconds);
    }

    private static void Rendition(IBufferWriter<byte> output, RenditionState state)
    {
        Text(output, state.Name);
        Number(output, state.Inits.Count);
        foreach (var init in state.Inits)
            Block(output, init.Span);
        Number(output, state.Tracks.Count);
        foreach (var track in state.Tracks)
        {
            Number(output, track.Period);
            Byte(output, (byte)((track.Format is null ? 0 : 1) | (track.HasInit ? 2 : 0) | (track.IsDerived ? 4 : 0)));
            if (track.Format is { } format)
                Format(output, format);
            Signed(output, track.Init);
        }
        Number(output, state.Runs.Count);
        foreach (var run in state.Runs)
        {
            Number(output, run.FirstSegment);
            Time(output, run.Start);
            Byte(output, run.IsGap ? (byte)1 : (byte)0);
        }
        Number(output, state.Track);
        Signed(output, state.Run);
        Format(output, state.Format);
        Byte(output, state.IsDerived ? (byte)1 : (byte)0);
        Signed(output, state.Begun);
        Number(output, state.NextSegment);
        Number(output, state.FirstEver);
        Signed(output, state.NewestDependent);
        Number(output, state.Rewrites);
        Signed(output, state.PresentationDelay);
        var rates = state.Rates;
        Number(output, rates.Recent.Count);
        foreach (var (bytes, seconds) in rates.Recent)
        {
            Number(output, bytes);
            Double(output, seconds);
        }
        Double(output, rates.Peak);
        Number(output, rates.TotalBytes);
        Double(output, rates.TotalSeconds);
        Number(output, rates.Samples);
        Double(output, rates.SampleSeconds);
        Double(output, rates.DeclaredFrameRate);
        Number(output, rates.TargetBitsPerSecond);
    }

    private static void Double(IBufferWriter<byte> output, double value) => Number(output, BitConverter.DoubleToInt64Bits(value));
}
