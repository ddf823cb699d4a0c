using System.Buffers.Binary;
using System.Text;

namespace Millrace.EndToEnd.Tests.Harness;

/// <summary>One access unit of a file. Times in seconds.</summary>
internal sealed record Mp4Sample(byte[] Data, double DecodeTime, double CompositionOffset, bool IsSync);

/// <summary>One track of a plain MP4 file as ffmpeg writes it: the sample entry's type, its codec configuration box and every sample.</summary>
/// <remarks>Independent of the product's own reader on purpose: two readers that share a mistake would agree.</remarks>
internal sealed class Mp4File
{
    private readonly byte[] file;

    private Mp4File(byte[] file, string entry, byte[] configuration, IReadOnlyList<Mp4Sample> samples)
    {
        this.file = file;
        SampleEntry = entry;
        Configuration = configuration;
        Samples = samples;
    }

    /// <summary>Four characters: <c>avc1</c>, <c>Opus</c>, …</summary>
    public string SampleEntry { get; }

    /// <summary>Content of <c>avcC</c>, <c>hvcC</c>, <c>av1C</c>, <c>vpcC</c>, <c>esds</c>, <c>dOps</c>, <c>dfLa</c> or <c>dac3</c>.</summary>
    public byte[] Configuration { get; }

    public IReadOnlyList<Mp4Sample> Samples { get; }

    /// <summary>Bytes of the whole file.</summary>
    public int Length => file.Length;

    /// <summary>Encodes with ffmpeg and reads the one track that comes out.</summary>
    public static async Task<Mp4File> EncodeAsync(TestDirectory directory, params string[] arguments)
    {
        var path = directory.NewFile("mp4");
        await Ffmpeg.RunAsync(["-v", "error", .. arguments, "-strict", "-2", "-f", "mp4", path]);
        return Read(await File.ReadAllBytesAsync(path));
    }

    public static Mp4File Read(byte[] file)
    {
        var track = Find(file, Whole(file), "moov", "trak");
        var handler = Text(file, Find(file, track, "mdia", "hdlr").Start + 8);
        var timescale = (double)U32(file, Find(file, track, "mdia", "mdhd").Start + 12);
        var tables = Find(file, track, "mdia", "minf", "stbl");

        var description = Find(file, tables, "stsd");
        var entry = (Start: description.Start + 16, End: description.End);
        var entryType = Text(file, entry.Start - 4);
        var inner = (Start: entry.Start + (handler == "vide" ? 78 : 28), entry.End);
        var configuration = Boxes(file, inner).First(box => box.Type is "avcC" or "hvcC" or "av1C" or "vpcC" or "esds" or "dOps" or "dfLa" or "dac3");

        var sizes = Find(file, tables, "stsz").Start;
        var fixedSize = U32(file, sizes + 4);
        var count = (int)U32(file, sizes + 8);
        var decodeTimes = Runs(file, Find(file, tables, "stts").Start, count).ToArray();
        var offsets = Boxes(file, tables).Any(box => box.Type == "ctts")
            ? Runs(file, Find(file, tables, "ctts").Start, count).Select(value => (double)(int)value).ToArray()
            : new double[count];
        HashSet<int>? sync = null;
        if (Boxes(file, tables).Any(box => box.Type == "stss"))
        {
            var table = Find(file, tables, "stss").Start;
            sync = [.. Enumerable.Range(0, (int)U32(file, table + 4)).Select(index => (int)U32(file, table + 8 + (4 * index)) - 1)];
        }

        // An edit list says where the presentation begins: behind the encoder's priming, or at the first picture shown.
        List<Mp4Sample> samples = [];
        long time = -EditStart(file, track);
        var sample = 0;
        foreach (var (offset, inChunk) in Chunks(file, tables))
        {
            var position = offset;
            for (var index = 0; index < inChunk && sample < count; index++, sample++)
            {
                var size = (int)(fixedSize != 0 ? fixedSize : U32(file, sizes + 12 + (4 * sample)));
                samples.Add(new Mp4Sample(file[position..(position + size)], time / timescale, offsets[sample] / timescale, sync?.Contains(sample) ?? true));
                time += decodeTimes[sample];
                position += size;
            }
        }
        return new Mp4File(file, entryType, file[configuration.Start..configuration.End], samples);
    }

    private static long EditStart(byte[] file, (int Start, int End) track)
    {
        if (!Boxes(file, track).Any(box => box.Type == "edts"))
            return 0;
        var list = Find(file, track, "edts", "elst").Start;
        return (int)U32(file, list + 12);
    }

    private static IEnumerable<(int Offset, int Samples)> Chunks(byte[] file, (int Start, int End) tables)
    {
        var map = Find(file, tables, "stsc").Start;
        var runs = Enumerable.Range(0, (int)U32(file, map + 4))
            .Select(index => (First: (int)U32(file, map + 8 + (12 * index)), Samples: (int)U32(file, map + 12 + (12 * index)))).ToArray();
        var offsets = Find(file, tables, "stco").Start;
        for (var chunk = 1; chunk <= (int)U32(file, offsets + 4); chunk++)
            yield return ((int)U32(file, offsets + 4 + (4 * chunk)), runs.Last(run => run.First <= chunk).Samples);
    }

    private static IEnumerable<uint> Runs(byte[] file, int table, int count)
    {
        var position = table + 8;
        for (var left = count; left > 0; position += 8)
        {
            for (var run = (int)U32(file, position); run > 0 && left > 0; run--, left--)
                yield return U32(file, position + 4);
        }
    }

    private static (int Start, int End) Whole(byte[] file) => (0, file.Length);

    private static (int Start, int End) Find(byte[] file, (int Start, int End) within, params string[] path)
    {
        foreach (var type in path)
        {
            var box = Boxes(file, within).First(box => box.Type == type);
            within = (box.Start, box.End);
        }
        return within;
    }

    private static IEnumerable<(string Type, int Start, int End)> Boxes(byte[] file, (int Start, int End) within)
    {
        var position = within.Start;
        while (position + 8 <= within.End)
        {
            var size = (long)U32(file, position);
            var header = 8;
            if (size == 1)
            {
                size = BinaryPrimitives.ReadInt64BigEndian(file.AsSpan(position + 8));
                header = 16;
            }
            if (size < header)
                yield break;
            yield return (Text(file, position + 4), position + header, (int)(position + size));
            position += (int)size;
        }
    }

    private static uint U32(byte[] file, int position) => BinaryPrimitives.ReadUInt32BigEndian(file.AsSpan(position));

    private static string Text(byte[] file, int position) => Encoding.ASCII.GetString(file, position, 4);
}
