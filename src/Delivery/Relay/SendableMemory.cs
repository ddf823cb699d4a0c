using System.Buffers;
using Microsoft.Win32.SafeHandles;
using Millrace.Core;

namespace Millrace.Delivery.Relay;

/// <summary>
/// Memory for large bodies that sockets take without a copy: ranges of a file without a name (memfd_create(2)), mapped in
/// windows that end with their last range. Thread-safe.
/// </summary>
/// <remarks>
/// A socket goes on reading what <c>sendfile</c> gave it until its peer has acknowledged it, long after a body may be gone. So
/// a range's pages leave the file when it is given back, and no place in the file is used twice: nobody writes to a page again.
/// </remarks>
internal sealed unsafe class SendableMemory : IDisposable
{
    /// <summary>From here on giving pages to a socket is cheaper than copying them, and half a page lost at the end is little.</summary>
    public const int MinBytes = 128 * 1024;

    // Address space, not memory: few mappings for many bodies.
    private const long WindowBytes = 256L << 20;

    // Bytes that the file may come to; it has those of its ranges. At 100 Gbit/s this takes two years.
    private const long FileBytes = 1L << 60;

    private static readonly long PageBytes = Environment.SystemPageSize;

    private readonly Lock gate = new();
    private SafeFileHandle? file;
    private Window? current;
    private long end;
    private bool isOff = !DirectTransport.IsSupported;

    /// <summary>Memory for a body of at least <see cref="MinBytes"/>; null when the system has none of this kind.</summary>
    public Range? TryRent(int length)
    {
        var bytes = (length + PageBytes - 1) & -PageBytes;
        lock (gate)
        {
            if (isOff || (file is null && !TryOpen()) || (current is null || current.Used + bytes > current.Bytes) && !TryMap(bytes))
            {
                isOff = true;
                return null;
            }
            var range = new Range(this, file!, current!, current!.Used, length);
            current.Used += bytes;
            current.Ranges++;
            return range;
        }
    }

    /// <summary>No more ranges; those that are out stay as they are until they are given back.</summary>
    public void Dispose()
    {
        lock (gate)
        {
            isOff = true;
            file?.Dispose();
            Replace(null);
        }
    }

    private bool TryOpen()
    {
        var descriptor = LinuxCalls.MemoryFile();
        if (descriptor < 0)
            return false;
        file = new SafeFileHandle(descriptor, ownsHandle: true);
        return LinuxCalls.Resize(descriptor, FileBytes) == 0;
    }

    private bool TryMap(long bytes)
    {
        var size = Math.Max(bytes, WindowBytes);
        var address = LinuxCalls.Map((int)file!.DangerousGetHandle(), end, size);
        if (address is null)
            return false;
        Replace(new Window(address, end, size));
        end += size;
        return true;
    }

    private void Replace(Window? next)
    {
        if (current is { Ranges: 0 } unused)
            unused.Unmap();
        current = next;
    }

    private void Return(Window window, SafeFileHandle from, long offset, int length)
    {
        var isHeld = false;
        try
        {
            from.DangerousAddRef(ref isHeld);
            LinuxCalls.PunchHole((int)from.DangerousGetHandle(), window.Offset + offset, (length + PageBytes - 1) & -PageBytes);
        }
        catch (ObjectDisposedException)
        {
            // The file is gone, and its pages go with the mapping.
        }
        if (isHeld)
            from.DangerousRelease();
        lock (gate)
        {
            if (--window.Ranges == 0 && window != current)
                window.Unmap();
        }
    }

    /// <summary>A run of the file that is mapped. What changes is guarded by the memory's lock.</summary>
    internal sealed class Window(byte* address, long offset, long bytes)
    {
        /// <summary>Where it is mapped.</summary>
        public byte* Address { get; } = address;

        /// <summary>Where in the file it begins.</summary>
        public long Offset { get; } = offset;

        /// <summary>Its length.</summary>
        public long Bytes { get; } = bytes;

        /// <summary>Bytes that were handed out.</summary>
        public long Used { get; set; }

        /// <summary>Ranges of it that somebody has.</summary>
        public int Ranges { get; set; }

        /// <summary>Ends the mapping.</summary>
        public void Unmap() => LinuxCalls.Unmap(Address, Bytes);
    }

    /// <summary>One body's memory. Its owner returns it once, when nobody in this process reads it any more.</summary>
    public sealed class Range : MemoryManager<byte>
    {
        private readonly SendableMemory memory;
        private readonly Window window;
        private readonly long offset;
        private readonly int length;

        internal Range(SendableMemory memory, SafeFileHandle file, Window window, long offset, int length)
        {
            this.memory = memory;
            this.window = window;
            this.offset = offset;
            this.length = length;
            File = file;
        }

        /// <summary>The file that it is in.</summary>
        public SafeFileHandle File { get; }

        /// <summary>Where in the file it begins.</summary>
        public long Offset => window.Offset + offset;

        /// <inheritdoc/>
        public override Span<byte> GetSpan() => new(window.Address + offset, length);

        /// <inheritdoc/>
        public override MemoryHandle Pin(int elementIndex = 0) => new(window.Address + offset + elementIndex);

        /// <inheritdoc/>
        public override void Unpin()
        {
            // It does not move.
        }

        /// <summary>Gives it back.</summary>
        public void Return() => memory.Return(window, File, offset, length);

        /// <inheritdoc/>
        protected override void Dispose(bool disposing)
        {
            // Its owner returns it.
        }
    }
}
