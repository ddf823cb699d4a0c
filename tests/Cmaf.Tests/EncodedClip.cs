using System.Buffers;
using System.Collections.Concurrent;
using Millrace.Media;

namespace Millrace.Cmaf.Tests;

/// <summary>A clip from ffmpeg, read by our readers, and written again as CMAF by our writers.</summary>
internal sealed class EncodedClip
{
    // Each clip serves several tests.
    private static readonly ConcurrentDictionary<(string, string), EncodedClip> Clips = new();

    private EncodedClip(byte[] file, InitTrack track, IReadOnlyList<(Sample Sample, byte[] Bytes)> samples, long firstDecodeTime)
    {
        File = file;
        Track = track;
        Samples = samples;
        FirstDecodeTime = firstDecodeTime;
    }

    public byte[] File { get; }
    public InitTrack Track { get; }
    public IReadOnlyList<(Sample Sample, byte[] Bytes)> Samples { get; }
    public long FirstDecodeTime { get; }

    /// <summary>Encodes with the options and reads the fragmented file.</summary>
    public static EncodedClip Encode(string input, string encoder) => Clips.GetOrAdd((input, encoder), EncodeNow);

    private static EncodedClip EncodeNow((string Input, string Encoder) what)
    {
        var (input, encoder) = what;
        var file = Ffmpeg.Make($"-f lavfi -i {input} {encoder} -video_track_timescale 90000 "
            + "-movflags +delay_moov+default_base_moof+frag_every_frame+negative_cts_offsets -use_editlist 0", ".mp4");
        Assert.True(InitSegmentReader.TryRead(file, out var tracks, out var fault), fault);
        var track = Assert.Single(tracks);
        Assert.True(FragmentReader.TryRead(file, tracks, out var fragments, out fault), fault);
        var samples = fragments.SelectMany(fragment => fragment.Samples)
            .Select(sample => (sample.Sample, file.AsSpan(sample.Offset, sample.Sample.Size).ToArray()))
            .ToList();
        return new EncodedClip(file, track, samples, fragments[0].DecodeTime);
    }

    /// <summary>Init segment and chunks of <paramref name="chunkSamples"/> samples each.</summary>
    public byte[] Repackage(TrackFormat format, int chunkSamples)
    {
        var output = new ArrayBufferWriter<byte>();
        InitSegmentWriter.Write(output, format);
        var decodeTime = FirstDecodeTime;
        uint number = 0;
        foreach (var chunk in Samples.Chunk(chunkSamples))
        {
            var samples = chunk.Select(sample => sample.Sample).ToArray();
            var header = new ChunkHeader(++number, decodeTime, number % 3 == 1, DateTime.UtcNow.Ticks);
            ChunkHeaderWriter.Write(output, header, samples);
            foreach (var (_, bytes) in chunk)
                output.Write(bytes);
            decodeTime += samples.Sum(sample => sample.Duration);
        }
        return output.WrittenSpan.ToArray();
    }
}
