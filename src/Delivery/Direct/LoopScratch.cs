using System.Runtime.InteropServices;
using Millrace.Core;

namespace Millrace.Delivery;

/// <summary>What the connections of one loop use in turn: so that a connection at rest owns next to nothing.</summary>
internal sealed unsafe class LoopScratch : IDisposable
{
    /// <summary>Bytes that are looked at in one go: one more than the longest head, so that a longer one is seen to be.</summary>
    public const int LookBytes = RequestHead.MaxBytes + 1;

    // Responses that wait for their sockets keep theirs; what comes back beyond this many is left to the collector.
    private const int MaxSpare = 64;

    private readonly Stack<Outgoing> spare = new();

    /// <summary>Received bytes.</summary>
    public byte* Input { get; } = (byte*)NativeMemory.Alloc(LookBytes);

    /// <summary>A gathered send's slices.</summary>
    public LinuxCalls.Slice* Slices { get; } = (LinuxCalls.Slice*)NativeMemory.Alloc(LinuxCalls.MaxSlices, (nuint)sizeof(LinuxCalls.Slice));

    /// <summary>The way of memory into sockets.</summary>
    public SplicePipe Pipe { get; } = new();

    /// <summary>A head's texts as characters.</summary>
    public char[] Text { get; } = new char[RequestHead.MaxBytes];

    /// <summary>A response to fill.</summary>
    public Outgoing Take() => spare.TryPop(out var outgoing) ? outgoing : new Outgoing();

    /// <summary>A response that is done with.</summary>
    public void Return(Outgoing outgoing)
    {
        outgoing.Clear();
        if (spare.Count < MaxSpare)
            spare.Push(outgoing);
    }

    public void Dispose()
    {
        NativeMemory.Free(Input);
        NativeMemory.Free(Slices);
        Pipe.Dispose();
    }
}
