using Millrace.Cmaf;

namespace Millrace.Fuzz;

/// <summary>The parsers of src/Cmaf.</summary>
internal static class CmafTargets
{
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
