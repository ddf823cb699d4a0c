using System.Collections.Concurrent;
using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text;

namespace Millrace.EndToEnd.Tests.Harness;

/// <summary>A program that runs beside the test; its output is kept, and it is ended by its process id.</summary>
internal sealed class ChildProcess : IAsyncDisposable
{
    private const int SigTerm = 15;
    private const int SigCont = 18;
    private const int SigStop = 19;
    private const int MaxKeptCharacters = 200_000;

    private readonly Process process;
    private readonly StringBuilder output = new();
    private readonly ConcurrentQueue<string> standardOutput = new();
    private readonly Lock gate = new();
    private readonly List<(Func<string, bool> Matches, TaskCompletionSource<string> Seen)> watches = [];

    public ChildProcess(string executable, IEnumerable<string> arguments, string? workingDirectory = null,
        IReadOnlyDictionary<string, string>? environment = null)
    {
        var start = new ProcessStartInfo(executable, arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = workingDirectory ?? Path.GetTempPath(),
        };
        foreach (var (name, value) in environment ?? new Dictionary<string, string>())
            start.Environment[name] = value;
        CommandLine = $"{Path.GetFileName(executable)} {string.Join(' ', start.ArgumentList)}";
        process = new Process { StartInfo = start };
        process.OutputDataReceived += (_, line) =>
        {
            if (line.Data is not null)
                standardOutput.Enqueue(line.Data);
            Keep(line.Data);
        };
        process.ErrorDataReceived += (_, line) => Keep(line.Data);
        process.Start();
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        process.StandardInput.Close();
    }

    public string CommandLine { get; }

    public int Id => process.Id;

    public bool HasExited => process.HasExited;

    public int ExitCode => process.ExitCode;

    /// <summary>Bytes of memory that the process occupies.</summary>
    public long ResidentBytes
    {
        get
        {
            process.Refresh();
            return process.WorkingSet64;
        }
    }

    /// <summary>Lines of standard output alone.</summary>
    public IReadOnlyCollection<string> StandardOutput => standardOutput;

    /// <summary>Standard output and standard error, as they came.</summary>
    public string Output
    {
        get
        {
            lock (gate)
                return output.ToString();
        }
    }

    /// <summary>Ends when a line of output matches, at once when one came already. Fails with the output when the process ends first.</summary>
    public async Task<string> LineAsync(Func<string, bool> matches, TimeSpan timeout)
    {
        var seen = new TaskCompletionSource<string>(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (gate)
        {
            if (output.ToString().Split('\n').FirstOrDefault(matches) is { } before)
                return before;
            watches.Add((matches, seen));
        }
        var first = await Task.WhenAny(seen.Task, process.WaitForExitAsync(), Task.Delay(timeout));
        if (first != seen.Task && !seen.Task.IsCompleted)
            Assert.Fail($"{CommandLine}: the expected line did not come ({(process.HasExited ? $"exit code {process.ExitCode}" : "time-out")}).\n{Output}");
        return await seen.Task;
    }

    /// <summary>Waits until the process has ended by itself; its exit code.</summary>
    public async Task<int> ExitAsync(TimeSpan timeout)
    {
        try
        {
            await process.WaitForExitAsync().WaitAsync(timeout);
        }
        catch (TimeoutException)
        {
            Assert.Fail($"{CommandLine} did not end within {timeout.TotalSeconds:0} s.\n{Output}");
        }
        return process.ExitCode;
    }

    /// <summary>SIGKILL: the kernel closes its sockets, the program has no say.</summary>
    public async Task KillAsync()
    {
        if (!process.HasExited)
            process.Kill();
        await process.WaitForExitAsync();
    }

    /// <summary>SIGSTOP: it holds its sockets and answers nobody.</summary>
    public void Freeze() => _ = Kill(process.Id, SigStop);

    /// <summary>SIGCONT.</summary>
    public void Continue() => _ = Kill(process.Id, SigCont);

    /// <summary>SIGTERM, and SIGKILL when that brings nothing within <paramref name="patience"/>. True when it ended by itself.</summary>
    public async Task<bool> StopAsync(TimeSpan patience)
    {
        if (!process.HasExited)
        {
            _ = Kill(process.Id, SigTerm);
            try
            {
                await process.WaitForExitAsync().WaitAsync(patience);
            }
            catch (TimeoutException)
            {
                await KillAsync();
                return false;
            }
        }
        return true;
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync(TimeSpan.FromSeconds(5));
        process.Dispose();
    }

    private void Keep(string? line)
    {
        if (line is null)
            return;
        lock (gate)
        {
            if (output.Length < MaxKeptCharacters)
                output.Append(line).Append('\n');
            foreach (var (matches, seen) in watches)
            {
                if (matches(line))
                    seen.TrySetResult(line);
            }
        }
    }

    [DllImport("libc", EntryPoint = "kill")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Kill(int process, int signal);
}
