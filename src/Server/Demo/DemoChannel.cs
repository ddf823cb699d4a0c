using System.Globalization;

namespace Millrace.Server.Demo;

/// <summary>One synthetic channel: a moving picture with a burnt-in clock, and a tone.</summary>
/// <param name="Name">The channel.</param>
/// <param name="Picture">ffmpeg's source filter, with size and rate.</param>
/// <param name="Tone">ffmpeg's audio source filter.</param>
/// <param name="VideoKilobits">Video bit rate in kbit/s.</param>
internal sealed record DemoChannel(string Name, string Picture, string Tone, int VideoKilobits)
{
    // Together about a third of a core: two cores also have to run the server and a browser.
    public static readonly IReadOnlyList<DemoChannel> All =
    [
        new("demo-clock", "testsrc2=size=1280x720:rate=30", "sine=frequency=440:beep_factor=4:sample_rate=48000", 2500),
        new("demo-colors", "gradients=size=640x360:rate=30:speed=0.02:nb_colors=5:seed=7", "sine=frequency=330:beep_factor=3:sample_rate=48000", 800),
    ];

    /// <summary>The arguments of an ffmpeg that publishes it in real time to <paramref name="url"/>.</summary>
    public IReadOnlyList<string> Arguments(string url)
    {
        var rate = string.Create(CultureInfo.InvariantCulture, $"{VideoKilobits}k");
        return
        [
            "-hide_banner", "-loglevel", "error", "-nostdin",
            "-re", "-f", "lavfi", "-i", Picture,
            "-re", "-f", "lavfi", "-i", Tone,
            // %T has no colon that three levels of quoting would have to carry.
            "-vf", @"drawtext=text='%{gmtime\:%T} UTC':font=Sans:fontsize=h/9:fontcolor=white:box=1:boxcolor=black@0.6:boxborderw=12:x=(w-tw)/2:y=h-th-h/12,format=yuv420p",
            "-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency",
            "-g", "60", "-keyint_min", "60", "-sc_threshold", "0", "-threads", "1",
            "-b:v", rate, "-maxrate", rate, "-bufsize", rate,
            "-c:a", "aac", "-b:a", "96k", "-ac", "2",
            "-f", "flv", url,
        ];
    }
}
