using System.Diagnostics;

namespace Millrace.Transcoding.Tests;

/// <summary>Signals and processes.</summary>
internal static class Posix
{
    public static void Signal(int process, string signal)
    {
        using var kill = Process.Start("kill", ["-" + signal, process.ToString(System.Globalization.CultureInfo.InvariantCulture)]);
        kill.WaitForExit();
    }

    /// <summary>Whether it runs or is stopped; one that only waits to be reaped has ended.</summary>
    public static bool IsAlive(int process)
    {
        try
        {
            var stat = File.ReadAllText($"/proc/{process}/stat");
            return stat[(stat.LastIndexOf(')') + 2)..][0] is not ('Z' or 'X');
        }
        catch (IOException)
        {
            return false;
        }
    }
}

/// <summary>A shell script in the place of ffmpeg.</summary>
internal sealed class Script : IDisposable
{
    public Script(string commands)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "There is no shell.");
        Path = System.IO.Path.Combine(System.IO.Path.GetTempPath(), System.IO.Path.GetRandomFileName());
        File.WriteAllText(Path, $"#!/bin/sh\n{commands}\n");
        if (!OperatingSystem.IsWindows())
            File.SetUnixFileMode(Path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
    }

    public string Path { get; }

    public void Dispose() => File.Delete(Path);
}
