using System.Diagnostics;
using System.Globalization;
using Millrace.Cmaf;
using Millrace.Core;
using Millrace.Media;
using Millrace.Transcode;
using Millrace.Transcoding;

// Transcode SOURCE.mp4 DIRECTORY [--seconds 30] [--repeats 2]: see bench/README.md.
if (args.Length < 2)
{
    Console.Error.WriteLine("Transcode SOURCE.mp4 DIRECTORY [--seconds 30] [--repeats 2]");
    return 2;
}
CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
var seconds = Option("--seconds", 30);
var repeats = Option("--repeats", 2);
var source = Source.Read(args[0]);
var options = new TranscodingOptions();
if (!Ffmpeg.TryFind(options, out var ffmpeg, out var fault))
{
    Console.Error.WriteLine(fault);
    return 1;
}
var plan = Ladder.Derive(new SourceFacts(source.Format, null, 30, 3_000_000, 2, false, 2), options);
Console.WriteLine($"ffmpeg {ffmpeg!.Version}; {string.Join(", ", plan.Video.Select(rung => $"{rung.Name} {rung.BitsPerSecond / 1000}k"))}; {seconds} s, {repeats} times, in turns");

var rooms = new List<RoomRun>();
var bare = new List<double>();
for (var i = 0; i < repeats; i++)
{
    rooms.Add(RoomRun.Measure(source, plan, options, ffmpeg, seconds));
    bare.Add(BareRun.Measure(args[0], args[1], plan, ffmpeg, seconds));
}
for (var rung = 0; rung < plan.Video.Count; rung++)
{
    var latencies = rooms.SelectMany(room => room.Latencies[rung]).Order().ToList();
    Console.WriteLine($"latency {plan.Video[rung].Name,-5} p50 {At(latencies, 0.5):0.0} ms, p99 {At(latencies, 0.99):0.0} ms, most {latencies[^1]:0.0} ms over {latencies.Count} frames");
}
var child = Median(rooms.Select(room => room.ChildCpu));
var own = Median(rooms.Select(room => room.OwnCpu));
Console.WriteLine($"cpu ffmpeg of the room {child:0.000}, supervision {own:0.000}, bare ffmpeg to HLS files {Median(bare):0.000} (of a core)");
Console.WriteLine($"ratio {(child + own) / Median(bare):0.00} (room with supervision to bare), supervision alone {own / Median(bare):0.000}");
Console.WriteLine($"alignment {rooms.Sum(room => room.Misaligned)} frames of {rooms.Sum(room => room.Latencies.Sum(list => list.Count))} are not at a time of the source, or key frames where it has none; {rooms.Sum(room => room.Missing)} are missing");
Console.WriteLine($"fed late {rooms.Max(room => room.Late):0.0} ms at most");
return 0;

int Option(string name, int fallback) => Array.IndexOf(args, name) is >= 0 and var at ? int.Parse(args[at + 1], CultureInfo.InvariantCulture) : fallback;

static double At(List<double> sorted, double share) => sorted[(int)((sorted.Count - 1) * share)];

static double Median(IEnumerable<double> values) => values.Order().ToList() is var sorted ? (sorted[(sorted.Count - 1) / 2] + sorted[sorted.Count / 2]) / 2 : 0;
