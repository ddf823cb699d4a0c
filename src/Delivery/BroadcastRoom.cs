namespace Millrace.Delivery;

/// <summary>Gives up of one broadcast what can be spared, oldest first, when its disk or its memory has too little room.</summary>
internal sealed class BroadcastRoom
{
    private readonly OriginBroadcast broadcast;
    private readonly Spooler spooler;
    private readonly DeliveryOptions options;

    public BroadcastRoom(OriginBroadcast broadcast, Spooler spooler, DeliveryOptions options)
    {
        this.broadcast = broadcast;
        this.spooler = spooler;
        this.options = options;
    }

    /// <summary>
    /// Gives the oldest media file's worth of what can be rewound to back to the disk, but not the live window. False when there
    /// is nothing to give. Any thread.
    /// </summary>
    public bool Shrink()
    {
        if (broadcast.Mode == DvrMode.Off || broadcast.IsEnded || broadcast.Timeline.Read().Renditions is not [{ Segments: { Count: > 0 } segments } leader, ..])
            return false;
        if (broadcast.Find(leader.Name)?.OldestFileEnd() is not { } before || before > leader.FirstWithin(broadcast.LiveWindow) || before <= segments[0].Number)
            return false;
        broadcast.Remove(before);
        foreach (var rendition in broadcast.Renditions)
            rendition.RemoveBefore(before);
        return true;
    }

    /// <summary>
    /// Media files of it that only this node's disk has are given up, the oldest of each rendition, but not the live window: a
    /// hole for whoever goes back so far. False when there is nothing to give. Any thread.
    /// </summary>
    public bool LoseOldestLocal()
    {
        if (broadcast.Archive is not { } archive || broadcast.IsEnded)
            return false;
        var lost = false;
        foreach (var rendition in broadcast.Timeline.Read().Renditions)
        {
            if (broadcast.Find(rendition.Name) is not { } media)
                continue;
            var live = rendition.FirstWithin(broadcast.LiveWindow);
            foreach (var segment in rendition.Segments)
            {
                if (segment.Number >= live || segment.IsGap || !media.TryFind(segment.Number, out var stored, out _, out _) || stored.File is not { } file)
                    continue;
                if (archive.TryGet(SpoolFile.NameOf(rendition.Name, file.Number), out _))
                    continue;
                var numbers = media.SegmentsIn(file.Number);
                // It is written still, or players at the live edge read it.
                if (numbers[^1] >= live)
                    break;
                foreach (var number in numbers)
                    broadcast.Lose(media, number);
                lost = true;
                break;
            }
        }
        return lost;
    }

    /// <summary>
    /// The disk does not take what memory cannot hold. Without rewinding the window gets shorter; with it the segments are
    /// gaps, for what is on disk in front of them can still be watched. The owner only.
    /// </summary>
    public void LimitMemory()
    {
        if (broadcast.MemoryBytes <= options.MaxMemoryBytes)
            return;
        foreach (var rendition in broadcast.Renditions)
            rendition.ForgetWritten();
        while (broadcast.MemoryBytes > options.MaxMemoryBytes)
        {
            var victims = false;
            foreach (var rendition in broadcast.Renditions)
            {
                if (rendition.DropOldestInMemory() is not { } number)
                    continue;
                victims = true;
                spooler.CountDropped();
                if (broadcast.Mode == DvrMode.Off)
                    broadcast.Remove(number + 1);
                else
                    broadcast.Timeline.Lose(rendition.Name, number);
            }
            if (!victims)
                return;
        }
    }
}
