using System.Runtime.InteropServices;

namespace Millrace.EndToEnd.Tests.Harness;

/// <summary>The ffmpeg that a server runs for a broadcast, found among its descendants by its process id.</summary>
internal static class LadderChild
{
    public const int SigKill = 9;
    public const int SigStop = 19;

    /// <summary>Process ids of every ffmpeg below <paramref name="server"/> that makes renditions.</summary>
    public static IReadOnlyList<int> Of(MillraceProcess server) => [.. Descendants(server.Id).Where(IsLadder)];

    /// <summary>Waits until there is one that is not <paramref name="before"/>. Its coming raises no event outside the server.</summary>
    public static async Task<int> NextAsync(MillraceProcess server, int before = 0)
    {
        using var timeout = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(20));
        try
        {
            while (true)
            {
                if (Of(server).FirstOrDefault(id => id != before) is var id and > 0)
                    return id;
                await timer.WaitForNextTickAsync(timeout.Token);
            }
        }
        catch (OperationCanceledException)
        {
            Assert.Fail($"No ffmpeg makes renditions.\n{server.Output}");
            throw;
        }
    }

    public static bool Exists(int id) => Directory.Exists($"/proc/{id}");

    public static void Signal(int id, int signal) => Assert.Equal(0, Kill(id, signal));

    private static bool IsLadder(int id)
    {
        try
        {
            var command = File.ReadAllText($"/proc/{id}/cmdline").Split('\0');
            return Path.GetFileName(command[0]) == "ffmpeg" && command.Contains("pipe:1") && command.Contains("-movflags");
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    private static List<int> Descendants(int of)
    {
        List<int> found = [];
        List<(int Id, int Parent)> all = [];
        foreach (var directory in Directory.EnumerateDirectories("/proc"))
        {
            if (!int.TryParse(Path.GetFileName(directory), out var id))
                continue;
            try
            {
                // pid (comm) state ppid …; comm may hold anything, so count from its last bracket.
                var stat = File.ReadAllText(Path.Combine(directory, "stat"));
                all.Add((id, int.Parse(stat[(stat.LastIndexOf(')') + 2)..].Split(' ')[1], System.Globalization.CultureInfo.InvariantCulture)));
            }
            catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
            {
                // It ended meanwhile.
            }
        }
        Queue<int> parents = new([of]);
        while (parents.TryDequeue(out var parent))
        {
            foreach (var (id, _) in all.Where(process => process.Parent == parent))
            {
                found.Add(id);
                parents.Enqueue(id);
            }
        }
        return found;
    }

    [DllImport("libc", EntryPoint = "kill")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Kill(int process, int signal);
}
