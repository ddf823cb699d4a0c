namespace Millrace.Core;

/// <summary>The one ffmpeg of a node, which all that is made of media here is made with.</summary>
/// <param name="Path">Of the program; null when there is none.</param>
public sealed record FfmpegProgram(string? Path)
{
    /// <summary>Looks for it, and runs nothing.</summary>
    /// <param name="named"><c>Transcoding:Ffmpeg</c>: its path, or empty for the one on the PATH.</param>
    public static FfmpegProgram Find(string named)
    {
        ArgumentNullException.ThrowIfNull(named);
        return new FfmpegProgram(ChildSpawner.FindOnPath(named.Length > 0 ? named : "ffmpeg"));
    }
}
