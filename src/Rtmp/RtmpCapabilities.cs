namespace Millrace.Rtmp;

/// <summary>Extended capabilities of a peer (Enhanced RTMP v2, "Enhancing NetConnection connect Command": CapsExMask).</summary>
[Flags]
public enum RtmpCapsEx
{
    /// <summary>None.</summary>
    None = 0,

    /// <summary>A client follows, a server sends NetConnection.Connect.ReconnectRequest.</summary>
    Reconnect = 1,

    /// <summary>Several audio or video tracks in one stream.</summary>
    Multitrack = 2,

    /// <summary>ModEx signals before a packet are understood.</summary>
    ModEx = 4,

    /// <summary>The ModEx signal that carries nanoseconds of the presentation time.</summary>
    TimestampNanoOffset = 8,
}

/// <summary>What a peer can do with a codec (Enhanced RTMP v2: FourCcInfoMask).</summary>
[Flags]
public enum FourCcInfo
{
    /// <summary>Nothing.</summary>
    None = 0,

    /// <summary>Decode it.</summary>
    CanDecode = 1,

    /// <summary>Encode it.</summary>
    CanEncode = 2,

    /// <summary>Hand it on.</summary>
    CanForward = 4,
}

/// <summary>What a peer announced with connect or its answer (Enhanced RTMP v2).</summary>
/// <param name="FourCcList">The list of Enhanced RTMP v1, of video codecs in practice; "*" stands for all.</param>
/// <param name="Video">What it can do with which video codec.</param>
/// <param name="Audio">What it can do with which audio codec.</param>
/// <param name="CapsEx">Extended capabilities.</param>
public sealed record RtmpCapabilities(
    IReadOnlyList<string> FourCcList,
    IReadOnlyDictionary<string, FourCcInfo> Video,
    IReadOnlyDictionary<string, FourCcInfo> Audio,
    RtmpCapsEx CapsEx)
{
    private const string ListName = "fourCcList";
    private const string VideoName = "videoFourCcInfoMap";
    private const string AudioName = "audioFourCcInfoMap";
    private const string CapsExName = "capsEx";

    /// <summary>A peer that does not know Enhanced RTMP.</summary>
    public static RtmpCapabilities None { get; } =
        new([], new Dictionary<string, FourCcInfo>(), new Dictionary<string, FourCcInfo>(), RtmpCapsEx.None);

    /// <summary>What our server announces: every codec that CMAF carries, forwarded. Tracks beside the first are not taken.</summary>
    public static RtmpCapabilities Server { get; } = Forwarding(
        ["avc1", "hvc1", "av01", "vp09"],
        ["mp4a", "Opus", ".mp3", "fLaC", "ac-3", "ec-3"],
        RtmpCapsEx.Reconnect | RtmpCapsEx.ModEx | RtmpCapsEx.TimestampNanoOffset);

    /// <summary>Capabilities of a peer that hands these codecs on.</summary>
    public static RtmpCapabilities Forwarding(IReadOnlyList<string> video, IReadOnlyList<string> audio, RtmpCapsEx capsEx) =>
        new([.. video, .. audio],
            video.ToDictionary(c => c, _ => FourCcInfo.CanForward),
            audio.ToDictionary(c => c, _ => FourCcInfo.CanForward),
            capsEx);

    /// <summary>Reads the properties of a connect command or of its answer; what has another shape is left out.</summary>
    internal static RtmpCapabilities Read(AmfValue properties)
    {
        if (properties[ListName] is null && properties[VideoName] is null && properties[AudioName] is null
            && properties[CapsExName] is null)
            return None;
        var list = new List<string>();
        foreach (var item in properties[ListName]?.Items ?? [])
        {
            if (item.TryGetString(out var fourCc))
                list.Add(fourCc);
        }
        var capsEx = properties[CapsExName] is { } value && value.TryGetNumber(out var number) ? ToMask(number) : 0;
        return new(list, ReadMap(properties[VideoName]), ReadMap(properties[AudioName]), (RtmpCapsEx)capsEx);
    }

    /// <summary>The same as properties, to be written.</summary>
    internal IEnumerable<KeyValuePair<string, AmfValue>> ToProperties()
    {
        yield return new(ListName, AmfValue.StrictArray(FourCcList.Select(AmfValue.Of).ToArray()));
        yield return new(VideoName, WriteMap(Video));
        yield return new(AudioName, WriteMap(Audio));
        yield return new(CapsExName, AmfValue.Of((double)CapsEx));
    }

    private static Dictionary<string, FourCcInfo> ReadMap(AmfValue? map)
    {
        var infos = new Dictionary<string, FourCcInfo>();
        foreach (var (fourCc, value) in map?.Properties ?? [])
        {
            if (value.TryGetNumber(out var mask))
                infos[fourCc] = (FourCcInfo)ToMask(mask);
        }
        return infos;
    }

    private static AmfValue WriteMap(IReadOnlyDictionary<string, FourCcInfo> infos) =>
        AmfValue.Object("", [.. infos.Select(i => KeyValuePair.Create(i.Key, AmfValue.Of((double)i.Value)))]);

    private static int ToMask(double number) => number is >= 0 and <= int.MaxValue ? (int)number : 0;
}
