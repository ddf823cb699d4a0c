using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using System.Xml.Linq;
using Millrace.Core;
using Millrace.Media;
using Millrace.Tests;
using Millrace.Timeline;

namespace Millrace.Dash.Tests;

public sealed class FfmpegReadsTests : IDisposable
{
    private static readonly XNamespace Mpd = "urn:mpeg:dash:schema:mpd:2011";
    private readonly string directory = Directory.CreateTempSubdirectory("millrace-dash-").FullName;

    public void Dispose() => Directory.Delete(directory, recursive: true);

    [Fact]
    public async Task Write_RealSegments_AreFoundAndDecodedByFfmpegWithoutAWord()
    {
        Directory.CreateDirectory(Path.Combine(directory, "0"));
        Directory.CreateDirectory(Path.Combine(directory, "1"));
        await Run("ffmpeg",
            "-v error -f lavfi -i testsrc=s=160x90:r=30:d=6 -f lavfi -i sine=d=6:r=48000 -map 0:v -map 1:a "
            + "-c:v libx264 -preset ultrafast -pix_fmt yuv420p -g 60 -keyint_min 60 -sc_threshold 0 -c:a aac "
            + "-f dash -seg_duration 2 -use_template 1 -use_timeline 1 -init_seg_name $RepresentationID$/0-init.mp4 "
            + "-media_seg_name $RepresentationID$/$Number$.m4s theirs.mpd");
        var timeline = new BroadcastTimeline(new TimelineContract(2, new MediaTime(3, 1)));
        var theirs = XDocument.Load(Path.Combine(directory, "theirs.mpd")).Descendants(Mpd + "Representation").ToList();
        timeline.BeginPeriod(new NewPeriod(1, new MediaTime(0, 90000), ScriptedBroadcast.Origin,
        [
            new NewRendition("0", new VideoFormat(Codec.Avc, (string)theirs[0].Attribute("codecs")!, [1], 160, 90), new byte[] { 1 }),
            new NewRendition("1", ScriptedBroadcast.Audio(), new byte[] { 2 }),
        ]));
        for (var rendition = 0; rendition < theirs.Count; rendition++)
            Append(timeline, rendition, theirs[rendition].Element(Mpd + "SegmentTemplate")!);
        timeline.End();

        await File.WriteAllBytesAsync(
            Path.Combine(directory, "ours.mpd"), Manifest.Write(timeline.Read(), new ManifestOptions()), TestContext.Current.CancellationToken);

        var counted = await Run("ffprobe", "-v error -count_packets -show_entries stream=nb_read_packets -of csv=p=0 ours.mpd");
        Assert.Equal("180", counted.Split('\n')[0].Trim(','));
        await Run("ffmpeg", "-v error -xerror -i ours.mpd -f null -");
    }

    [Fact]
    public async Task Write_RealLadder_EveryRungIsFoundAndDecodedByFfmpegWithoutAWord()
    {
        for (var i = 0; i < 3; i++)
            Directory.CreateDirectory(Path.Combine(directory, $"{i}"));
        await Run("ffmpeg",
            "-v error -f lavfi -i testsrc=s=160x90:r=30:d=6 -f lavfi -i sine=d=6:r=48000 -map 0:v -map 0:v -map 1:a "
            + "-s:v:1 80x46 -c:v libx264 -preset ultrafast -pix_fmt yuv420p -g 60 -keyint_min 60 -sc_threshold 0 -c:a aac "
            + "-f dash -seg_duration 2 -use_template 1 -use_timeline 1 -init_seg_name $RepresentationID$/0-init.mp4 "
            + "-media_seg_name $RepresentationID$/$Number$.m4s theirs.mpd");
        var timeline = new BroadcastTimeline(new TimelineContract(2, new MediaTime(3, 1)));
        var theirs = XDocument.Load(Path.Combine(directory, "theirs.mpd")).Descendants(Mpd + "Representation").ToDictionary(own => (string)own.Attribute("id")!);
        var rung = new VideoFormat(Codec.Avc, (string)theirs["1"].Attribute("codecs")!, [2], 80, 46);
        timeline.BeginPeriod(new NewPeriod(1, new MediaTime(0, 90000), ScriptedBroadcast.Origin,
        [
            new NewRendition("0", new VideoFormat(Codec.Avc, (string)theirs["0"].Attribute("codecs")!, [1], 160, 90), new byte[] { 1 }),
            new NewRendition("2", ScriptedBroadcast.Audio(), new byte[] { 2 }),
            new NewRendition("1", rung, default, IsDerived: true, TargetBitsPerSecond: 100_000),
        ]));
        Append(timeline, 0, theirs["0"].Element(Mpd + "SegmentTemplate")!);
        Append(timeline, 1, theirs["2"].Element(Mpd + "SegmentTemplate")!);
        timeline.SetInit(2, rung, new byte[] { 3 });
        Append(timeline, 2, theirs["1"].Element(Mpd + "SegmentTemplate")!);
        timeline.End();

        await File.WriteAllBytesAsync(
            Path.Combine(directory, "ours.mpd"), Manifest.Write(timeline.Read(), new ManifestOptions()), TestContext.Current.CancellationToken);

        var counted = await Run("ffprobe", "-v error -select_streams v -count_packets -show_entries stream=width,nb_read_packets -of csv=p=0 ours.mpd");
        Assert.Equal(["160,180", "80,180"], counted.Split('\n', StringSplitOptions.RemoveEmptyEntries).Distinct().Order());
        await Run("ffmpeg", "-v error -xerror -i ours.mpd -map 0 -f null -");
    }

    private static void Append(BroadcastTimeline timeline, int rendition, XElement template)
    {
        var timescale = uint.Parse((string)template.Attribute("timescale")!, CultureInfo.InvariantCulture);
        var target = rendition != 1 ? VideoFormat.VideoTimescale : 48000;
        var number = 1;
        var ticks = 0L;
        foreach (var s in template.Descendants(Mpd + "S"))
        {
            var duration = (long)s.Attribute("d")!;
            for (var repeat = (int?)s.Attribute("r") ?? 0; repeat >= 0; repeat--, number++, ticks += duration)
            {
                var start = new MediaTime(ticks, timescale).In(target);
                var length = new MediaTime(ticks + duration, timescale).In(target) - start;
                timeline.AppendPart(new NewPart(rendition, number, 0, start, length, true, 1000, 60));
                timeline.EndSegment(new NewSegment(rendition, number, start, length, true, false));
            }
        }
    }

    private async Task<string> Run(string program, string arguments)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            WorkingDirectory = directory, RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true,
        };
        Process? process = null;
        try
        {
            process = Process.Start(start)!;
        }
        catch (Win32Exception)
        {
            Assert.Skip($"{program} is not installed.");
        }
        using (process)
        {
            process.StandardInput.Close();
            var errors = process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
            var output = await process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
            await process.WaitForExitAsync(TestContext.Current.CancellationToken);
            Assert.Equal("", await errors);
            Assert.Equal(0, process.ExitCode);
            return output;
        }
    }
}
