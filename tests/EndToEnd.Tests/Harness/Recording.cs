namespace Millrace.EndToEnd.Tests.Harness;

/// <summary>What a broadcast delivered from its first playlist to ENDLIST.</summary>
/// <param name="Master">The multivariant playlist at the beginning.</param>
/// <param name="Video">A file for each stretch between discontinuities; empty without video.</param>
/// <param name="Audio">The same for audio.</param>
internal sealed record Recording(HlsMaster Master, IReadOnlyList<string> Video, IReadOnlyList<string> Audio)
{
    /// <summary>Follows both renditions by blocking reload, each text checked, until the broadcast is over.</summary>
    public static async Task<Recording> FollowAsync(MillraceProcess server, string channel, TestDirectory directory, TimeSpan patience)
    {
        var viewer = await HlsViewer.TuneInAsync(server, channel);
        var video = viewer.Master.Video is null ? null : viewer.Video;
        var audio = viewer.Master.Audio is null ? null : viewer.Audio;
        await Task.WhenAll(video?.EndAsync(patience) ?? Task.CompletedTask, audio?.EndAsync(patience) ?? Task.CompletedTask);
        return new Recording(viewer.Master,
            video is null ? [] : await video.SaveAsync(directory),
            audio is null ? [] : await audio.SaveAsync(directory));
    }

    /// <summary>Every file decodes without a word.</summary>
    public async Task AssertCleanAsync()
    {
        foreach (var file in Video.Concat(Audio))
            await Ffmpeg.DecodeSilentlyAsync(file);
    }
}
