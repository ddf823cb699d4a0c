using System.Buffers;
using Millrace.Packaging;
using Millrace.Push;
using Millrace.Timeline;

namespace Millrace.Delivery;

/// <summary>
/// What has been told of a pushed broadcast, kept so that it can be told to another pusher: its periods as they came, and the
/// encoders that began in them. Written by the broadcast's owner.
/// </summary>
internal sealed class PushedStory
{
    private readonly List<(NewPeriod Period, DateTimeOffset WallClock)> periods = [];
    private readonly List<(PushInit Frame, long Segment)> inits = [];

    // Periods that an earlier run was told and a checkpoint of the journal left out.
    private int forgotten;

    /// <summary>A period began.</summary>
    /// <param name="period">As it came.</param>
    /// <param name="wallClock">Its clock as it came out: what moved it is not told.</param>
    public void Add(NewPeriod period, DateTimeOffset wallClock) => periods.Add((period, wallClock));

    /// <summary>So many periods were told to an earlier run, and nobody knows them any more: there is no story from the beginning.</summary>
    public void Forget(int count) => forgotten = count;

    /// <summary>A derived rendition's encoder began, with that segment.</summary>
    public void Add(PushInit init, long segment) => inits.Add((init, segment));

    /// <summary>Index of the newest period.</summary>
    public int Period => forgotten + periods.Count - 1;

    /// <summary>An answer to a pusher that goes on with the broadcast: a preamble, and frames up to where it ends here. Without the periods when they are not known from the beginning.</summary>
    /// <param name="broadcast">Whose story it is.</param>
    /// <param name="generation">Which pusher's frames are taken from now on.</param>
    /// <param name="end">How its newest period ends here.</param>
    public byte[] Tell(OriginBroadcast broadcast, ulong generation, PushResume end)
    {
        var output = new ArrayBufferWriter<byte>(16 * 1024);
        PushFrameWriter.WritePreamble(output, generation);
        PushFrameWriter.Write(output, new PushOpen(broadcast.Opened.Contract, broadcast.StartedAt, false));
        for (var i = 0; i < periods.Count && forgotten == 0; i++)
        {
            var (period, wallClock) = periods[i];
            RenditionDescription[] renditions = [.. period.Renditions.Select(rendition => new RenditionDescription(
                rendition.Name, rendition.Format, rendition.InitSegment, rendition.IsDerived, rendition.TargetBitsPerSecond))];
            PushFrameWriter.Write(output, new PushPeriod(i, new PeriodDescription(period.FirstSegment, period.Start, wallClock, renditions)));
            foreach (var (init, began) in inits.Where(encoder => encoder.Frame.Period == i).OrderBy(encoder => encoder.Segment))
            {
                // A rendition's first segment is the one with which its encoder began.
                if (began > period.FirstSegment)
                    PushFrameWriter.Write(output, new PushJoin(began, []));
                PushFrameWriter.Write(output, init);
            }
            if (i + 1 < periods.Count)
                PushFrameWriter.Write(output, new PushJoin(periods[i + 1].Period.FirstSegment, []));
        }
        PushFrameWriter.Write(output, end);
        return output.WrittenSpan.ToArray();
    }
}
