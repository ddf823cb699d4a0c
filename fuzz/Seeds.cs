using Millrace.Media;

namespace Millrace.Fuzz;

/// <summary>Configurations of small real streams (ffmpeg 5.1 with x264, x265 and libaom), to inspect access units against.</summary>
internal static class Seeds
{
    public static IReadOnlyList<(Codec Codec, byte[] Configuration)> VideoConfigurations { get; } =
    [
        (Codec.Avc, Convert.FromHexString(
            "0164000affe100186764000aacd94426c044000003000400000300c83c48965801000468ef8fcbfdf8f800")),
        (Codec.Hevc, Convert.FromHexString(
            "0101600000009000000000001ef000fcfdf8f800000f03a00001001840010c01ffff0160000003009000000300000300"
            + "1e959409a10001002842010101600000030090000003000003001ea0208105965654a4c2f0168080000003008000000c"
            + "84a2000100064401c073c089")),
        (Codec.Av1, Convert.FromHexString(
            "81000c000a0a00000002afff9b5f2008")),
    ];
}
