using System.Diagnostics;
using System.Globalization;
using System.Runtime.CompilerServices;
using Millrace.Core;

namespace Millrace.Transcoding.Tests;

/// <summary>No child survives this process, not even a stopped one when the process is killed.</summary>
public sealed class OrphanTests
{
    private const string ParentVariable = "MILLRACE_TEST_ORPHAN_PARENT";
    private const string NicenessVariable = "MILLRACE_TEST_ORPHAN_NICENESS";

    /// <summary>This assembly's program, started by the test below, is the parent: it starts a child as Transcoder and PreviewMaker do, and waits for its end.</summary>
    [ModuleInitializer]
#pragma warning disable CA2255 // It is the program of this test.
    internal static void BeTheParent()
#pragma warning restore CA2255
    {
        if (Environment.GetEnvironmentVariable(ParentVariable) is not { Length: > 0 } program)
            return;
        Environment.SetEnvironmentVariable(ParentVariable, null);
        var child = ChildSpawner.Start(program, ["600"], int.Parse(Environment.GetEnvironmentVariable(NicenessVariable)!, CultureInfo.InvariantCulture));
        Console.WriteLine(child.Id);
        Thread.Sleep(Timeout.Infinite);
    }

    [Theory]
    [InlineData("0")]
    [InlineData("5")]
    public void Kill_ParentOfAStoppedChild_EndsTheChild(string niceness)
    {
        Assert.SkipUnless(ChildSpawner.HasDeathSignal, "setpriv (util-linux) is missing");
        // Not ffmpeg: sleep reads no input, so that only the signal can end it.
        var start = new ProcessStartInfo(Environment.ProcessPath!) { RedirectStandardOutput = true };
        start.Environment[NicenessVariable] = niceness;
        start.Environment[ParentVariable] = ChildSpawner.FindOnPath("sleep")!;
        using var parent = Process.Start(start)!;
        var child = int.Parse(parent.StandardOutput.ReadLine()!, CultureInfo.InvariantCulture);
        // setpriv, and nice behind it, have become the program: from then on the death signal is set.
        SpinWait.SpinUntil(() => Text($"/proc/{child}/comm").StartsWith("sleep", StringComparison.Ordinal), TimeSpan.FromSeconds(30));
        Posix.Signal(child, "STOP");
        SpinWait.SpinUntil(() => Text($"/proc/{child}/stat").Contains(") T", StringComparison.Ordinal), TimeSpan.FromSeconds(30));
        Assert.True(Posix.IsAlive(child));
        parent.Kill();
        parent.WaitForExit();
        Assert.True(SpinWait.SpinUntil(() => !Posix.IsAlive(child), TimeSpan.FromSeconds(30)), $"Process {child} has survived its parent.");
    }

    private static string Text(string path)
    {
        try
        {
            return File.ReadAllText(path);
        }
        catch (IOException)
        {
            return "";
        }
    }
}
