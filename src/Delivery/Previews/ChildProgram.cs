using System.ComponentModel;
using System.Diagnostics;
using System.Text;
using Millrace.Core;

namespace Millrace.Delivery.Previews;

/// <summary>How a short run of a program ended.</summary>
internal enum ChildEnd
{
    /// <summary>With exit code 0.</summary>
    Good,
    /// <summary>With another one.</summary>
    Failed,
    /// <summary>Killed, because it took too long.</summary>
    TimedOut,
    /// <summary>Killed, because it wrote too much.</summary>
    TooMuch,
    /// <summary>Killed, because nobody wants it any more.</summary>
    Cancelled,
    /// <summary>It could not be started.</summary>
    NotStarted,
}

/// <summary>What a short run left.</summary>
/// <param name="End">How it ended.</param>
/// <param name="Output">Its standard output.</param>
/// <param name="LastLine">The last line that it wrote to standard error, at most 300 characters; or why it could not be started.</param>
internal readonly record struct ChildResult(ChildEnd End, byte[] Output, string LastLine);

/// <summary>
/// Runs a program once with bytes on its standard input and collects what it writes, bounded in time and size, at low
/// priority. Blocks the calling thread, which should be one that does nothing else.
/// </summary>
/// <remarks>The child dies with us even after <c>kill -9</c>; see <see cref="ChildSpawner"/>.</remarks>
internal static class ChildProgram
{
    private const int MaxErrorCharacters = 300;

    private const int Niceness = 5;

    /// <summary>Runs it to its end.</summary>
    /// <param name="program">Its path.</param>
    /// <param name="arguments">Its arguments.</param>
    /// <param name="input">What it reads, piece by piece; a program that reads only the beginning is fine.</param>
    /// <param name="maxOutputBytes">More than that on standard output ends it.</param>
    /// <param name="limit">It is killed after so long.</param>
    /// <param name="time">The clock of the limit.</param>
    /// <param name="cancellation">Kills it.</param>
    public static ChildResult Run(
        string program, IEnumerable<string> arguments, IReadOnlyList<ReadOnlyMemory<byte>> input, int maxOutputBytes,
        TimeSpan limit, TimeProvider time, CancellationToken cancellation)
    {
        using var deadline = new LinkedLimit(limit, time, cancellation);
        Process started;
        try
        {
            started = ChildSpawner.Start(program, arguments, Niceness);
        }
        catch (Win32Exception fault)
        {
            return new ChildResult(ChildEnd.NotStarted, [], fault.Message);
        }
        using var child = started;
        // 1. Whatever ends the run kills the child, and its pipes end with it: then the three below end by themselves.
        using var kill = deadline.Token.UnsafeRegister(static state => Kill((Process)state!), child);
        var feeding = FeedAsync(child, input);
        var reading = ReadAsync(child, maxOutputBytes);
        var listening = ListenAsync(child);
        Task.WaitAll([feeding, reading, listening], CancellationToken.None);
        child.WaitForExit();
        // 2. Why.
        var end = cancellation.IsCancellationRequested ? ChildEnd.Cancelled
            : deadline.Token.IsCancellationRequested ? ChildEnd.TimedOut
            : reading.Result is null ? ChildEnd.TooMuch
            : child.ExitCode != 0 ? ChildEnd.Failed : ChildEnd.Good;
        return new ChildResult(end, reading.Result ?? [], listening.Result);
    }

    private static async Task FeedAsync(Process child, IReadOnlyList<ReadOnlyMemory<byte>> input)
    {
        var stream = child.StandardInput.BaseStream;
        try
        {
            foreach (var piece in input)
                await stream.WriteAsync(piece).ConfigureAwait(false);
            await stream.DisposeAsync().ConfigureAwait(false);
        }
        catch (IOException)
        {
            // It has read what it wants, or has ended.
        }
    }

    private static async Task<byte[]?> ReadAsync(Process child, int most)
    {
        using var output = new MemoryStream();
        var buffer = new byte[32 * 1024];
        while (await child.StandardOutput.BaseStream.ReadAsync(buffer).ConfigureAwait(false) is var read && read > 0)
        {
            if (output.Length + read > most)
            {
                Kill(child);
                return null;
            }
            output.Write(buffer, 0, read);
        }
        return output.ToArray();
    }

    private static async Task<string> ListenAsync(Process child)
    {
        // Not by lines: one without an end would be collected without an end.
        var text = new StringBuilder();
        var buffer = new char[1024];
        while (await child.StandardError.ReadAsync(buffer).ConfigureAwait(false) is var read && read > 0)
        {
            text.Append(buffer, 0, read);
            if (text.Length > 4 * MaxErrorCharacters)
                text.Remove(0, text.Length - 4 * MaxErrorCharacters);
        }
        var all = text.ToString().TrimEnd();
        var last = all[(all.LastIndexOf('\n') + 1)..].Trim();
        // It may quote the stream's bytes.
        return string.Concat((last.Length > MaxErrorCharacters ? last[..MaxErrorCharacters] : last).Select(c => char.IsControl(c) ? '?' : c));
    }

    private static void Kill(Process child)
    {
        try
        {
            child.Kill();
        }
        catch (InvalidOperationException)
        {
            // It has ended by itself.
        }
    }
}
