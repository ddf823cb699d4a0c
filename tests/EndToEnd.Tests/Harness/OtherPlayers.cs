using System.Net;
using System.Security.Cryptography;

namespace Millrace.EndToEnd.Tests.Harness;

/// <summary>dash.js and Shaka Player on a page of another origin, as they would be on someone's own site.</summary>
public sealed class OtherPlayers : IAsyncLifetime
{
    private static readonly string Directory = Path.Combine(Tools.Root, "tests", "EndToEnd.Tests", "players");

    // Several classes' fixtures begin at the same time, in one directory.
    private static readonly SemaphoreSlim Installing = new(1);

    private readonly HttpListener listener = new();
    private string? origin;
    private Task serving = Task.CompletedTask;

    /// <summary>Script that keeps at <c>window.watch</c> what a viewer sees and hears, in any page.</summary>
    internal static string Watch => File.ReadAllText(Path.Combine(Directory, "watch.js"));

    /// <summary>Address of a page that plays <paramref name="url"/>. Installs the players when needed; skips without npm.</summary>
    internal async Task<string> PageAsync(string player, Uri url)
    {
        if (origin is null)
        {
            await Installing.WaitAsync();
            try
            {
                await InstallAsync();
            }
            finally
            {
                Installing.Release();
            }
            origin = $"http://127.0.0.1:{MillraceProcess.FreePorts(1)[0]}/";
            listener.Prefixes.Add(origin);
            listener.Start();
            serving = ServeAsync();
        }
        return $"{origin}player.html?player={player}&url={Uri.EscapeDataString(url.AbsoluteUri)}";
    }

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public async ValueTask DisposeAsync()
    {
        listener.Close();
        await serving;
    }

    private static async Task InstallAsync()
    {
        var npm = Tools.Need("npm");
        var wanted = Convert.ToHexString(SHA256.HashData(await File.ReadAllBytesAsync(Path.Combine(Directory, "package-lock.json"))));
        var stamp = Path.Combine(Directory, "node_modules", ".millrace-lock");
        if (File.Exists(stamp) && await File.ReadAllTextAsync(stamp) == wanted)
            return;
        await using var install = new ChildProcess(npm, ["ci", "--no-audit", "--no-fund"], Directory);
        var code = await install.ExitAsync(TimeSpan.FromMinutes(3));
        Assert.True(code == 0, $"npm ci ended with {code}.\n{install.Output}");
        await File.WriteAllTextAsync(stamp, wanted);
    }

    private async Task ServeAsync()
    {
        while (true)
        {
            HttpListenerContext context;
            try
            {
                context = await listener.GetContextAsync();
            }
            catch (Exception fault) when (fault is HttpListenerException or ObjectDisposedException)
            {
                return;
            }
            var path = Path.GetFullPath(Path.Combine(Directory, context.Request.Url!.AbsolutePath.TrimStart('/')));
            using var response = context.Response;
            if (!path.StartsWith(Directory, StringComparison.Ordinal) || !File.Exists(path))
            {
                response.StatusCode = 404;
                continue;
            }
            response.ContentType = Path.GetExtension(path) switch { ".html" => "text/html", ".js" => "text/javascript", _ => "application/octet-stream" };
            await response.OutputStream.WriteAsync(await File.ReadAllBytesAsync(path));
        }
    }
}
