using System.Diagnostics;

namespace Millrace.Swarm;

/// <summary>The file that every publisher loops: 720p30 at 2.5 Mbit/s with two B-frames, GOP 2 s, AAC at 128 kbit/s.</summary>
internal static class Source
{
    /// <summary>480 pictures and 750 AAC frames last exactly this long: the loop has no seam.</summary>
    public const int Seconds = 16;

    /// <summary>Makes the file with ffmpeg when it is not there; noise keeps the encoder at its bit rate.</summary>
    public static MediaLoop Load(string path)
    {
        if (!File.Exists(path))
        {
            Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(path))!);
            var unfinished = path + ".part.flv";
            string[] arguments =
            [
                "-hide_banner", "-loglevel", "error", "-y",
                "-f", "lavfi", "-i", "testsrc2=size=1280x720:rate=30,noise=alls=12:allf=t",
                "-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000",
                "-t", $"{Seconds + 1}", "-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p", "-bf", "2",
                "-b:v", "2500k", "-maxrate", "2500k", "-bufsize", "2500k", "-g", "60", "-keyint_min", "60", "-sc_threshold", "0",
                "-c:a", "aac", "-b:a", "128k", "-ac", "2", "-f", "flv", unfinished,
            ];
            using var ffmpeg = Process.Start("ffmpeg", arguments);
            ffmpeg.WaitForExit();
            if (ffmpeg.ExitCode != 0)
                throw new IOException("ffmpeg did not make the source file.");
            File.Move(unfinished, path, overwrite: true);
        }
        return MediaLoop.Load(path, Seconds);
    }
}
