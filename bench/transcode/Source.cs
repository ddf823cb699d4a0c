using Millrace.Cmaf;
using Millrace.Media;

namespace Millrace.Transcode;

/// <summary>A prepared file's pictures, as Ingest would hand them over.</summary>
internal sealed record Source(VideoFormat Format, IReadOnlyList<(long DecodeTime, Sample Sample, byte[] Bytes)> Units)
{
    public static Source Read(string path)
    {
        var file = File.ReadAllBytes(path);
        if (!InitSegmentReader.TryRead(file, out var tracks, out var fault) || !FragmentReader.TryRead(file, tracks, out var fragments, out fault))
            throw new InvalidDataException(fault);
        return new Source((VideoFormat)tracks[0].Format, [.. fragments.SelectMany(fragment => fragment.Samples.Select(sample =>
            (fragment.DecodeTime, sample.Sample, file.AsSpan(sample.Offset, sample.Sample.Size).ToArray())))]);
    }
}
