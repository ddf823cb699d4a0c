using Millrace.Media;

namespace Millrace.Ingest;

/// <summary>
/// Watches a session's pictures for those that others refer to and that never came: the numbers of AVC reference pictures go up by
/// one from each to the next, both fields of one have the same, and <see cref="HevcReferenceWatch"/> knows HEVC's. Decoders hide what
/// is missing, and show smears up to the next key frame. It finds too few rather than too many.
/// </summary>
/// <remarks>
/// ISO/IEC 14496-10 §7.4.3: without gaps_in_frame_num_value_allowed_flag, frame_num is that of the reference picture before or one
/// more, modulo MaxFrameNum. Added to by one thread; <see cref="Recent"/> may be read by any.
/// </remarks>
internal sealed class ReferenceWatch
{
    /// <summary>How long a missing picture counts as recent; to within a sixth.</summary>
    public const int MemorySeconds = 30;

    private const int Slots = 6;
    private const long SlotTicks = MemorySeconds / Slots * TimeSpan.TicksPerSecond;

    private readonly int[] counts = new int[Slots];
    private long slot;
    private int numbers;
    private HevcReferenceWatch? hevc;
    private int previous = -1;
    private bool isUncertain;

    /// <summary>The format is known, or another one: numbers begin anew.</summary>
    public void Begin(VideoFormat format)
    {
        numbers = format.FrameNumbers;
        hevc = HevcSliceReader.Of(format) is { } reader ? new HevcReferenceWatch(reader) : null;
        previous = -1;
        isUncertain = false;
    }

    /// <summary>The next picture in decode order.</summary>
    /// <param name="look">What its headers say.</param>
    /// <param name="payload">The access unit, as it was inspected.</param>
    /// <param name="receivedAt">UTC ticks.</param>
    /// <returns>Reference pictures that are missing in front of it, at least.</returns>
    public int Add(in VideoInspection look, ReadOnlySpan<byte> payload, long receivedAt)
    {
        // A parameter set that came ahead of its key frame: how long the numbers are behind that is not known.
        isUncertain |= look.ChangesFormat && !look.IsRandomAccess;
        var missing = isUncertain ? 0 : hevc?.Add(payload) ?? AddNumber(look);
        if (missing > 0)
            Note(missing, receivedAt);
        return missing;
    }

    private int AddNumber(in VideoInspection look)
    {
        var number = look.FrameNumber;
        if (numbers == 0 || number < 0)
        {
            previous = -1;
            return 0;
        }
        var missing = 0;
        // Streams that were cut begin at recovery points as well. 0 and 1 come also behind a picture that resets all
        // (memory_management_control_operation 5), which stands too deep in the headers to be looked for.
        if (previous >= 0 && number > 1 && number != previous && !look.IsRecoveryPoint)
            missing = (number - previous - 1) & (numbers - 1);
        // A step back: nobody knows how many.
        if (missing > numbers / 2)
            missing = 1;
        // One that nobody refers to has the number of the next that somebody may.
        previous = look.IsReference || number == previous ? number : (number - 1) & (numbers - 1);
        return missing;
    }

    /// <summary>How many were missing within the last <see cref="MemorySeconds"/>.</summary>
    /// <param name="now">UTC ticks.</param>
    public int Recent(long now)
    {
        var newest = Volatile.Read(ref slot);
        var sum = 0L;
        for (var i = Math.Max(Math.Max(0, newest - Slots + 1), now / SlotTicks - Slots + 1); i <= newest; i++)
            sum += Volatile.Read(ref counts[i % Slots]);
        return (int)Math.Min(sum, int.MaxValue);
    }

    private void Note(int missing, long receivedAt)
    {
        // A clock that steps back counts into the newest slot.
        var next = Math.Max(slot, receivedAt / SlotTicks);
        for (var i = Math.Max(slot + 1, next - Slots + 1); i <= next; i++)
            counts[i % Slots] = 0;
        counts[next % Slots] += missing;
        Volatile.Write(ref slot, next);
    }
}
