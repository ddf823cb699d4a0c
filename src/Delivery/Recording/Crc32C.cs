using System.Numerics;
using System.Runtime.InteropServices;

namespace Millrace.Delivery;

/// <summary>CRC-32C (RFC 3720 §12.1), which processors compute themselves. The journal's checksum.</summary>
internal static class Crc32C
{
    /// <summary>The checksum of one run of bytes.</summary>
    public static uint Of(ReadOnlySpan<byte> bytes) => ~Append(~0u, bytes);

    /// <summary>Goes on with a state that began as <c>~0u</c>; the checksum is its complement.</summary>
    public static uint Append(uint state, ReadOnlySpan<byte> bytes)
    {
        var words = MemoryMarshal.Cast<byte, ulong>(bytes);
        foreach (var word in words)
            state = BitOperations.Crc32C(state, BitConverter.IsLittleEndian ? word : System.Buffers.Binary.BinaryPrimitives.ReverseEndianness(word));
        foreach (var value in bytes[(words.Length * 8)..])
            state = BitOperations.Crc32C(state, value);
        return state;
    }
}
