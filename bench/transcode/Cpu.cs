using System.Globalization;

namespace Millrace.Transcode;

/// <summary>User and system time of a process, from /proc/PID/stat (proc(5), fields 14 and 15).</summary>
internal static class Cpu
{
    // USER_HZ, which is 100 on every Linux of today.
    private const double TicksPerSecond = 100;

    public static double Seconds(int process)
    {
        var stat = File.ReadAllText($"/proc/{process}/stat");
        var fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
        return (long.Parse(fields[11], CultureInfo.InvariantCulture) + long.Parse(fields[12], CultureInfo.InvariantCulture)) / TicksPerSecond;
    }
}
