using Microsoft.Extensions.Time.Testing;
using Millrace.Delivery.Previews;

namespace Millrace.Delivery.Tests.Previews;

public sealed class ChildProgramTests
{
    private readonly FakeTimeProvider time = new();

    [Fact]
    public void Run_GoodProgram_IsFedAndHeard()
    {
        var result = Run("cat >&1; echo first >&2; echo last words >&2", ["ab"u8.ToArray(), "cd"u8.ToArray()]);
        Assert.Equal(ChildEnd.Good, result.End);
        Assert.Equal("abcd"u8.ToArray(), result.Output);
        Assert.Equal("last words", result.LastLine);
    }

    [Fact]
    public void Run_ProgramThatReadsNothing_IsNoFault() =>
        Assert.Equal(ChildEnd.Good, Run("exit 0", [new byte[8 << 20]]).End);

    [Fact]
    public void Run_ProgramThatFails_SaysWhy()
    {
        var result = Run("printf 'no\\033such' >&2; exit 3", []);
        Assert.Equal((ChildEnd.Failed, "no?such"), (result.End, result.LastLine));
    }

    [Fact]
    public void Run_OutputWithoutEnd_IsCutAtTheLimit() => Assert.Equal(ChildEnd.TooMuch, Run("exec yes", []).End);

    [Fact]
    public void Run_NoSuchProgram_IsAValue()
    {
        var result = ChildProgram.Run("/nowhere/program", [], [], 1000, TimeSpan.FromSeconds(5), time, TestContext.Current.CancellationToken);
        // Behind nice it is nice that fails.
        Assert.True(result.End is ChildEnd.NotStarted or ChildEnd.Failed);
        Assert.NotEmpty(result.LastLine);
    }

    [Fact]
    public async Task Run_ProgramThatHangs_IsKilledAtTheLimit()
    {
        using var directory = new TemporaryDirectory();
        var (path, run) = StartHanging(directory, TestContext.Current.CancellationToken);
        await FileAsync(path);
        time.Advance(TimeSpan.FromSeconds(4));
        Assert.False(run.IsCompleted);
        time.Advance(TimeSpan.FromSeconds(2));
        Assert.Equal(ChildEnd.TimedOut, (await run).End);
        AssertGone(path);
    }

    [Fact]
    public async Task Run_Cancelled_IsKilled()
    {
        using var directory = new TemporaryDirectory();
        using var stop = new CancellationTokenSource();
        var (path, run) = StartHanging(directory, stop.Token);
        await FileAsync(path);
        await stop.CancelAsync();
        Assert.Equal(ChildEnd.Cancelled, (await run).End);
        AssertGone(path);
    }

    private ChildResult Run(string script, IReadOnlyList<byte[]> input) =>
        ChildProgram.Run("/bin/sh", ["-c", script], [.. input.Select(bytes => (ReadOnlyMemory<byte>)bytes)], 100_000, TimeSpan.FromSeconds(5), time, TestContext.Current.CancellationToken);

    private (string Path, Task<ChildResult> Run) StartHanging(TemporaryDirectory directory, CancellationToken cancellation)
    {
        var path = Path.Combine(directory.Path, "pid");
        return (path, Task.Factory.StartNew(
            () => ChildProgram.Run("/bin/sh", ["-c", $"echo $$ > {path}.new; mv {path}.new {path}; exec sleep 600"], [], 1000, TimeSpan.FromSeconds(5), time, cancellation),
            CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default));
    }

    private static void AssertGone(string path) => Assert.False(Directory.Exists($"/proc/{File.ReadAllText(path).Trim()}"));

    private static async Task FileAsync(string path)
    {
        var made = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using var watcher = new FileSystemWatcher(Path.GetDirectoryName(path)!, Path.GetFileName(path));
        watcher.Renamed += (_, _) => made.TrySetResult();
        watcher.EnableRaisingEvents = true;
        if (!File.Exists(path))
            await made.Task.WaitAsync(TimeSpan.FromSeconds(20), TestContext.Current.CancellationToken);
    }

    private sealed class TemporaryDirectory : IDisposable
    {
        public string Path { get; } = Directory.CreateTempSubdirectory("millrace-child-").FullName;

        public void Dispose() => Directory.Delete(Path, recursive: true);
    }
}
