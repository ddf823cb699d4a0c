using System.Globalization;
using Millrace.Core;

namespace Millrace.Delivery;

/// <summary>
/// The name of the object that makes a replay known to every node: all that a list of replays shows stands in it, so that
/// listing the bucket is enough. <c>replays/{broadcast}/{channel}/{started}-{ended}-{duration}-{bytes}-{mode}</c>, times in
/// milliseconds, the first two since 1970.
/// </summary>
internal static class ArchivedReplay
{
    /// <summary>What all of them begin with.</summary>
    public const string Prefix = "replays/";

    /// <summary>The name for a replay of so many bytes.</summary>
    public static string NameOf(Replay replay, long bytes) => string.Create(
        CultureInfo.InvariantCulture,
        $"{Prefix}{replay.Id}/{replay.Channel}/{replay.StartedAt.ToUnixTimeMilliseconds()}-{replay.EndedAt.ToUnixTimeMilliseconds()}-{(long)replay.Duration.TotalMilliseconds}-{bytes}-{(int)replay.Mode}");

    /// <summary>Reads a name; false when it is none of ours.</summary>
    public static bool TryParse(string name, out Replay replay)
    {
        replay = null!;
        if (!name.StartsWith(Prefix, StringComparison.Ordinal) || name[Prefix.Length..].Split('/') is not [var id, var channel, var rest]
            || !BroadcastId.TryParse(id, out var broadcast) || !ChannelName.TryParse(channel, out var owner) || rest.Split('-') is not { Length: 5 } fields)
            return false;
        Span<long> numbers = stackalloc long[5];
        for (var i = 0; i < fields.Length; i++)
        {
            // Milliseconds until the year 9000, and as many bytes: nothing below runs over.
            if (!long.TryParse(fields[i], NumberStyles.None, CultureInfo.InvariantCulture, out numbers[i]) || numbers[i] > 221_000_000_000_000)
                return false;
        }
        if (numbers[4] is not ((int)DvrMode.Window or (int)DvrMode.Full))
            return false;
        replay = new Replay(
            owner, broadcast, DateTimeOffset.FromUnixTimeMilliseconds(numbers[0]), DateTimeOffset.FromUnixTimeMilliseconds(numbers[1]),
            TimeSpan.FromMilliseconds(numbers[2]), numbers[3], (DvrMode)numbers[4]);
        return true;
    }
}
