namespace Millrace.Cmaf;

/// <summary>The 32 sample flags of fragments (ISO/IEC 14496-12 §8.8.3.1).</summary>
/// <remarks><code>| 0:4 | is_leading:2 | depends_on:2 | is_depended_on:2 | redundancy:2 | padding:3 | non_sync:1 | priority:16 |</code></remarks>
internal static class SampleFlags
{
    /// <summary>A sync sample: depends on no other.</summary>
    public const uint Sync = 2u << 24;

    /// <summary>Depends on others and is no sync sample.</summary>
    public const uint NonSync = 1u << 24 | NonSyncBit;

    /// <summary>The bit <c>sample_is_non_sync_sample</c>.</summary>
    public const uint NonSyncBit = 1u << 16;

    public static uint Of(bool isSync) => isSync ? Sync : NonSync;
}
