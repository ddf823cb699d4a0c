using System.Diagnostics;

namespace Millrace.Cmaf.Tests;

/// <summary>Runs ffmpeg and ffprobe; a test that needs one which isn't there skips and names it.</summary>
internal static class Ffmpeg
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    /// <summary>Makes a file from generated pictures or tones; skips when the encoder is missing.</summary>
    public static byte[] Make(string arguments, string extension)
    {
        var path = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName() + extension);
        try
        {
            var (exitCode, _, error) = Run("ffmpeg", $"-nostdin -hide_banner -v error -y {arguments} {path}");
            Assert.SkipWhen(error.Contains("Unknown encoder", StringComparison.Ordinal), "ffmpeg lacks an encoder: " + error.Trim());
            Assert.True(exitCode == 0, error);
            return File.ReadAllBytes(path);
        }
        finally
        {
            File.Delete(path);
        }
    }

    /// <summary>Decodes a file to nothing and returns what ffmpeg says at level error: nothing, for a good file.</summary>
    public static string Decode(byte[] file) => WithFile(file, path => Run("ffmpeg", $"-nostdin -v error -i {path} -f null -").Error.Trim());

    /// <summary>Decodes audio to 16-bit samples.</summary>
    public static byte[] DecodeAudio(byte[] file) =>
        WithFile(file, path =>
        {
            var (exitCode, output, error) = Run("ffmpeg", $"-nostdin -v error -i {path} -f s16le -");
            Assert.True(exitCode == 0 && error.Length == 0, error);
            return output;
        });

    /// <summary>What ffprobe prints with the given options.</summary>
    public static string Probe(byte[] file, string options) =>
        WithFile(file, path =>
        {
            var (exitCode, output, error) = Run("ffprobe", $"-v error {options} {path}");
            Assert.True(exitCode == 0 && error.Length == 0, error);
            return System.Text.Encoding.UTF8.GetString(output);
        });

    private static T WithFile<T>(byte[] file, Func<string, T> use)
    {
        var path = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName() + ".mp4");
        try
        {
            File.WriteAllBytes(path, file);
            return use(path);
        }
        finally
        {
            File.Delete(path);
        }
    }

    private static (int ExitCode, byte[] Output, string Error) Run(string tool, string arguments)
    {
        Process? process = null;
        try
        {
            process = Process.Start(new ProcessStartInfo(tool, arguments)
            {
                RedirectStandardInput = true,
                RedirectStandardOutput = true,
                RedirectStandardError = true,
            });
        }
        catch (System.ComponentModel.Win32Exception)
        {
        }
        Assert.SkipWhen(process is null, tool + " is missing");
        using (process)
        {
            process.StandardInput.Close();
            var error = process.StandardError.ReadToEndAsync();
            using var output = new MemoryStream();
            process.StandardOutput.BaseStream.CopyTo(output);
            if (!process.WaitForExit(Patience))
            {
                process.Kill();
                Assert.Fail($"{tool} {arguments} did not end.");
            }
            return (process.ExitCode, output.ToArray(), error.GetAwaiter().GetResult());
        }
    }
}
