using System.Diagnostics;
using Millrace.Core;

namespace Millrace.Transcoding;

/// <summary>A running ffmpeg, its pipes and its last words. Disposing it kills it.</summary>
internal sealed class FfmpegChild : IDisposable
{
    /// <summary>Lines of standard error that are kept.</summary>
    private const int MaxLines = 12;

    /// <summary>Characters of each that are kept.</summary>
    private const int MaxLineLength = 400;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    // Contexts of what makes renditions, as ffmpeg names them in front of its lines. Decoders and the demultiplexer have others.
    private static readonly string[] Makers =
    [
        "[libx264", "[libx265", "[libsvtav1", "[h264_", "[hevc_", "[av1_", "[enc:", "[fc#", "[vost#", "[aost#", "[out#", "[mp4 @",
    ];

    private readonly Process process;
    private readonly Queue<string> lines = new();
    private readonly Thread errors;
    private int errorCount;
    private volatile string? fault;

    private FfmpegChild(Process process)
    {
        this.process = process;
        Input = process.StandardInput.BaseStream;
        Output = process.StandardOutput.BaseStream;
        errors = new Thread(ReadErrors) { IsBackground = true, Name = "ffmpeg stderr" };
        errors.Start();
    }

    /// <summary>Its process id.</summary>
    public int Id => process.Id;

    /// <summary>Standard input.</summary>
    public Stream Input { get; }

    /// <summary>Standard output.</summary>
    public Stream Output { get; }

    /// <summary>The last lines that it wrote to standard error.</summary>
    public IReadOnlyList<string> LastErrors
    {
        get
        {
            lock (lines)
                return [.. lines];
        }
    }

    /// <summary>Lines so far that it calls errors: mostly what it could not decode.</summary>
    public int Errors => Volatile.Read(ref errorCount);

    /// <summary>The first error of an encoder, a filter or the multiplexer; null while there is none. What comes out may be anything from then on.</summary>
    public string? Fault => fault;

    /// <exception cref="System.ComponentModel.Win32Exception">It cannot be started.</exception>
    public static FfmpegChild Start(string program, IEnumerable<string> arguments) => new(ChildSpawner.Start(program, arguments));

    /// <summary>Ends it, stopped or not. Any thread, any number of times.</summary>
    public void Kill()
    {
        try
        {
            process.Kill();
        }
        catch (Exception fault) when (fault is InvalidOperationException or System.ComponentModel.Win32Exception)
        {
            // It has ended already.
        }
    }

    /// <summary>How it ended, in words. Waits for it, and for the rest of its standard error; kills it when that takes too long.</summary>
    public string WaitForEnd() => WaitForEnd(Patience);

    /// <inheritdoc cref="WaitForEnd()"/>
    public string WaitForEnd(TimeSpan patience)
    {
        if (!process.WaitForExit(patience))
        {
            Kill();
            process.WaitForExit();
        }
        errors.Join(Patience);
        return process.ExitCode switch
        {
            0 => "it ended",
            // 128 and the signal's number, as shells count.
            > 128 and < 192 => $"it was ended by signal {process.ExitCode - 128}",
            _ => $"it ended with exit code {process.ExitCode}",
        };
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Kill();
        process.WaitForExit();
        errors.Join(Patience);
        process.Dispose();
    }

    private void ReadErrors()
    {
        try
        {
            // Not ReadLine: a line that never ends must not be collected.
            var line = new System.Text.StringBuilder();
            for (int character; (character = process.StandardError.Read()) >= 0;)
            {
                if (character is '\n' or '\r')
                    Keep(line);
                else if (line.Length < MaxLineLength)
                    line.Append(char.IsControl((char)character) ? ' ' : (char)character);
            }
            Keep(line);
        }
        catch (Exception fault) when (fault is IOException or ObjectDisposedException)
        {
            // Disposed while it said something.
        }
    }

    private void Keep(System.Text.StringBuilder line)
    {
        if (line.Length == 0)
            return;
        var text = line.ToString();
        if (text.Contains("[error]", StringComparison.Ordinal))
        {
            Interlocked.Increment(ref errorCount);
            if (fault is null && Array.Exists(Makers, context => text.StartsWith(context, StringComparison.Ordinal)))
                fault = text;
        }
        lock (lines)
        {
            if (lines.Count == MaxLines)
                lines.Dequeue();
            lines.Enqueue(text);
        }
        line.Clear();
    }
}
