using System.Diagnostics;
using Millrace.Transcoding;

namespace Millrace.Transcode;

/// <summary>The same rungs by ffmpeg alone, from the file to HLS files, in real time.</summary>
internal static class BareRun
{
    /// <summary>Its processor time, as a share of a core.</summary>
    public static double Measure(string source, string directory, LadderPlan plan, Ffmpeg ffmpeg, int seconds)
    {
        // The room's own line with another input and another output: the encoders are told the same.
        var line = FfmpegArguments.Build(plan, ffmpeg.Encoders).ToList();
        var input = line.IndexOf("-f");
        line.RemoveRange(input, line.IndexOf("pipe:0") + 1 - input);
        line.InsertRange(input, ["-re", "-threads", "1", "-i", source]);
        var output = line.IndexOf("-map_metadata");
        line.RemoveRange(output, line.Count - output);
        line.AddRange(["-f", "hls", "-hls_time", "2", "-hls_list_size", "30", "-hls_segment_type", "fmp4", "-hls_flags", "delete_segments",
            "-var_stream_map", string.Join(' ', plan.Video.Select((_, i) => $"v:{i}")), Path.Combine(directory, "%v.m3u8"), "-y"]);
        using var process = Process.Start(new ProcessStartInfo(ffmpeg.Path, line) { RedirectStandardInput = true, RedirectStandardError = true })!;
        var errors = process.StandardError.ReadToEndAsync();
        Thread.Sleep(TimeSpan.FromSeconds(RoomRun.WarmUp));
        if (process.HasExited)
            throw new InvalidOperationException(errors.Result);
        var before = Cpu.Seconds(process.Id);
        Thread.Sleep(TimeSpan.FromSeconds(seconds));
        var used = Cpu.Seconds(process.Id) - before;
        process.Kill();
        process.WaitForExit();
        return used / seconds;
    }
}
