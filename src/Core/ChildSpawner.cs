using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Text;

namespace Millrace.Core;

/// <summary>
/// Starts the children of this process so that none outlives it: each asks the kernel for SIGKILL when its parent dies
/// (prctl(2), PR_SET_PDEATHSIG, through util-linux' <c>setpriv</c>), which reaches a stopped one too. The end of its standard
/// input is the second line, and on systems without setpriv the only one.
/// </summary>
/// <remarks>The signal comes when the <em>thread</em> that forked ends, so one thread that never does starts them all.</remarks>
public static class ChildSpawner
{
    private static readonly string? Setpriv = FindOnPath("setpriv");
    private static readonly string? Nice = OperatingSystem.IsWindows() ? null : FindOnPath("nice");
    private static readonly BlockingCollection<(Process Process, TaskCompletionSource Started)> Requests = [];
    private static readonly Lazy<Thread> Spawner = new(Begin);

    /// <summary>Whether the kernel ends the children with this process.</summary>
    public static bool HasDeathSignal => OperatingSystem.IsLinux() && Setpriv is not null;

    /// <summary>Starts a program with all three standard streams redirected. The caller owns the process.</summary>
    /// <param name="program">Its path. Where a helper stands in front of it, its absence is the helper's exit code and last words.</param>
    /// <param name="arguments">One a string.</param>
    /// <param name="niceness">By how much it gives way to others, 0 to 19; 0 is our own priority.</param>
    /// <exception cref="System.ComponentModel.Win32Exception">It cannot be started.</exception>
    public static Process Start(string program, IEnumerable<string> arguments, int niceness = 0)
    {
        ArgumentNullException.ThrowIfNull(program);
        ArgumentNullException.ThrowIfNull(arguments);
        // exec after exec: it stays one process.
        string[] helpers =
        [
            .. HasDeathSignal ? [Setpriv!, "--pdeathsig", "KILL", "--"] : Array.Empty<string>(),
            .. niceness > 0 && Nice is not null ? [Nice, "-n", niceness.ToString(CultureInfo.InvariantCulture)] : Array.Empty<string>(),
        ];
        string[] command = [.. helpers, program, .. arguments];
        var start = new ProcessStartInfo(command[0], command[1..])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            StandardErrorEncoding = Encoding.UTF8,
            UseShellExecute = false,
        };
        var process = new Process { StartInfo = start };
        var started = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _ = Spawner.Value;
        Requests.Add((process, started));
        try
        {
            started.Task.GetAwaiter().GetResult();
        }
        catch
        {
            process.Dispose();
            throw;
        }
        return process;
    }

    /// <summary>The path of a program, or null.</summary>
    public static string? FindOnPath(string program)
    {
        ArgumentNullException.ThrowIfNull(program);
        if (program.Contains(Path.DirectorySeparatorChar, StringComparison.Ordinal))
            return File.Exists(program) ? Path.GetFullPath(program) : null;
        foreach (var directory in (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries))
        {
            foreach (var name in OperatingSystem.IsWindows() ? (string[])[program + ".exe", program] : [program])
            {
                var path = Path.Combine(directory, name);
                if (File.Exists(path))
                    return path;
            }
        }
        return null;
    }

    private static Thread Begin()
    {
        var thread = new Thread(Run) { IsBackground = true, Name = "child spawner" };
        thread.Start();
        return thread;
    }

    private static void Run()
    {
        foreach (var (process, started) in Requests.GetConsumingEnumerable())
        {
            try
            {
                process.Start();
                started.SetResult();
            }
#pragma warning disable CA1031 // Whatever it is, it belongs to whoever asked.
            catch (Exception failure)
#pragma warning restore CA1031
            {
                started.SetException(failure);
            }
        }
    }
}
