using System.Diagnostics;

namespace Millrace.Delivery.Tests;

/// <summary>A real file system of so many bytes: a tmpfs. Needs the right to mount; a test without it skips.</summary>
internal sealed class SmallDisk : IDisposable
{
    private SmallDisk(string path) => Path = path;

    public string Path { get; }

    public static SmallDisk Mount(int bytes)
    {
        var path = Directory.CreateTempSubdirectory("millrace-disk-").FullName;
        if (Run("mount", "-t", "tmpfs", "-o", $"size={bytes}", "tmpfs", path) == 0)
            return new SmallDisk(path);
        Directory.Delete(path);
        Assert.Skip("mount is missing, or may not be used: a file system that runs full cannot be made.");
        throw new InvalidOperationException();
    }

    /// <summary>A file takes all the room that is left.</summary>
    public static void Fill(string path)
    {
        using var file = File.Create(path, 1);
        var block = new byte[4096];
        try
        {
            while (true)
                file.Write(block);
        }
        catch (IOException)
        {
            // Full.
        }
    }

    public void Dispose()
    {
        Run("umount", "-l", Path);
        Directory.Delete(Path);
    }

    private static int Run(string program, params string[] arguments)
    {
        try
        {
            using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardError = true })!;
            process.WaitForExit();
            return process.ExitCode;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return -1;
        }
    }
}
