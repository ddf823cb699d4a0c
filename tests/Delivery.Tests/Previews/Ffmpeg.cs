using System.Diagnostics;

namespace Millrace.Delivery.Tests.Previews;

/// <summary>ffmpeg as source and as judge; a test that needs it where there is none skips and says so.</summary>
internal static class Ffmpeg
{
    /// <summary>One GOP of a generated picture as fragmented MP4: the init segment and one chunk.</summary>
    /// <param name="picture">The lavfi graph.</param>
    /// <param name="encoder">The encoder and its options.</param>
    public static (byte[] Init, byte[] Chunk) Encode(string picture, string encoder)
    {
        var file = Run($"-f lavfi -i {picture} {encoder} -movflags +empty_moov+default_base_moof+frag_keyframe -f mp4 -", []);
        var moof = file.AsSpan().IndexOf("moof"u8) - 4;
        var mfra = file.AsSpan().LastIndexOf("mfra"u8) - 4;
        return (file[..moof], file[moof..(mfra > moof ? mfra : file.Length)]);
    }

    /// <summary>Width, height and the middle sample's red, green and blue of a picture.</summary>
    public static (int Width, int Height, int Red, int Green, int Blue) Look(byte[] jpeg, string crop = "iw/2:ih/2:iw/4:ih/4")
    {
        var size = Run("-f image2pipe -c:v mjpeg -i - -f rawvideo -pix_fmt gray -", jpeg).Length;
        var width = Run("-f image2pipe -c:v mjpeg -i - -vf format=gray,crop=iw:1:0:0 -f rawvideo -pix_fmt gray -", jpeg).Length;
        var color = Run($"-f image2pipe -c:v mjpeg -i - -vf crop={crop},scale=2:2:flags=area -f rawvideo -pix_fmt rgb24 -", jpeg);
        return (width, size / width, color[0], color[1], color[2]);
    }

    /// <summary>A sheet of 160 × 90 tiles, the first one with so much red, each further one with 4 more.</summary>
    public static byte[] Sheet(int red, int tiles, int rows) => Run(
        $"-f lavfi -i nullsrc=s=160x90:r=1:d={tiles} -vf format=rgb24,geq=r={red}+4*N:g=0:b=0,tile=5x{rows}:nb_frames={tiles},format=yuvj420p -frames:v 1 -c:v mjpeg -q:v 2 -f mjpeg -", []);

    /// <summary>Samples of each picture of a file, decoded; an error in it ends the test.</summary>
    public static List<int> Frames(byte[] file)
    {
        var list = System.Text.Encoding.ASCII.GetString(Run("-xerror -err_detect explode -i - -c:v rawvideo -pix_fmt gray -autoscale 0 -vsync passthrough -f framecrc -", file));
        return [.. list.Split('\n', StringSplitOptions.RemoveEmptyEntries).Where(line => line[0] != '#').Select(line => int.Parse(line.Split(',')[4], System.Globalization.CultureInfo.InvariantCulture))];
    }

    private static byte[] Run(string arguments, byte[] input)
    {
        Process? process = null;
        try
        {
            process = Process.Start(new ProcessStartInfo("ffmpeg", "-hide_banner -v error -threads 1 " + arguments)
            {
                RedirectStandardInput = true,
                RedirectStandardOutput = true,
                RedirectStandardError = true,
            });
        }
        catch (System.ComponentModel.Win32Exception)
        {
        }
        Assert.SkipWhen(process is null, "ffmpeg is missing");
        using (process)
        {
            var error = process.StandardError.ReadToEndAsync();
            var feeding = Task.Run(() =>
            {
                process.StandardInput.BaseStream.Write(input);
                process.StandardInput.Close();
            });
            using var output = new MemoryStream();
            process.StandardOutput.BaseStream.CopyTo(output);
            feeding.GetAwaiter().GetResult();
            process.WaitForExit();
            Assert.SkipWhen(error.Result.Contains("Unknown encoder", StringComparison.Ordinal), "ffmpeg lacks an encoder: " + error.Result.Trim());
            Assert.True(process.ExitCode == 0, error.Result);
            return output.ToArray();
        }
    }
}
