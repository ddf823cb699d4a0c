using System.Buffers.Binary;
using Millrace.Cmaf;
using Millrace.Core;
using Millrace.Media;

namespace Millrace.Transcoding;

/// <summary>
/// Reads a child's fragmented MP4 of several tracks from a stream, as it comes: formats once, then access units. Payloads are
/// copied once, from the pipe into the arena. One thread; every size is checked before anything is allocated for it.
/// </summary>
/// <remarks><code>ftyp moov ( moof mdat )* — other boxes are skipped</code></remarks>
internal sealed class ChildOutput
{
    /// <summary>Most bytes of <c>ftyp</c> and <c>moov</c>: 32 tracks with a configuration of 16 KiB each.</summary>
    public const int MaxInitBytes = 1 << 20;

    /// <summary>Most bytes of <c>moof</c>: a frame of each track needs some hundred.</summary>
    public const int MaxFragmentHeaderBytes = 256 * 1024;

    /// <summary>Most bytes of <c>mdat</c>: a frame of each track, of which Ingest takes no larger ones either.</summary>
    public const int MaxFragmentBytes = 64 << 20;

    private readonly Stream stream;
    private readonly MediaArena arena;
    private readonly TimeProvider time;
    private readonly byte[] window = new byte[64 * 1024];
    private int windowStart;
    private int windowEnd;

    private byte[] box = new byte[4096];
    private IReadOnlyList<InitTrack> tracks = [];
    private readonly Queue<Located> samples = new();
    private long mdatPosition;
    private long mdatEnd;

    private readonly record struct Located(int Track, long Offset, Sample Sample, long DecodeTime);

    /// <param name="stream">The child's standard output. The caller disposes it.</param>
    /// <param name="arena">Where payloads go. The caller disposes it.</param>
    /// <param name="time">For <see cref="AccessUnit.ReceivedAt"/>.</param>
    public ChildOutput(Stream stream, MediaArena arena, TimeProvider time)
    {
        this.stream = stream;
        this.arena = arena;
        this.time = time;
    }

    /// <summary>Why reading ended, when it was not at the stream's end between two fragments; null otherwise.</summary>
    public string? Fault { get; private set; }

    /// <summary>Formats of the tracks in their order; empty until <see cref="TryReadFormats"/> succeeded.</summary>
    public IReadOnlyList<TrackFormat> Formats { get; private set; } = [];

    /// <summary>Reads up to the end of <c>moov</c>. Blocks. False at the end or on a fault.</summary>
    public bool TryReadFormats()
    {
        while (TryReadBoxHeader(out var type, out var size, out var headerBytes))
        {
            if (size > MaxInitBytes)
                return Broken($"a box of {size} bytes before the first fragment");
            if (type != Moov)
            {
                if (!TrySkip(size - headerBytes))
                    return false;
                continue;
            }
            if (!TryReadBox(type, (int)size, headerBytes))
                return false;
            if (!InitSegmentReader.TryRead(box.AsSpan(0, (int)size), out tracks, out var fault))
                return Broken(fault!);
            var formats = new TrackFormat[tracks.Count];
            for (var i = 0; i < formats.Length; i++)
            {
                formats[i] = tracks[i].Format;
                if (tracks[i].Timescale != formats[i].Timescale)
                    return Broken($"track {i} counts in 1/{tracks[i].Timescale} s, not in 1/{formats[i].Timescale} s");
            }
            Formats = formats;
            return true;
        }
        return false;
    }

    /// <summary>Reads the next access unit. Blocks. False at the end or on a fault.</summary>
    /// <param name="track">Index into <see cref="Formats"/>.</param>
    /// <param name="unit">The caller owns its payload.</param>
    public bool TryReadUnit(out int track, out AccessUnit unit)
    {
        track = 0;
        unit = default;
        while (samples.Count == 0)
        {
            if (!TryReadFragment())
                return false;
        }
        var next = samples.Dequeue();
        if (next.Offset < mdatPosition)
            return Broken("samples of a fragment overlap");
        if (!TrySkip(next.Offset - mdatPosition))
            return false;
        var payload = arena.Allocate(next.Sample.Size, out var writable);
        if (!TryFill(writable.Span))
        {
            payload.Release();
            return false;
        }
        mdatPosition = next.Offset + next.Sample.Size;
        track = next.Track;
        unit = new AccessUnit(payload, next.DecodeTime, next.Sample.CompositionOffset, next.Sample.Duration, next.Sample.IsSync,
            time.GetUtcNow().UtcTicks);
        // What is left of mdat lies in front of the next box. When it never comes the unit is whole all the same.
        if (samples.Count == 0)
            TrySkip(mdatEnd - mdatPosition);
        return true;
    }

    private bool TryReadFragment()
    {
        while (TryReadBoxHeader(out var type, out var size, out var headerBytes))
        {
            if (type != Moof)
            {
                if (size > MaxFragmentBytes)
                    return Broken($"a box of {size} bytes");
                if (!TrySkip(size - headerBytes))
                    return false;
                continue;
            }
            if (size > MaxFragmentHeaderBytes)
                return Broken($"moof of {size} bytes");
            if (!TryReadBox(type, (int)size, headerBytes))
                return false;
            return TryReadSamples((int)size);
        }
        return false;
    }

    /// <summary>Behind <c>moof</c>: the header of <c>mdat</c>, and where the samples lie in it.</summary>
    private bool TryReadSamples(int moofBytes)
    {
        if (!TryReadBoxHeader(out var type, out var size, out var headerBytes))
            return Broken("it ends between moof and mdat");
        if (type != Mdat || size > MaxFragmentBytes)
            return Broken(type != Mdat ? "moof without mdat" : $"mdat of {size} bytes");
        if (!FragmentReader.TryRead(box.AsSpan(0, moofBytes), (int)size, tracks, out var fragments, out var fault))
            return Broken(fault!);
        // Offsets count from the begin of moof.
        mdatPosition = moofBytes + headerBytes;
        mdatEnd = moofBytes + size;
        var located = new List<Located>();
        foreach (var fragment in fragments)
        {
            var index = 0;
            while (tracks[index].Id != fragment.TrackId)
                index++;
            var decodeTime = fragment.DecodeTime - FfmpegArguments.LeadSeconds * tracks[index].Timescale;
            foreach (var (sample, offset) in fragment.Samples)
            {
                if (sample.Size > 0)
                    located.Add(new Located(index, offset, sample, decodeTime));
                decodeTime += sample.Duration;
            }
        }
        // A muxer writes the tracks one behind the other, and nothing says in which order.
        located.Sort(static (a, b) => a.Offset.CompareTo(b.Offset));
        foreach (var sample in located)
            samples.Enqueue(sample);
        return samples.Count > 0 || TrySkip(mdatEnd - mdatPosition);
    }

    private bool TryReadBoxHeader(out uint type, out long size, out int headerBytes)
    {
        type = 0;
        size = 0;
        headerBytes = 8;
        Span<byte> header = stackalloc byte[16];
        if (windowStart == windowEnd && !TryRefill())
            return false;
        if (!TryFill(header[..8]))
            return false;
        size = BinaryPrimitives.ReadUInt32BigEndian(header);
        type = BinaryPrimitives.ReadUInt32BigEndian(header[4..]);
        if (size == 1)
        {
            if (!TryFill(header[8..]))
                return false;
            headerBytes = 16;
            size = BinaryPrimitives.ReadInt64BigEndian(header[8..]);
        }
        return size >= headerBytes || Broken("a box shorter than its header");
    }

    /// <summary>Reads a box's content behind a header made anew, so that <see cref="box"/> holds the whole box.</summary>
    private bool TryReadBox(uint type, int size, int headerBytes)
    {
        if (box.Length < size)
            box = new byte[size];
        BinaryPrimitives.WriteUInt32BigEndian(box, headerBytes == 8 ? (uint)size : 1);
        BinaryPrimitives.WriteUInt32BigEndian(box.AsSpan(4), type);
        if (headerBytes == 16)
            BinaryPrimitives.WriteInt64BigEndian(box.AsSpan(8), size);
        return TryFill(box.AsSpan(headerBytes, size - headerBytes));
    }

    private bool TryFill(Span<byte> target)
    {
        while (!target.IsEmpty)
        {
            var have = Math.Min(target.Length, windowEnd - windowStart);
            if (have > 0)
            {
                window.AsSpan(windowStart, have).CopyTo(target);
                windowStart += have;
            }
            else if (target.Length >= window.Length)
            {
                // Large payloads need no second copy.
                have = stream.Read(target);
                if (have <= 0)
                    return Broken("it ends in the middle of a box");
            }
            else if (!TryRefill())
            {
                return Broken("it ends in the middle of a box");
            }
            target = target[have..];
        }
        return true;
    }

    private bool TrySkip(long bytes)
    {
        while (bytes > 0)
        {
            if (windowStart == windowEnd && !TryRefill())
                return Broken("it ends in the middle of a box");
            var have = (int)Math.Min(bytes, windowEnd - windowStart);
            windowStart += have;
            bytes -= have;
        }
        return true;
    }

    private bool TryRefill()
    {
        windowStart = 0;
        windowEnd = Math.Max(0, stream.Read(window));
        return windowEnd > 0;
    }

    private bool Broken(string what)
    {
        Fault ??= "ffmpeg's output: " + what + ".";
        return false;
    }

    private static readonly uint Moov = BoxType.Of("moov");
    private static readonly uint Moof = BoxType.Of("moof");
    private static readonly uint Mdat = BoxType.Of("mdat");
}
