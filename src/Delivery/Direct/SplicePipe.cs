using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using Millrace.Core;

namespace Millrace.Delivery;

/// <summary>
/// Gives sockets pages of files and of memory without a copy, through a pipe (splice(2), vmsplice(2)), as sendfile(2) does with a
/// small pipe of its own: a larger one takes more pages in one go, and memory is given by its mapping, where sendfile would look each
/// page of a memory file up anew (docs/measurements.md has what that costs). Used by one loop.
/// </summary>
/// <remarks>
/// The socket reads the pages until its peer has acknowledged them: nobody writes to them again (<see cref="SpoolFile"/>,
/// <see cref="Relay.SendableMemory"/>).
/// </remarks>
internal sealed unsafe class SplicePipe : IDisposable
{
    // As many as an unprivileged process may have in one pipe.
    private const int WantedBytes = 1 << 20;

    private readonly SafeFileHandle? nowhere;
    private int input = -1;
    private int output = -1;

    /// <summary>Opens the pipe; without one every send says no.</summary>
    public SplicePipe()
    {
        if (!LinuxCalls.Pipe(out output, out input))
            return;
        LinuxCalls.ResizePipe(input, WantedBytes);
        try
        {
            nowhere = File.OpenHandle("/dev/null", FileMode.Open, FileAccess.Write, FileShare.ReadWrite);
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            Close();
        }
    }

    /// <summary>Gives a socket as much of a run as it takes.</summary>
    /// <param name="socket">It does not block.</param>
    /// <param name="run">Of a file, or of a mapping that nobody writes to any more.</param>
    /// <param name="more">More of the response follows at once.</param>
    /// <param name="sent">Bytes that it took, or -1 with errno as send(2) has it.</param>
    /// <returns>False when the run cannot go through a pipe here: it has to go another way.</returns>
    public bool TrySend(int socket, in Run run, bool more, out nint sent)
    {
        sent = 0;
        while (sent < run.Length)
        {
            // 1. As many pages as the pipe holds.
            if (input < 0)
                return sent > 0;
            var given = run.Fill(input, (int)sent);
            if (given <= 0)
                return sent > 0;

            // 2. They go to the socket.
            nint taken = 0;
            while (taken < given)
            {
                var moved = LinuxCalls.PipeTo(output, socket, given - taken, more || sent + given < run.Length);
                if (moved <= 0)
                {
                    var error = LinuxCalls.LastError;
                    Empty(given - taken);
                    sent += taken;
                    if (sent == 0)
                        sent = -1;
                    LinuxCalls.LastError = error;
                    return true;
                }
                taken += moved;
            }
            sent += given;
        }
        return true;
    }

    /// <inheritdoc/>
    public void Dispose() => Close();

    /// <summary>What the socket did not take leaves the pipe: the next socket is another one.</summary>
    private void Empty(nint bytes)
    {
        while (bytes > 0)
        {
            var moved = LinuxCalls.PipeTo(output, (int)nowhere!.DangerousGetHandle(), bytes, more: false);
            if (moved <= 0)
            {
                Close();
                return;
            }
            bytes -= moved;
        }
    }

    private void Close()
    {
        if (input >= 0)
        {
            LinuxCalls.Close(input);
            LinuxCalls.Close(output);
        }
        input = output = -1;
        nowhere?.Dispose();
    }

    /// <summary>What is sent: bytes of a mapping, or of a file.</summary>
    public readonly struct Run
    {
        private readonly byte* address;
        private readonly nint file;
        private readonly long offset;

        /// <summary>Of a mapping, which nobody moves.</summary>
        public Run(ReadOnlySpan<byte> mapping)
        {
            address = (byte*)Unsafe.AsPointer(ref MemoryMarshal.GetReference(mapping));
            Length = mapping.Length;
        }

        /// <summary>Of a file.</summary>
        public Run(nint file, long offset, int length)
        {
            this.file = file;
            this.offset = offset;
            Length = length;
        }

        /// <summary>Its bytes.</summary>
        public int Length { get; }

        /// <summary>Puts what it has behind <paramref name="skip"/> into a pipe, as far as that has room.</summary>
        public nint Fill(int pipe, int skip)
        {
            if (address is null)
                return LinuxCalls.FileToPipe(file, offset + skip, pipe, Length - skip);
            var slice = new LinuxCalls.Slice(address + skip, Length - skip);
            return LinuxCalls.MemoryToPipe(pipe, &slice);
        }
    }
}
