using Millrace.Cmaf;

namespace Millrace.Fuzz;

/// <summary>The parsers of src/Cmaf.</summary>
internal static class CmafTargets
{
    /// <summary>
    /// Reads a track as a packager posts it, at once and in pieces whose sizes the input's bytes give: the same steps, the same
    /// bytes.
    /// </summary>
    public static void Track(ReadOnlySpan<byte> input)
    {
        var whole = new CmafTrackReader();
        var pieces = new CmafTrackReader();
        var one = input;
        var other = ReadOnlySpan<byte>.Empty;
        var at = 0;
        while (true)
        {
            var step = whole.Read(ref one);
            var same = pieces.Read(ref other);
            while (same == CmafTrackStep.NeedMoreData && at < input.Length)
            {
                FuzzTarget.Require(other.IsEmpty, "bytes are left over");
                other = input.Slice(at, Math.Min(1 + input[at] % 61, input.Length - at));
                at += other.Length;
                same = pieces.Read(ref other);
            }
            FuzzTarget.Require(step == same, "pieces make another step");
            if (step is CmafTrackStep.NeedMoreData or CmafTrackStep.Broken)
            {
                FuzzTarget.Require(step == CmafTrackStep.Broken == whole.Fault is not null, "broken without a fault");
                return;
            }
            if (step == CmafTrackStep.Sample)
            {
                FuzzTarget.Require(whole.Sample.SequenceEqual(pieces.Sample) && whole.DecodeTime == pieces.DecodeTime, "pieces make another sample");
                FuzzTarget.Require(whole.Sample.Length == whole.Description.Size && whole.DecodeTime >= 0, "a sample that is not as described");
            }
        }
    }

    /// <summary>Reads an init segment and the fragments behind it.</summary>
    public static void Boxes(ReadOnlySpan<byte> input)
    {
        var boxes = new BoxReader(input);
        var end = 0;
        while (boxes.MoveNext())
        {
            FuzzTarget.Require(boxes.Offset == end, "boxes with holes");
            end = boxes.ContentOffset + boxes.Content.Length;
        }
        if (!InitSegmentReader.TryRead(input, out var tracks, out var fault))
        {
            FuzzTarget.Require(fault is { Length: > 0 } && tracks.Count == 0, "refused without a fault");
            return;
        }
        if (!FragmentReader.TryRead(input, tracks, out var fragments, out fault))
        {
            FuzzTarget.Require(fault is { Length: > 0 } && fragments.Count == 0, "refused without a fault");
            return;
        }
        foreach (var fragment in fragments)
        {
            foreach (var sample in fragment.Samples)
                _ = input.Slice(sample.Offset, sample.Sample.Size);
        }
    }
}
