using Microsoft.Win32.SafeHandles;
using Millrace.Delivery.Relay;
using Millrace.Packaging;

namespace Millrace.Delivery;

/// <summary>
/// A run of a media object's bytes and where they are: a slice of a counted chunk in memory, or a range of a file; a reference
/// to either is held until it is disposed, once, by whoever was handed it. Or a slice of a relay's body, which its user holds.
/// </summary>
public readonly struct SegmentBytes : IDisposable
{
    private readonly MediaChunk? chunk;
    private readonly RelayBody? body;
    private readonly int skip;

    internal SegmentBytes(MediaChunk chunk, int skip, int length)
    {
        this.chunk = chunk;
        this.skip = skip;
        Length = length;
    }

    internal SegmentBytes(RelayBody body, int from, int length)
    {
        this.body = body;
        skip = from;
        Length = length;
    }

    /// <param name="body">Which is in memory.</param>
    /// <param name="file">The same memory as a file; a reference to it is handed over.</param>
    /// <param name="offset">Where in the file the run begins.</param>
    /// <param name="from">Where in the body it does.</param>
    /// <param name="length">Its bytes.</param>
    internal SegmentBytes(RelayBody body, SafeFileHandle file, long offset, int from, int length)
        : this(body, from, length)
    {
        File = file;
        FileOffset = offset;
    }

    internal SegmentBytes(SafeFileHandle file, long offset, int length)
    {
        File = file;
        FileOffset = offset;
        Length = length;
    }

    /// <summary>Bytes of the run, at least 1.</summary>
    public int Length { get; }

    /// <summary>The file that they are in, or null when they are in memory.</summary>
    public SafeFileHandle? File { get; }

    /// <summary>The file is memory: no disk has to turn for it.</summary>
    public bool IsMemoryFile => body is not null && File is not null;

    /// <summary>Where in the file they begin.</summary>
    public long FileOffset { get; }

    /// <summary>
    /// The slices in memory, in order; empty when they are in a file. Valid until disposal.
    /// </summary>
    public Enumerator Slices => new(chunk, body, skip, Length);

    /// <summary>Gives the reference up.</summary>
    public void Dispose()
    {
        chunk?.Release();
        File?.DangerousRelease();
    }

    /// <summary>Walks the slices.</summary>
    public struct Enumerator
    {
        private readonly MediaChunk? chunk;
        private readonly RelayBody? body;
        private int skip;
        private int left;
        private int index;

        internal Enumerator(MediaChunk? chunk, RelayBody? body, int skip, int length)
        {
            this.chunk = chunk;
            this.body = body;
            this.skip = skip;
            left = chunk is null && body is null ? 0 : length;
            index = -1;
            Current = default;
        }

        /// <summary>The slice.</summary>
        public ReadOnlyMemory<byte> Current { get; private set; }

        /// <summary>For <c>foreach</c>.</summary>
        public readonly Enumerator GetEnumerator() => this;

        /// <summary>Goes to the next slice that is not empty.</summary>
        public bool MoveNext()
        {
            if (body is not null && left > 0)
            {
                Current = body.At(skip, skip + left);
                skip += Current.Length;
                left -= Current.Length;
                return true;
            }
            while (left > 0)
            {
                var slice = chunk!.Slices[++index].Memory;
                if (skip >= slice.Length)
                {
                    skip -= slice.Length;
                    continue;
                }
                slice = slice[skip..];
                skip = 0;
                Current = slice.Length > left ? slice[..left] : slice;
                left -= Current.Length;
                return true;
            }
            return false;
        }
    }
}
