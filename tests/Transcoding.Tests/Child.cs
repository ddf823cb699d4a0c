using System.Diagnostics;
using Millrace.Core;
using Millrace.Media;

namespace Millrace.Transcoding.Tests;

/// <summary>One run of the real ffmpeg with the arguments of a plan: everything in, everything out.</summary>
internal sealed record Child(IReadOnlyList<TrackFormat> Formats, IReadOnlyList<IReadOnlyList<(long Time, bool IsKey, int Bytes)>> Units, string Errors)
{
    public IEnumerable<long> Times(int rung) => Units[rung].Select(unit => unit.Time);

    public IEnumerable<long> Keys(int rung) => Units[rung].Where(unit => unit.IsKey).Select(unit => unit.Time);

    public static Child Run(LadderPlan plan, Clip clip, ContinueAfter after = default, double start = 0)
    {
        var pool = new MediaBlockPool();
        using var arena = new MediaArena(pool);
        var arguments = FfmpegArguments.Build(plan, EncoderProfile.Software, after);
        using var process = Process.Start(new ProcessStartInfo(Tool.Ffmpeg.Path, arguments)
        {
            RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true,
        })!;
        var errors = process.StandardError.ReadToEndAsync();
        var feeder = Task.Run(() =>
        {
            using var own = new MediaArena(pool);
            try
            {
                TrackFormat?[] formats = [plan.Video.Count > 0 ? clip.Video : null, plan.Audio is null ? null : clip.Audio];
                var input = new ChildInput(process.StandardInput.BaseStream, [.. formats.OfType<TrackFormat>()]);
                input.WriteFormats();
                foreach (var (kind, unit) in clip.Units(own, start))
                {
                    input.TryWrite(kind, unit);
                    unit.Payload.Release();
                }
            }
            finally
            {
                try
                {
                    process.StandardInput.Close();
                }
                catch (IOException)
                {
                    // It ended before: the reader says so.
                }
            }
        });
        var output = new ChildOutput(process.StandardOutput.BaseStream, arena, TimeProvider.System);
        var read = output.TryReadFormats();
        var units = output.Formats.Select(_ => new List<(long, bool, int)>()).ToArray();
        while (read && output.TryReadUnit(out var rung, out var unit))
        {
            units[rung].Add((unit.PresentationTime, unit.IsRandomAccess, unit.Payload.Length));
            unit.Payload.Release();
        }
        if (!read || output.Fault is not null)
            process.Kill();
        process.WaitForExit();
        var said = errors.GetAwaiter().GetResult();
        if (output.Fault is null)
            feeder.GetAwaiter().GetResult();
        Assert.True(read && output.Fault is null, $"{output.Fault} {said}\n{string.Join(' ', arguments)}");
        return new Child(output.Formats, units, said);
    }
}
