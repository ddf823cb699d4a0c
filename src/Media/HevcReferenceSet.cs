namespace Millrace.Media;

/// <summary>
/// A short-term reference picture set: the pictures that one picture refers to, and those that later ones may
/// (ISO/IEC 23008-2 §7.3.7, §7.4.8). Reading again replaces what it held. One owner.
/// </summary>
internal sealed class HevcReferenceSet
{
    /// <summary>Most pictures of a set (sps_max_dec_pic_buffering_minus1, at most 15, and one to spare).</summary>
    public const int Most = 16;

    private const int MaxDistance = 1 << 15;

    // First those that are shown before, the nearest first, then those behind.
    private readonly int[] distances = new int[Most];
    private uint used;
    private int before;

    /// <summary>Number of pictures.</summary>
    public int Count { get; private set; }

    /// <summary>A picture's order count minus that of the picture whose set it is.</summary>
    public int Distance(int index) => distances[index];

    /// <summary>The picture itself refers to it; else only later ones may.</summary>
    public bool IsUsed(int index) => (used >> index & 1) != 0;

    /// <summary>Reads one; false when it is none.</summary>
    /// <param name="bits">Behind it afterwards.</param>
    /// <param name="others">The sequence parameter set's, in front of it.</param>
    /// <param name="isOfSlice">It stands in a slice header, which may name any of <paramref name="others"/> as its model.</param>
    public bool TryRead(ref BitReader bits, ReadOnlySpan<HevcReferenceSet> others, bool isOfSlice)
    {
        Count = 0;
        used = 0;
        if (others.Length > 0 && bits.Flag())
        {
            var back = isOfSlice ? bits.Unsigned() : 0;
            return back < others.Length && TryPredict(ref bits, others[others.Length - 1 - (int)back]) && !bits.IsOverrun;
        }
        var (negative, positive) = (bits.Unsigned(), bits.Unsigned());
        if (negative > Most || positive > Most - negative)
            return false;
        before = (int)negative;
        return TryReadRun(ref bits, (int)negative, -1) && TryReadRun(ref bits, (int)positive, 1) && !bits.IsOverrun;
    }

    private bool TryReadRun(ref BitReader bits, int length, int sign)
    {
        var distance = 0;
        for (var i = 0; i < length; i++)
        {
            var step = bits.Unsigned() + 1L;
            if (step > MaxDistance)
                return false;
            distance += sign * (int)step;
            used |= bits.Bit() << Count;
            distances[Count++] = distance;
        }
        return true;
    }

    /// <summary>Another set, moved, and the picture whose set that is; of these some (equations 7-61 and 7-62).</summary>
    private bool TryPredict(ref BitReader bits, HevcReferenceSet model)
    {
        var isNegative = bits.Flag();
        var step = bits.Unsigned() + 1L;
        if (step > MaxDistance)
            return false;
        var moved = isNegative ? -(int)step : (int)step;
        var (takes, uses) = (0u, 0u);
        for (var i = 0; i <= model.Count; i++)
        {
            if (bits.Flag())
                uses |= 1u << i;
            if ((uses >> i & 1) != 0 || bits.Flag())
                takes |= 1u << i;
        }
        var isFull = false;
        for (var i = model.Count - 1; i >= model.before; i--)
            Take(i, -1);
        Take(model.Count, -1);
        for (var i = 0; i < model.before; i++)
            Take(i, -1);
        before = Count;
        for (var i = model.before - 1; i >= 0; i--)
            Take(i, 1);
        Take(model.Count, 1);
        for (var i = model.before; i < model.Count; i++)
            Take(i, 1);
        return !isFull;

        void Take(int index, int side)
        {
            var distance = (index == model.Count ? 0 : model.distances[index]) + moved;
            if ((takes >> index & 1) == 0 || Math.Sign(distance) != side)
                return;
            if (Count == Most)
            {
                isFull = true;
                return;
            }
            used |= (uses >> index & 1) << Count;
            distances[Count++] = distance;
        }
    }
}

/// <summary>What a sequence parameter set of HEVC says of the order of pictures and what they refer to.</summary>
/// <param name="Bits">Of an order count's lower part, 4 to 16.</param>
/// <param name="HasSeparatePlanes">Each slice says of which colour it is.</param>
/// <param name="Sets">Sets that slices name by their index.</param>
/// <param name="HasLongTerm">Pictures may be referred to by other means as well.</param>
internal sealed record HevcOrder(int Bits, bool HasSeparatePlanes, HevcReferenceSet[] Sets, bool HasLongTerm);
