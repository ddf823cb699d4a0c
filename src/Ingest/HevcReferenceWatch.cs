using Millrace.Media;

namespace Millrace.Ingest;

/// <summary>
/// Watches a session's HEVC pictures for those that others refer to and that never came: each picture names what it refers to, and
/// what is to be kept. One owner.
/// </summary>
/// <remarks>ISO/IEC 23008-2 §8.3.1 (order counts) and §8.3.2 (reference picture sets).</remarks>
internal sealed class HevcReferenceWatch(HevcSliceReader slice)
{
    private const int CleanRandomAccess = 21;

    // Order counts of what a decoder has: as many as a set holds, and the picture itself.
    private int[] kept = new int[17];
    private int[] next = new int[17];
    private int count;
    private int lowest;
    private bool hasBegun;
    private bool skipsLeading;

    /// <summary>The next picture in decode order. Returns how many pictures it needs and does not have, each told once.</summary>
    /// <param name="payload">An access unit that was inspected without fault.</param>
    public int Add(ReadOnlySpan<byte> payload)
    {
        if (!slice.TryRead(payload))
        {
            hasBegun = false;
            return 0;
        }
        var type = slice.UnitType;
        if (type is >= 16 and <= 23 && (!hasBegun || type != CleanRandomAccess))
        {
            // Pictures behind it that are shown in front of it may need what was before the stream began.
            skipsLeading = true;
            hasBegun = true;
            lowest = kept[0] = slice.OrderLow;
            count = 1;
            return 0;
        }
        if (!hasBegun)
            return 0;
        skipsLeading &= type != CleanRandomAccess;
        var order = OrderOf(slice.OrderLow);
        var missing = Keep(order);
        // Layer 0, no leading picture, and none that nobody in its layer refers to.
        if (slice.TemporalId == 0 && type is not (0 or 2 or 4 or (>= 6 and <= 10) or 12 or 14))
            lowest = order;
        return skipsLeading && type is 8 or 9 ? 0 : missing;
    }

    /// <summary>The picture's set is what is left of those before it. What it needs and is not there a decoder makes up, and has from here on.</summary>
    private int Keep(int order)
    {
        var missing = 0;
        var left = 0;
        for (var i = 0; i < slice.ReferenceCount; i++)
        {
            var wanted = order + slice.ReferenceDistance(i);
            var isThere = kept.AsSpan(0, count).Contains(wanted);
            if (!isThere && !slice.IsReferenceUsed(i))
                continue;
            missing += isThere ? 0 : 1;
            next[left++] = wanted;
        }
        next[left++] = order;
        count = left;
        (kept, next) = (next, kept);
        return missing;
    }

    /// <summary>The order count nearest to that of the last picture of layer 0 (equation 8-1).</summary>
    private int OrderOf(int low)
    {
        var cycle = 1 << slice.OrderBits;
        var difference = (low - lowest) & (cycle - 1);
        return lowest + (difference > cycle / 2 ? difference - cycle : difference);
    }
}
