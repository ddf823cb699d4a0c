using System.Buffers.Binary;

namespace Millrace.Cmaf;

/// <summary>What the bytes of a CMAF track came to.</summary>
public enum CmafTrackStep
{
    /// <summary>All that is there was taken; more is needed.</summary>
    NeedMoreData,

    /// <summary>A CMAF header: <see cref="CmafTrackReader.Track"/>.</summary>
    Header,

    /// <summary>A sample: <see cref="CmafTrackReader.Sample"/> and its times.</summary>
    Sample,

    /// <summary>It cannot be read: <see cref="CmafTrackReader.Fault"/>. Nothing more can be.</summary>
    Broken,
}

/// <summary>
/// Reads one CMAF track as a packager posts it (DASH-IF Live Media Ingest, interface 1): a CMAF header (<c>moov</c>), then chunks
/// of <c>moof</c> and <c>mdat</c>, for as long as the stream lasts. Other boxes (<c>ftyp</c>, <c>styp</c>, <c>prft</c>,
/// <c>emsg</c>, <c>mfra</c>, …) are passed over. Takes what came, in pieces of any size; throws on nothing that it is given.
/// </summary>
/// <remarks>
/// Memory follows what has come, at most the limits below. One owner; a step's results hold until the next call.
/// </remarks>
public sealed class CmafTrackReader
{
    /// <summary>Most bytes of a <c>moov</c>: about 1 KB is usual.</summary>
    public const int MaxHeaderBytes = 256 * 1024;

    /// <summary>Most bytes of a <c>moof</c>: 16 for each of some thousand samples.</summary>
    public const int MaxFragmentHeaderBytes = 1 << 20;

    /// <summary>Most bytes of any other box: ten seconds of 50 Mbit/s.</summary>
    public const int MaxBoxBytes = 64 << 20;

    /// <summary>Most bytes of a sample, as of a video message over RTMP.</summary>
    public const int MaxSampleBytes = 4 << 20;

    private readonly byte[] head = new byte[8];
    private byte[] buffer = new byte[4096];
    private int headed;
    private int filled;
    private long left;
    // Of the byte that comes next, counted from the beginning of the newest moof: what its samples' places count from.
    private long position;
    private State state;
    private uint type;
    private IReadOnlyList<InitTrack> tracks = [];
    private IReadOnlyList<FragmentSample> samples = [];
    private int next;
    private long decodeTime;
    // The buffer's sample was: it leaves with the next call.
    private bool isHandedOut;

    private enum State
    {
        Head,
        Collect,
        Skip,
        Data,
        Broken,
    }

    /// <summary>The track; null before its header.</summary>
    public InitTrack? Track => tracks.Count > 0 ? tracks[0] : null;

    /// <summary>The sample's bytes.</summary>
    public ReadOnlySpan<byte> Sample => buffer.AsSpan(0, filled);

    /// <summary>The sample's description.</summary>
    public Sample Description { get; private set; }

    /// <summary>The sample's decode time in the track's timescale.</summary>
    public long DecodeTime { get; private set; }

    /// <summary>Why nothing more can be read, as a sentence.</summary>
    public string? Fault { get; private set; }

    /// <summary>Every box that began has ended: the stream may end here.</summary>
    public bool IsBetweenBoxes => state == State.Head && headed == 0;

    /// <summary>Takes bytes up to the next step, and moves <paramref name="input"/> on behind them.</summary>
    public CmafTrackStep Read(ref ReadOnlySpan<byte> input)
    {
        if (isHandedOut)
            (filled, isHandedOut) = (0, false);
        while (state != State.Broken)
        {
            switch (state)
            {
                case State.Head:
                    if (!Fill(ref input, head, ref headed, 8))
                        return CmafTrackStep.NeedMoreData;
                    headed = 0;
                    Begin();
                    break;
                case State.Collect:
                    if (!Collect(ref input, (int)left + 8))
                        return CmafTrackStep.NeedMoreData;
                    state = State.Head;
                    if (End() is var step and not CmafTrackStep.NeedMoreData)
                        return step;
                    break;
                case State.Skip:
                    var skipped = (int)Math.Min(left, input.Length);
                    input = input[skipped..];
                    left -= skipped;
                    position += skipped;
                    if (left > 0)
                        return CmafTrackStep.NeedMoreData;
                    state = State.Head;
                    break;
                default:
                    if (TryReadData(ref input, out step))
                        return step;
                    break;
            }
        }
        return CmafTrackStep.Broken;
    }

    /// <summary>A box begins: its size against its limit, before anything is kept of it.</summary>
    private void Begin()
    {
        var size = BinaryPrimitives.ReadUInt32BigEndian(head);
        type = BinaryPrimitives.ReadUInt32BigEndian(head.AsSpan(4));
        var (isHeader, isFragment) = (type == BoxType.Moov, type == BoxType.Moof);
        var most = isHeader ? MaxHeaderBytes : isFragment ? MaxFragmentHeaderBytes : MaxBoxBytes;
        if (size < 8 || size > most)
        {
            Break($"A box of {size} bytes: 8 to {most} are allowed for its type.");
            return;
        }
        left = size - 8;
        if (isHeader || isFragment)
        {
            head.CopyTo(buffer, 0);
            filled = 8;
            state = State.Collect;
            if (isFragment && tracks.Count == 0)
                Break("A fragment comes before the track's header.");
            else if (isFragment && next < samples.Count)
                Break("A fragment lacks samples that it declared.");
            return;
        }
        position += 8;
        filled = 0;
        state = type == BoxType.Mdat && next < samples.Count ? State.Data : State.Skip;
    }

    /// <summary>A header or a fragment's description is here as a whole.</summary>
    private CmafTrackStep End()
    {
        var box = buffer.AsSpan(0, filled);
        if (type == BoxType.Moov)
        {
            if (!InitSegmentReader.TryRead(box, out var read, out var unread))
                return Break($"The track's header cannot be read: {unread}.");
            if (read.Count != 1 || read[0].Timescale == 0)
                return Break($"The header has {read.Count} tracks that can be carried: each track comes in a request of its own.");
            tracks = read;
            (samples, next) = ([], 0);
            return CmafTrackStep.Header;
        }
        if (!FragmentReader.TryRead(box, MaxBoxBytes, tracks, out var fragments, out var broken))
            return Break($"A fragment cannot be read: {broken}.");
        if (fragments.Count > 1)
            return Break("A fragment has more than one run of the track.");
        next = 0;
        samples = fragments.Count == 0 ? [] : fragments[0].Samples;
        decodeTime = fragments.Count == 0 ? 0 : fragments[0].DecodeTime;
        position = filled;
        return decodeTime is < 0 or > long.MaxValue / 4 ? Break("A fragment's decode time is out of range.") : CmafTrackStep.NeedMoreData;
    }

    /// <summary>Media data up to the end of a sample, or of the box. False when the loop goes on in another state.</summary>
    private bool TryReadData(ref ReadOnlySpan<byte> input, out CmafTrackStep step)
    {
        step = CmafTrackStep.NeedMoreData;
        if (next == samples.Count)
        {
            state = State.Skip;
            return false;
        }
        var (description, offset) = samples[next];
        // 1. What lies in front of the sample.
        if (filled == 0)
        {
            if (description.Size is < 1 or > MaxSampleBytes)
                return Stop($"A sample of {description.Size} bytes: 1 to {MaxSampleBytes} are allowed.", out step);
            if (offset < position || offset - position + description.Size > left)
                return Stop("A fragment's samples are not in order, or not in the mdat behind it.", out step);
            var before = Math.Min(offset - (int)position, input.Length);
            input = input[before..];
            left -= before;
            position += before;
            if (position < offset)
                return true;
        }

        // 2. The sample.
        var had = filled;
        var isWhole = Collect(ref input, description.Size);
        left -= filled - had;
        position += filled - had;
        if (!isWhole)
            return true;
        Description = description;
        DecodeTime = decodeTime;
        decodeTime += description.Duration;
        next++;
        isHandedOut = true;
        step = CmafTrackStep.Sample;
        return true;
    }

    private bool Collect(ref ReadOnlySpan<byte> input, int goal)
    {
        var count = Math.Min(goal - filled, input.Length);
        if (filled + count > buffer.Length)
            Array.Resize(ref buffer, Math.Min(Math.Max(filled + count, buffer.Length * 2), MaxSampleBytes));
        return Fill(ref input, buffer, ref filled, goal);
    }

    private static bool Fill(ref ReadOnlySpan<byte> input, byte[] into, ref int filled, int goal)
    {
        var count = Math.Min(goal - filled, input.Length);
        input[..count].CopyTo(into.AsSpan(filled));
        input = input[count..];
        filled += count;
        return filled == goal;
    }

    private bool Stop(string sentence, out CmafTrackStep step)
    {
        step = Break(sentence);
        return true;
    }

    private CmafTrackStep Break(string sentence)
    {
        Fault = sentence;
        state = State.Broken;
        return CmafTrackStep.Broken;
    }
}
