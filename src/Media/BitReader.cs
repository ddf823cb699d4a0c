namespace Millrace.Media;

/// <summary>
/// Reads bits, most significant first, and exp-Golomb codes (ISO/IEC 14496-10 §9.1). Never throws: behind the end it reads
/// zeros and sets <see cref="IsOverrun"/>, which the caller asks once when it is done.
/// </summary>
internal ref struct BitReader
{
    private readonly ReadOnlySpan<byte> data;
    private readonly bool escaped;
    private int next;
    private int zeros;
    private int current;
    private int bitsLeft;

    /// <param name="data">The bits.</param>
    /// <param name="escaped">Leave emulation prevention bytes out (00 00 03, §7.4.1), as in NAL units.</param>
    public BitReader(ReadOnlySpan<byte> data, bool escaped = false)
    {
        this.data = data;
        this.escaped = escaped;
    }

    /// <summary>More was read than there is; everything since is zeros.</summary>
    public bool IsOverrun { get; private set; }

    /// <summary>Bits not read yet, counting emulation prevention bytes that are still to come.</summary>
    public readonly long BitsLeft => bitsLeft + (long)(data.Length - next) * 8;

    public uint Bit()
    {
        if (bitsLeft == 0 && !TryNextByte())
            return 0;
        bitsLeft--;
        return (uint)(current >> bitsLeft) & 1;
    }

    public bool Flag() => Bit() != 0;

    /// <summary>Reads 0 to 32 bits.</summary>
    public uint Bits(int count)
    {
        var value = 0u;
        while (count > 0)
        {
            if (bitsLeft == 0 && !TryNextByte())
                return 0;
            var take = Math.Min(count, bitsLeft);
            bitsLeft -= take;
            value = value << take | (uint)(current >> bitsLeft) & ((1u << take) - 1);
            count -= take;
        }
        return value;
    }

    /// <summary>Skips any number of bits.</summary>
    public void Skip(int count)
    {
        for (; count > 32; count -= 32)
            Bits(32);
        Bits(count);
    }

    public byte Byte() => (byte)Bits(8);

    /// <summary>ue(v); codes of more than 31 leading zeros, which no field has, count as an overrun.</summary>
    public uint Unsigned()
    {
        var leading = 0;
        while (Bit() == 0)
        {
            if (IsOverrun || ++leading > 31)
            {
                IsOverrun = true;
                return 0;
            }
        }
        return leading == 0 ? 0 : (1u << leading) - 1 + Bits(leading);
    }

    /// <summary>se(v).</summary>
    public int Signed()
    {
        var code = Unsigned();
        return (code & 1) != 0 ? (int)(code / 2 + 1) : -(int)(code / 2);
    }

    private bool TryNextByte()
    {
        if (escaped && zeros >= 2 && next < data.Length && data[next] == 3)
        {
            next++;
            zeros = 0;
        }
        if (next >= data.Length)
        {
            IsOverrun = true;
            return false;
        }
        current = data[next++];
        zeros = current == 0 ? zeros + 1 : 0;
        bitsLeft = 8;
        return true;
    }
}
