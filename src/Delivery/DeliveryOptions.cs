using System.ComponentModel.DataAnnotations;

namespace Millrace.Delivery;

/// <summary>What the origin keeps, and for how long: section <c>Delivery</c>.</summary>
public sealed class DeliveryOptions
{
    /// <summary>
    /// How long an ended broadcast can still be fetched, 0 to 1 h. Default 60 s: the slowest player reads ENDLIST and plays its
    /// buffer out, also one that was asleep for a moment.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:00", "01:00:00")]
    public TimeSpan KeepEnded { get; set; } = TimeSpan.FromSeconds(60);

    /// <summary>
    /// Complete segments of each rendition that stay in memory, 1 to 100; older ones are read from their files. Default 3:
    /// what players at the live edge ask for (three target durations behind it).
    /// </summary>
    [Range(1, 100)]
    public int MemorySegments { get; set; } = 3;

    /// <summary>
    /// Most bytes of media that one broadcast may hold in memory, 1 MiB to 1 GiB. Default 32 MiB: reached only when the disk
    /// cannot be written, then the oldest segments are dropped; above half of it every segment leaves memory once it is in a
    /// file. It is 100 s of a 2.5 Mbit/s stream, and two segments of the fastest that ingest takes.
    /// </summary>
    [Range(1L << 20, 1L << 30)]
    public long MaxMemoryBytes { get; set; } = 32L << 20;

    /// <summary>
    /// Media time in one file of a broadcast that cannot be rewound, 2 s to 5 min. Default 20 s: a file is deleted as a whole, so
    /// this is also what the disk holds too much.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:02", "00:05:00")]
    public TimeSpan SpoolFileDuration { get; set; } = TimeSpan.FromSeconds(20);

    /// <summary>
    /// Media time in one file of a full recording, 10 s to 1 h. Default 10 min: 12 hours are 72 files for each rendition, and a
    /// disk that runs full gets back that much at a time.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:10", "01:00:00")]
    public TimeSpan RecordingFileDuration { get; set; } = TimeSpan.FromMinutes(10);

    /// <summary>
    /// Replays that are open at a time, 1 to 10000. Default 200: a long one takes 10 MB, and one that nobody asked for in two
    /// minutes is closed.
    /// </summary>
    [Range(1, 10_000)]
    public int MaxOpenReplays { get; set; } = 200;

    /// <summary>
    /// Files (<c>download.mp4</c>) that are downloaded at a time, 1 to 10000. Default 32: each holds a piece of a segment and
    /// 64 KB, for twelve hours 260 KB more; together they take no more of the disk than so many viewers of old replays.
    /// </summary>
    [Range(1, 10_000)]
    public int MaxDownloads { get; set; } = 32;

    /// <summary>Threads that write media and journals, 1 to 16. Default 2: one slow write does not hold up the others; a page cache needs no more.</summary>
    [Range(1, 16)]
    public int SpoolThreads { get; set; } = 2;

    /// <summary>Segments that may wait for a spool thread, 16 to 100000. Default 4096: ten seconds of 400 streams with two renditions.</summary>
    [Range(16, 100_000)]
    public int SpoolQueue { get; set; } = 4096;
}
