using Millrace.Media;
using Millrace.Transcoding.Tests;

namespace Millrace.Ingest.Tests;

public sealed class ReferenceWatchTests
{
    private const string Moving = "-f lavfi -i testsrc2=s=320x180:r=30 -t 3 -pix_fmt yuv420p -c:v libx264";

    private static readonly VideoFormat Sixteen = new(Codec.Avc, "", [], 320, 180) { FrameNumbers = 16 };

    /// <summary>Numbers modulo 16; K: key frame, R: recovery point, b: nobody refers to it, !: a format that is not known comes.</summary>
    [Theory]
    [InlineData("K 1 2 3", 0)]
    [InlineData("K 1 3", 1)]
    [InlineData("K 1 3b 3 4", 1)]
    [InlineData("K 1 2b 2b 2 3b 3", 0)]
    [InlineData("K 1 2b 3b 3", 1)]
    [InlineData("14 15 0 1 2", 0)]
    [InlineData("13 15 0", 1)]
    [InlineData("K 1 2 2 2 3", 0)]
    [InlineData("K 1 2 K 1 2", 0)]
    [InlineData("9 10 5 6", 1)]
    [InlineData("K 5 9", 7)]
    // memory_management_control_operation 5.
    [InlineData("7 8 0 1", 0)]
    [InlineData("7 8 1 2", 0)]
    [InlineData("7 8 1b 1 2", 0)]
    // A stream that was cut at a recovery point.
    [InlineData("7 8 R3 4", 0)]
    [InlineData("K 1 4! 9 12", 0)]
    [InlineData("K 1 -1 9", 0)]
    public void Add_Numbers_CountsWhatIsMissing(string pictures, int missing)
    {
        var watch = new ReferenceWatch();
        watch.Begin(Sixteen);
        var found = 0;
        foreach (var picture in pictures.Split(' '))
        {
            var digits = picture.Trim('K', 'R', 'b', '!');
            found += watch.Add(
                new VideoInspection
                {
                    FrameNumber = digits.Length == 0 ? 0 : int.Parse(digits, System.Globalization.CultureInfo.InvariantCulture),
                    IsRandomAccess = picture[0] == 'K',
                    IsRecoveryPoint = picture[0] == 'R',
                    IsReference = picture[^1] != 'b',
                    ChangesFormat = picture[^1] == '!',
                },
                [], 0);
        }
        Assert.Equal(missing, found);
        Assert.Equal(missing, watch.Recent(0));
    }

    [Fact]
    public void Recent_AfterHalfAMinute_ForgetsAndNeverCountsTwice()
    {
        var watch = new ReferenceWatch();
        var start = new DateTime(2026, 5, 1).Ticks;
        Assert.Equal(0, watch.Recent(start));
        Lose(0);
        Lose(1);
        Assert.Equal(2, watch.Recent(At(20)));
        Lose(29);
        Assert.Equal(3, watch.Recent(At(29)));
        Assert.Equal(1, watch.Recent(At(31)));
        // The clock steps back: the newest time holds.
        Lose(3);
        Assert.Equal(4, watch.Recent(At(3)));
        Assert.Equal(2, watch.Recent(At(31)));
        Assert.Equal(0, watch.Recent(At(60)));
        Lose(3600);
        Assert.Equal(1, watch.Recent(At(3600)));

        long At(int seconds) => start + seconds * TimeSpan.TicksPerSecond;

        void Lose(int seconds)
        {
            watch.Begin(Sixteen);
            watch.Add(new VideoInspection { FrameNumber = 4, IsReference = true }, [], At(seconds));
            Assert.Equal(1, watch.Add(new VideoInspection { FrameNumber = 6, IsReference = true }, [], At(seconds)));
        }
    }

    /// <summary>What real encoding does with numbers, whole and twice in a row: nothing is missing.</summary>
    [Theory]
    [InlineData("-preset medium")]
    [InlineData("-preset ultrafast -g 1000")]
    [InlineData("-preset medium -x264-params keyint=40:ref=6:bframes=8:b-adapt=0:b-pyramid=strict")]
    [InlineData("-preset medium -x264-params keyint=40:bframes=5:b-adapt=0:b-pyramid=normal:weightp=2 -vf fade=in:0:60")]
    [InlineData("-preset veryfast -x264-params keyint=20:intra-refresh=1")]
    [InlineData("-preset veryfast -x264-params keyint=20:open-gop=1:bframes=3:b-adapt=0")]
    [InlineData("-preset veryfast -tune zerolatency -x264-params slices=4")]
    [InlineData("-preset veryfast -flags +ildct+ilme")]
    [InlineData("-preset ultrafast -x265-params log-level=error:keyint=30", "libx265")]
    [InlineData("-preset ultrafast -x265-params log-level=error:keyint=40:bframes=8:b-adapt=0:b-pyramid=1:ref=4:open-gop=1:rc-lookahead=20", "libx265")]
    [InlineData("-preset ultrafast -x265-params log-level=error:keyint=1000:bframes=3:rc-lookahead=20:temporal-layers=1", "libx265")]
    [InlineData("-preset superfast -x265-params log-level=error:keyint=20:intra-refresh=1:slices=3", "libx265")]
    public void Add_EncodersPictures_MissNothing(string encoding, string encoder = "libx264")
    {
        var (seen, missing) = Watch(Clip.Make($"{Moving} -c:v {encoder} {encoding}"));
        Assert.Equal((90, 0), (seen, missing));
    }

    /// <summary>The same, with every seventh picture dropped that others refer to: it is noticed, but for those in front of 0 and 1.</summary>
    [Theory]
    [InlineData("-preset medium")]
    [InlineData("-preset veryfast -x264-params keyint=20:intra-refresh=1")]
    [InlineData("-preset veryfast -tune zerolatency -x264-params slices=4")]
    [InlineData("-preset veryfast -flags +ildct+ilme")]
    public void Add_EncodersPicturesWithSomeDropped_MissesThem(string encoding)
    {
        var clip = Clip.Make($"{Moving} {encoding}");
        var count = 0;
        var (seen, missing) = Watch(clip, look => look.IsReference && !look.IsRandomAccess && !look.IsRecoveryPoint && ++count % 7 == 0);
        Assert.InRange(missing, (90 - seen) / 2, 90 - seen);
        Assert.True(missing > 0);
    }

    /// <summary>One HEVC picture is dropped: what ffmpeg's decoder complains of, and nothing else.</summary>
    [Theory]
    [InlineData("keyint=30:bframes=0")]
    [InlineData("keyint=40:bframes=5:b-adapt=0:b-pyramid=1:ref=4:open-gop=1:rc-lookahead=20")]
    public void Add_HevcWithOnePictureDropped_MissesWhatADecoderDoes(string parameters)
    {
        var (heard, silent) = (0, 0);
        foreach (var dropped in (int[])[7, 44, 45])
        {
            var encoding = $"{Moving} -c:v libx265 -preset ultrafast -x265-params log-level=error:{parameters}";
            var clip = Clip.Make(encoding);
            var count = 0;
            var (_, missing) = Watch(clip, _ => count++ == dropped);
            var complaints = Tool.Complaints($"{encoding} -bsf:v noise=drop=eq(n\\,{dropped}) -f hevc", "hevc")
                .Count(line => line.Contains("Could not find ref with POC", StringComparison.Ordinal));
            Assert.Equal(complaints > 0, missing > 0);
            heard += missing > 0 ? 1 : 0;
            silent += missing > 0 ? 0 : 1;
        }
        Assert.True(heard > 0, $"{heard} of {heard + silent}");
    }

    /// <summary>One reference and no decoder that complains: the channel's health is the only one to say it.</summary>
    [Fact]
    public void Problems_PicturesDroppedBehindTheEncoder_AreNamedForHalfAMinute()
    {
        using var node = new TestNode();
        var publisher = node.Publish();
        var clip = Clip.Make($"{Moving} -preset ultrafast -g 30 -bsf:v \"noise=drop=not(mod(n\\,20))*not(key)\"");
        publisher.VideoHeader(clip.Video!.Configuration.ToArray());
        var start = node.Time.GetUtcNow();
        foreach (var unit in clip.Tracks[0].Units)
        {
            node.Time.SetUtcNow(start.AddSeconds(unit.DecodeTime / 90000.0));
            publisher.RawPicture((uint)(unit.DecodeTime / 90), unit.Sample.IsSync, unit.Bytes);
        }
        // 20, 40 and 80; 0 and 60 are key frames.
        var health = publisher.Session.Broadcast.ReadHealth();
        Assert.Equal(87, health.Ingest.VideoUnits);
        Assert.Equal(health.RecentMissing, health.Ingest.MissingPictures);
        Assert.Equal(3, health.RecentMissing);
        var problem = Assert.Single(node.Directory.FindProblems(health), problem => problem.Code == "pictures_missing");
        Assert.StartsWith("At least ", problem.Message, StringComparison.Ordinal);

        node.Time.Advance(TimeSpan.FromSeconds(31));
        publisher.RawPicture(34_000, key: true, clip.Tracks[0].Units[0].Bytes);
        health = publisher.Session.Broadcast.ReadHealth();
        Assert.Equal(0, health.RecentMissing);
        Assert.NotEqual(0, health.Ingest.MissingPictures);
        Assert.DoesNotContain(node.Directory.FindProblems(health), problem => problem.Code == "pictures_missing");
        publisher.Close();
    }

    private static (int Seen, int Missing) Watch(Clip clip, Func<VideoInspection, bool>? isDropped = null)
    {
        var watch = new ReferenceWatch();
        watch.Begin(clip.Video!);
        var missing = 0;
        var seen = 0;
        for (var round = 0; round < 2; round++)
        {
            seen = 0;
            foreach (var unit in clip.Tracks[0].Units)
            {
                var look = VideoAccessUnit.Inspect(clip.Video!, unit.Bytes);
                Assert.True(look.HasPicture);
                if (isDropped?.Invoke(look) ?? false)
                    continue;
                seen++;
                missing += watch.Add(look, unit.Bytes, 0);
            }
            if (isDropped is not null)
                break;
        }
        return (seen, missing);
    }
}
