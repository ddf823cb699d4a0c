using System.Runtime.InteropServices;

namespace Millrace.Server.Rtmp;

/// <summary>The few Linux calls that the read loops make themselves. Every one returns -1 and sets errno on failure.</summary>
internal static unsafe partial class LibC
{
    public const int EpollIn = 0x001;
    public const int EpollOut = 0x004;
    public const int EpollErr = 0x008;
    public const int EpollHup = 0x010;
    public const int EpollReadHup = 0x2000;

    public const int EpollCtlAdd = 1;
    public const int EpollCtlDelete = 2;
    public const int EpollCtlModify = 3;

    public const int ErrorInterrupted = 4;
    public const int ErrorAgain = 11;

    private const int CloseOnExec = 0x80000;
    private const int NonBlocking = 0x800;
    private const int MessageDontWait = 0x40;
    private const int MessageNoSignal = 0x4000;

    /// <summary>Bytes of <c>struct epoll_event</c>: packed on x86-64, naturally aligned elsewhere.</summary>
    public static readonly int EventSize = RuntimeInformation.ProcessArchitecture == Architecture.X64 ? 12 : 16;

    /// <summary>Offset of <c>data</c> in <c>struct epoll_event</c>.</summary>
    public static readonly int EventDataOffset = EventSize - 8;

    public static int EpollCreate() => epoll_create1(CloseOnExec);

    public static int EventFd() => eventfd(0, CloseOnExec | NonBlocking);

    public static int EpollControl(int epoll, int operation, int descriptor, int events, long data)
    {
        var entry = stackalloc byte[16];
        *(int*)entry = events;
        *(long*)(entry + EventDataOffset) = data;
        return epoll_ctl(epoll, operation, descriptor, entry);
    }

    public static int EpollWait(int epoll, byte* events, int maxEvents, int timeoutMilliseconds) =>
        epoll_wait(epoll, events, maxEvents, timeoutMilliseconds);

    public static nint Receive(int descriptor, byte* buffer, int length) =>
        recv(descriptor, buffer, (nuint)length, MessageDontWait);

    public static nint Send(int descriptor, ReadOnlySpan<byte> bytes)
    {
        fixed (byte* pointer = bytes)
            return send(descriptor, pointer, (nuint)bytes.Length, MessageDontWait | MessageNoSignal);
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

    public static void Close(int descriptor) => _ = close(descriptor);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int epoll_create1(int flags);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int epoll_ctl(int epoll, int operation, int descriptor, byte* entry);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int epoll_wait(int epoll, byte* events, int maxEvents, int timeout);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int eventfd(uint initial, int flags);

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint recv(int descriptor, byte* buffer, nuint length, int flags);

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint send(int descriptor, byte* buffer, nuint length, int flags);

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint read(int descriptor, byte* buffer, nuint length);

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint write(int descriptor, byte* buffer, nuint length);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int close(int descriptor);
}
