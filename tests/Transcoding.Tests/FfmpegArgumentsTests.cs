using Millrace.Core;
using Millrace.Media;

namespace Millrace.Transcoding.Tests;

/// <summary>The exact command lines. For hardware they are all that is tested: no machine of ours has any.</summary>
public sealed class FfmpegArgumentsTests
{
    private static LadderPlan Plan(string ladder, Codec audio = Codec.Aac, double rate = 30, SourceMode mode = SourceMode.Passthrough) =>
        Ladder.Derive(new SourceFacts(new VideoFormat(Codec.Avc, "avc1.64001f", [], 1280, 720), new AudioFormat(audio, "", [], 44100, 2, 0), rate, 0, 2, false, 2),
            new TranscodingOptions { Ladder = ladder, Source = mode });

    private static string Line(LadderPlan plan, EncoderProfile? profile = null, ContinueAfter after = default) =>
        string.Join(' ', FfmpegArguments.Build(plan, profile ?? EncoderProfile.Software, after));

    private const string Head = "-hide_banner -nostats -loglevel level+warning -copyts ";
    private const string Input = "-f mp4 -probesize 500000 -fpsprobesize 0 -threads 1 -i pipe:0 ";
    private const string Tail = "-map_metadata -1 -f mp4 -movflags +empty_moov+default_base_moof+frag_custom+frag_discont+skip_trailer -frag_duration 1 "
        + "-use_editlist 0 -video_track_timescale 90000 -avoid_negative_ts disabled -muxdelay 0 -muxpreload 0 -flush_packets 1 pipe:1";

    private static string Times(string keys) => $"-fps_mode passthrough -enc_time_base:v 1/90000 -force_key_frames:v {keys} ";

    [Fact]
    public void Build_TwoRungs_IsThisLine() => Assert.Equal(
        Head + Input
        + "-filter_complex [0:v:0]split=2[s0][s1];[s0]scale=854:480,setsar=1,format=yuv420p[v0];[s1]scale=284:160,setsar=1,format=yuv420p[v1] -map [v0] -map [v1] "
        + Times("source")
        + "-c:v:0 libx264 -preset:v:0 veryfast -tune:v:0 zerolatency -profile:v:0 high -8x8dct:v:0 1 -coder:v:0 cabac -sc_threshold:v:0 0 -threads:v:0 1 "
        + "-level:v:0 3.1 -g:v:0 9999 -bf:v:0 0 -b:v:0 1200000 -maxrate:v:0 1200000 -bufsize:v:0 1200000 "
        + "-c:v:1 libx264 -preset:v:1 veryfast -tune:v:1 zerolatency -profile:v:1 high -8x8dct:v:1 1 -coder:v:1 cabac -sc_threshold:v:1 0 -threads:v:1 1 "
        + "-level:v:1 3.0 -g:v:1 9999 -bf:v:1 0 -b:v:1 230000 -maxrate:v:1 230000 -bufsize:v:1 230000 "
        + Tail, Line(Plan("480p,160p")));

    [Fact]
    public void Build_RungsOfOneSize_ShareItsScaling() => Assert.Contains(
        "[0:v:0]null[s0];[s0]scale=854:480,setsar=1,split=2[w0][w1];[w0]select='isnan(prev_selected_t)+key+gte(t-prev_selected_t,0.025)',format=yuv420p[v0];[w1]format=yuv420p[v1] ",
        Line(Plan("480p,hevc:480p60", rate: 60)), StringComparison.Ordinal);

    [Fact]
    public void Build_ContinueAfter_TrimsInFrontOfEverything() => Assert.Contains(
        "[0:v:0]trim=start_pts=9900001[s0];[s0]scale=284:160,setsar=1,format=yuv420p[v0];[0:a:0]atrim=start_pts=4410441,aresample=48000:async=1,",
        Line(Plan("160p", Codec.Mp3), null, new ContinueAfter(new MediaTime(9_000_000, 90_000), new MediaTime(4_320_480, 48_000))), StringComparison.Ordinal);

    [Fact]
    public void Build_Normalized_ForcesKeyFramesEachSegment() => Assert.Contains(
        Times("expr:if(isnan(prev_forced_t),1,gt(floor((t+0.0005)/2),floor((prev_forced_t+0.0005)/2)))"), Line(Plan("160p", mode: SourceMode.Normalize)), StringComparison.Ordinal);

    [Fact]
    public void Build_AudioAlone_HasNoVideoOptions()
    {
        var plan = Ladder.Derive(new SourceFacts(null, new AudioFormat(Codec.Mp3, "", [], 44100, 2, 1152), 0, 0, 0, false, 2), new TranscodingOptions());
        Assert.Equal(Head + Input + "-filter_complex [0:a:0]aresample=48000:async=1,aformat=sample_fmts=fltp:channel_layouts=stereo[a] -map [a] -c:a aac -b:a 128000 "
            + Tail.Replace(" -video_track_timescale 90000", "", StringComparison.Ordinal), Line(plan));
    }

    [Theory]
    [InlineData("nvenc", "", "format=yuv420p",
        "h264_nvenc -preset:v:0 p3 -tune:v:0 ull -rc:v:0 cbr -zerolatency:v:0 1 -delay:v:0 0 -forced-idr:v:0 1 -no-scenecut:v:0 1 -profile:v:0 high -level:v:0 3.1",
        "hevc_nvenc -preset:v:0 p3 -tune:v:0 ull -rc:v:0 cbr -zerolatency:v:0 1 -delay:v:0 0 -forced-idr:v:0 1 -no-scenecut:v:0 1 -profile:v:0 main -level:v:0 3.0")]
    [InlineData("vaapi", "-init_hw_device vaapi=va:/dev/dri/renderD128 -filter_hw_device va ", "format=nv12,hwupload",
        "h264_vaapi -rc_mode:v:0 CBR -idr_interval:v:0 0 -async_depth:v:0 1 -profile:v:0 high -level:v:0 3.1",
        "hevc_vaapi -rc_mode:v:0 CBR -idr_interval:v:0 0 -async_depth:v:0 1 -profile:v:0 main -level:v:0 3.0")]
    [InlineData("qsv", "", "format=nv12",
        "h264_qsv -preset:v:0 veryfast -async_depth:v:0 1 -look_ahead:v:0 0 -adaptive_i:v:0 0 -forced_idr:v:0 1 -profile:v:0 high -level:v:0 31",
        "hevc_qsv -preset:v:0 veryfast -async_depth:v:0 1 -forced_idr:v:0 1 -profile:v:0 main -level:v:0 90")]
    [InlineData("videotoolbox", "", "format=yuv420p",
        "h264_videotoolbox -realtime:v:0 1 -allow_sw:v:0 0 -profile:v:0 high -level:v:0 3.1",
        "hevc_videotoolbox -realtime:v:0 1 -allow_sw:v:0 0 -profile:v:0 main")]
    public void Build_Hardware_IsThisLine(string name, string device, string filter, string avc, string hevc)
    {
        const string Rate = " -g:v:0 9999 -bf:v:0 0 -b:v:0 1000000 -maxrate:v:0 1000000 -bufsize:v:0 1000000 ";
        var profile = EncoderProfile.Find(name)!;
        foreach (var (ladder, encoder) in new[] { ("480p@1000k", avc), ("hevc:480p@1000k", hevc) })
        {
            Assert.Equal(Head + device + Input + $"-filter_complex [0:v:0]null[s0];[s0]scale=854:480,setsar=1,{filter}[v0] -map [v0] "
                + Times("source") + "-c:v:0 " + encoder + Rate + Tail, Line(Plan(ladder), profile));
        }
        // A codec that the hardware lacks is encoded beside it in software.
        Assert.Contains("[s0]scale=854:480,setsar=1,format=yuv420p[v0]", Line(Plan("av1:480p"), profile), StringComparison.Ordinal);
        Assert.Contains(" -vf " + filter + " -c:v:0 " + profile.EncoderNames.First(), string.Join(' ', HardwareTrial.Arguments(profile)), StringComparison.Ordinal);
    }

    [Fact]
    public void TryFind_ThisMachine_FindsFfmpegAndFallsBackToSoftware()
    {
        Assert.NotEmpty(Tool.Ffmpeg.Version);
        Assert.True(Ffmpeg.TryFind(new TranscodingOptions { Hardware = "auto" }, out var found, out var fault), fault);
        Assert.NotEmpty(found!.Notes);
        if (found.Encoders == EncoderProfile.Software)
            Assert.Equal("Encoding is done in software.", found.Notes[^1]);
    }

    [Theory]
    [InlineData("exit 0", "does not say that it is ffmpeg")]
    [InlineData("echo ffmpeg version 4.4.2-0ubuntu0.22.04.1 Copyright", "5.1 or newer is needed")]
    [InlineData("[ $2 = -version ] && echo ffmpeg version n7.0 x || printf ' ------\\n V..... libx265 x\\n'", "without libx264")]
    public void TryFind_ProgramThatCannotBeUsed_IsRefusedInWords(string commands, string expected)
    {
        using var program = new Script(commands);
        Assert.False(Ffmpeg.TryFind(new TranscodingOptions { Ffmpeg = program.Path }, out _, out var fault));
        Assert.Contains(expected, fault, StringComparison.Ordinal);
        Assert.False(Ffmpeg.TryFind(new TranscodingOptions { Ffmpeg = "/nowhere/ffmpeg" }, out _, out fault));
        Assert.Contains("Transcoding:Ffmpeg", fault, StringComparison.Ordinal);
    }
}
