using System.Buffers.Text;
using System.Globalization;
using System.Text;
using Millrace.Core;

namespace Millrace.Delivery;

/// <summary>
/// The name of the object that makes a replay or a clip known to every node: all that a list of them shows stands in it, so
/// that listing the bucket is enough. <c>replays/{broadcast}/{channel}/{started}-{ended}-{duration}-{bytes}-{mode}</c> and
/// <c>clips/{clip}/{channel}/{started}-{ended}-{duration}-{bytes}-{from}-{to}-{made}/{broadcast}/{name}</c>: times in
/// milliseconds, those of clocks since 1970; a clip's name in base64url (RFC 4648 §5) of its UTF-8.
/// </summary>
/// <remarks>S3 has names of up to 1024 bytes; ours have 950 at most, with the longest prefix, channel and name.</remarks>
internal static class ArchivedReplay
{
    /// <summary>What replays' begin with.</summary>
    public const string Prefix = "replays/";

    /// <summary>What clips' begin with.</summary>
    public const string ClipPrefix = "clips/";

    // Milliseconds until the year 9000, and as many bytes: nothing below runs over.
    private const long MostNumber = 221_000_000_000_000;

    /// <summary>The name for a replay or clip of so many bytes.</summary>
    public static string NameOf(Replay replay, long bytes)
    {
        var begin = string.Create(
            CultureInfo.InvariantCulture,
            $"{replay.Id}/{replay.Channel}/{replay.StartedAt.ToUnixTimeMilliseconds()}-{replay.EndedAt.ToUnixTimeMilliseconds()}-{(long)replay.Duration.TotalMilliseconds}-{bytes}");
        return replay.Clip is not { } clip
            ? string.Create(CultureInfo.InvariantCulture, $"{Prefix}{begin}-{(int)replay.Mode}")
            : string.Create(
                CultureInfo.InvariantCulture,
                $"{ClipPrefix}{begin}-{(long)clip.From.TotalMilliseconds}-{(long)clip.To.TotalMilliseconds}-{clip.CreatedAt.ToUnixTimeMilliseconds()}/{clip.Of}/{Base64Url.EncodeToString(Encoding.UTF8.GetBytes(clip.Name))}");
    }

    /// <summary>Reads a name; false when it is none of ours.</summary>
    public static bool TryParse(string name, out Replay replay)
    {
        replay = null!;
        Span<long> numbers = stackalloc long[7];
        switch (name.Split('/'))
        {
            case ["replays", var id, var channel, var fields]
                when TryParse(id, channel, out var broadcast, out var owner) && TryParse(fields, numbers[..5]) && numbers[4] is (int)DvrMode.Window or (int)DvrMode.Full:
                replay = Make(owner, broadcast, numbers, (DvrMode)numbers[4], null);
                return true;
            case ["clips", var id, var channel, var fields, var source, var title]
                when TryParse(id, channel, out var broadcast, out var owner) && TryParse(fields, numbers) && BroadcastId.TryParse(source, out var of) && TryDecode(title, out var called):
                replay = Make(owner, broadcast, numbers, DvrMode.Full, new Clip(
                    called, of, TimeSpan.FromMilliseconds(numbers[4]), TimeSpan.FromMilliseconds(numbers[5]), DateTimeOffset.FromUnixTimeMilliseconds(numbers[6])));
                return true;
            default:
                return false;
        }
    }

    private static Replay Make(ChannelName channel, BroadcastId id, ReadOnlySpan<long> numbers, DvrMode mode, Clip? clip) => new(
        channel, id, DateTimeOffset.FromUnixTimeMilliseconds(numbers[0]), DateTimeOffset.FromUnixTimeMilliseconds(numbers[1]), TimeSpan.FromMilliseconds(numbers[2]),
        numbers[3], mode, clip);

    private static bool TryParse(string id, string channel, out BroadcastId broadcast, out ChannelName owner)
    {
        owner = default;
        return BroadcastId.TryParse(id, out broadcast) && ChannelName.TryParse(channel, out owner);
    }

    private static bool TryParse(string text, Span<long> numbers)
    {
        var fields = text.Split('-');
        if (fields.Length != numbers.Length)
            return false;
        for (var i = 0; i < fields.Length; i++)
        {
            if (!long.TryParse(fields[i], NumberStyles.None, CultureInfo.InvariantCulture, out numbers[i]) || numbers[i] > MostNumber)
                return false;
        }
        return true;
    }

    private static bool TryDecode(string text, out string name)
    {
        name = "";
        if (!Base64Url.IsValid(text))
            return false;
        name = Encoding.UTF8.GetString(Base64Url.DecodeFromChars(text));
        return Clip.IsName(name);
    }
}
