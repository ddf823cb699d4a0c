using System.Runtime.InteropServices;

namespace Millrace.Core;

/// <summary>
/// The Linux calls that the loops over sockets make themselves, where the base library has none or copies. Every one returns -1
/// and sets errno (<see cref="LastError"/>) on failure. 64-bit Linux only.
/// </summary>
public static unsafe partial class LinuxCalls
{
    public const int EpollIn = 0x001;
    public const int EpollOut = 0x004;
    public const int EpollErr = 0x008;
    public const int EpollHup = 0x010;
    public const int EpollReadHup = 0x2000;
    public const int EpollEdge = 1 << 31;

    public const int EpollAdd = 1;
    public const int EpollDelete = 2;
    public const int EpollModify = 3;

    public const int ErrorInterrupted = 4;
    public const int ErrorAgain = 11;
    public const int ErrorNoMemory = 12;
    public const int ErrorFileTable = 23;
    public const int ErrorDescriptors = 24;
    public const int ErrorNoBuffers = 105;

    /// <summary>Slices that one gathered send takes (IOV_MAX).</summary>
    public const int MaxSlices = 1024;

    private const int CloseOnExec = 0x80000;
    private const int NonBlocking = 0x800;
    private const int MessagePeek = 0x2;
    private const int MessageTruncate = 0x20;
    private const int MessageDontWait = 0x40;
    private const int MessageNoSignal = 0x4000;
    private const int MessageMore = 0x8000;
    private const int ReadNoWait = 0x8;
    private const uint MemoryCloseOnExec = 0x1;
    private const int ProtectRead = 0x1;
    private const int ProtectWrite = 0x2;
    private const int MapShared = 0x1;
    private const int KeepSize = 0x1;
    private const int MakeHole = 0x2;
    private const int ShutdownBoth = 2;
    private const uint SpliceNonBlocking = 0x2;
    private const uint SpliceMore = 0x4;
    private const int SetPipeSize = 1031;
    private const nuint SocketOutQueue = 0x5411;

    /// <summary>Bytes of <c>struct epoll_event</c>: packed on x86-64, naturally aligned elsewhere.</summary>
    public static readonly int EventSize = RuntimeInformation.ProcessArchitecture == Architecture.X64 ? 12 : 16;

    /// <summary>Offset of <c>data</c> in <c>struct epoll_event</c>.</summary>
    public static readonly int EventDataOffset = EventSize - 8;

    /// <summary>A run of memory: <c>struct iovec</c>.</summary>
    public readonly struct Slice(byte* address, int length)
    {
        private readonly byte* address = address;
        private readonly nuint length = (nuint)length;
    }

    public static int LastError
    {
        get => Marshal.GetLastPInvokeError();
        set => Marshal.SetLastPInvokeError(value);
    }

    public static int EpollCreate() => epoll_create1(CloseOnExec);

    public static int EventFd() => eventfd(0, CloseOnExec | NonBlocking);

    /// <summary>Watches a descriptor, or no longer; its events carry the descriptor as their data.</summary>
    public static int EpollControl(int epoll, int operation, int descriptor, int events)
    {
        var entry = stackalloc byte[16];
        *(int*)entry = events;
        *(long*)(entry + EventDataOffset) = descriptor;
        return epoll_ctl(epoll, operation, descriptor, entry);
    }

    public static int EpollWait(int epoll, byte* events, int maxEvents, int timeoutMilliseconds) =>
        epoll_wait(epoll, events, maxEvents, timeoutMilliseconds);

    /// <summary>A connection that does not block, or -1.</summary>
    public static int Accept(int listener) => accept4(listener, null, null, CloseOnExec | NonBlocking);

    /// <summary>Takes what has been received. Does not block.</summary>
    public static nint Receive(int descriptor, byte* buffer, int length) => recv(descriptor, buffer, (nuint)length, MessageDontWait);

    /// <summary>Looks at what has been received, and leaves it where it is.</summary>
    public static nint Peek(int descriptor, byte* buffer, int length) => recv(descriptor, buffer, (nuint)length, MessagePeek | MessageDontWait);

    /// <summary>Throws received bytes away without copying them (tcp(7), MSG_TRUNC).</summary>
    public static nint Discard(int descriptor, int length) => recv(descriptor, null, (nuint)length, MessageTruncate | MessageDontWait);

    /// <summary>Sends what the socket has room for.</summary>
    public static nint Send(int descriptor, ReadOnlySpan<byte> bytes)
    {
        fixed (byte* pointer = bytes)
            return send(descriptor, pointer, (nuint)bytes.Length, MessageDontWait | MessageNoSignal);
    }

    /// <summary>Sends slices in one call. <paramref name="more"/>: the last packet may wait for what follows at once.</summary>
    public static nint Send(int descriptor, Slice* slices, int count, bool more)
    {
        var message = new MessageHeader { Slices = slices, SliceCount = (nuint)count };
        return sendmsg(descriptor, &message, MessageDontWait | MessageNoSignal | (more ? MessageMore : 0));
    }

    /// <summary>Sends from a file without copying through this process. Does not move the file's own position.</summary>
    public static nint SendFile(int descriptor, nint file, long offset, int length) => sendfile(descriptor, (int)file, &offset, (nuint)length);

    /// <summary>A pipe whose ends do not block.</summary>
    public static bool Pipe(out int output, out int input)
    {
        var ends = stackalloc int[2];
        var isOpen = pipe2(ends, CloseOnExec | NonBlocking) == 0;
        (output, input) = isOpen ? (ends[0], ends[1]) : (-1, -1);
        return isOpen;
    }

    /// <summary>Sets how much a pipe holds; it stays as it is where that is too much (pipe(7), /proc/sys/fs/pipe-max-size).</summary>
    public static void ResizePipe(int pipe, int bytes) => _ = fcntl(pipe, SetPipeSize, bytes);

    /// <summary>Gives a pipe as many of a slice's pages as it has room for, without copying them (vmsplice(2)).</summary>
    public static nint MemoryToPipe(int pipe, Slice* slice) => vmsplice(pipe, slice, 1, SpliceNonBlocking);

    /// <summary>Gives a pipe as many of a file's pages as it has room for, without copying them (splice(2)). Reads those that the page cache lacks.</summary>
    public static nint FileToPipe(nint file, long offset, int pipe, int length) =>
        splice((int)file, &offset, pipe, null, (nuint)length, SpliceNonBlocking);

    /// <summary>Moves what a pipe holds to a descriptor (splice(2)). <paramref name="more"/>: as with <see cref="Send(int, Slice*, int, bool)"/>.</summary>
    public static nint PipeTo(int pipe, int descriptor, nint length, bool more) =>
        splice(pipe, null, descriptor, null, (nuint)length, SpliceNonBlocking | (more ? SpliceMore : 0));

    /// <summary>A file of memory without a name (memfd_create(2)), of length 0.</summary>
    public static int MemoryFile()
    {
        fixed (byte* name = "millrace"u8)
            return memfd_create(name, MemoryCloseOnExec);
    }

    /// <summary>Sets a file's length; what is new takes no room until it is written.</summary>
    public static int Resize(int descriptor, long length) => ftruncate(descriptor, length);

    /// <summary>Maps a run of a file to read and write it, shared; null on failure.</summary>
    public static byte* Map(int descriptor, long offset, long length)
    {
        var address = mmap(null, (nuint)length, ProtectRead | ProtectWrite, MapShared, descriptor, offset);
        return (nint)address == -1 ? null : (byte*)address;
    }

    /// <summary>Ends a mapping.</summary>
    public static void Unmap(byte* address, long length) => _ = munmap(address, (nuint)length);

    /// <summary>Takes the pages of a run out of a file, which keeps its length. Whoever else holds one of them keeps it as it is.</summary>
    public static void PunchHole(int descriptor, long offset, long length) => _ = fallocate(descriptor, KeepSize | MakeHole, offset, length);

    /// <summary>Whether a byte of a file can be had without waiting for the disk; false also where the file system cannot tell.</summary>
    public static bool IsCached(nint file, long offset)
    {
        byte one;
        var slice = new Slice(&one, 1);
        return preadv2((int)file, &slice, 1, offset, ReadNoWait) >= 0;
    }

    /// <summary>Bytes that the peer has not acknowledged yet.</summary>
    public static int Unacknowledged(int descriptor)
    {
        var bytes = 0;
        return ioctl(descriptor, SocketOutQueue, &bytes) < 0 ? 0 : bytes;
    }

    public static void Signal(int eventDescriptor)
    {
        var one = 1L;
        _ = write(eventDescriptor, (byte*)&one, sizeof(long));
    }

    public static void DrainSignal(int eventDescriptor)
    {
        var count = 0L;
        _ = read(eventDescriptor, (byte*)&count, sizeof(long));
    }

    /// <summary>Ends a connection in both directions; what has been sent still arrives.</summary>
    public static void ShutDown(int descriptor) => _ = shutdown(descriptor, ShutdownBoth);

    public static void Close(int descriptor) => _ = close(descriptor);

    // struct msghdr on 64-bit Linux.
    private struct MessageHeader
    {
        public void* Name;
        public uint NameLength;
        public Slice* Slices;
        public nuint SliceCount;
        public void* Control;
        public nuint ControlLength;
        public int Flags;
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial int epoll_create1(int flags);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int epoll_ctl(int epoll, int operation, int descriptor, byte* entry);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int epoll_wait(int epoll, byte* events, int maxEvents, int timeout);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int eventfd(uint initial, int flags);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int accept4(int descriptor, void* address, int* length, int flags);

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint recv(int descriptor, byte* buffer, nuint length, int flags);

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint send(int descriptor, byte* buffer, nuint length, int flags);

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint sendmsg(int descriptor, MessageHeader* message, int flags);

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint sendfile(int to, int from, long* offset, nuint count);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int pipe2(int* ends, int flags);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int fcntl(int descriptor, int command, int argument);

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint vmsplice(int descriptor, Slice* slices, nuint count, uint flags);

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint splice(int from, long* fromOffset, int to, long* toOffset, nuint length, uint flags);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int memfd_create(byte* name, uint flags);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int ftruncate(int descriptor, long length);

    [LibraryImport("libc", SetLastError = true)]
    private static partial void* mmap(void* address, nuint length, int protection, int flags, int descriptor, long offset);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int munmap(void* address, nuint length);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int fallocate(int descriptor, int mode, long offset, long length);

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint preadv2(int descriptor, Slice* slices, int count, long offset, int flags);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int ioctl(int descriptor, nuint request, int* argument);

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint read(int descriptor, byte* buffer, nuint length);

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint write(int descriptor, byte* buffer, nuint length);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int shutdown(int descriptor, int how);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int close(int descriptor);
}
