using System.Collections.Concurrent;
using Microsoft.Playwright;

namespace Millrace.EndToEnd.Tests.Harness;

/// <summary>One page, with everything it complained about.</summary>
internal sealed class BrowserPage : IAsyncDisposable
{
    private readonly IBrowserContext context;
    private readonly ConcurrentQueue<string> console = new();

    private BrowserPage(IBrowserContext context, IPage page)
    {
        this.context = context;
        Page = page;
    }

    public IPage Page { get; }

    /// <summary>Navigations since the page was opened; one is the opening.</summary>
    public int Loads { get; private set; }

    /// <summary>Errors and warnings of the console, uncaught exceptions and refused requests, as a story for failures.</summary>
    public string Console => string.Join('\n', console);

    /// <summary>What scripts threw and nobody caught.</summary>
    public ConcurrentQueue<string> Exceptions { get; } = new();

    /// <summary>URLs of everything that the page asked for.</summary>
    public ConcurrentQueue<string> Requests { get; } = new();

    public static async Task<BrowserPage> OpenAsync(IBrowserContext context, string url)
    {
        var opened = new BrowserPage(context, await context.NewPageAsync());
        opened.Page.Console += (_, message) => opened.console.Enqueue($"{message.Type}: {message.Text}");
        opened.Page.PageError += (_, message) =>
        {
            opened.Exceptions.Enqueue(message);
            opened.console.Enqueue($"exception: {message}");
        };
        opened.Page.Request += (_, request) => opened.Requests.Enqueue(request.Url);
        opened.Page.Response += (_, response) =>
        {
            if (response.Status >= 400)
                opened.console.Enqueue($"{response.Status} {response.Url}");
        };
        opened.Page.RequestFailed += (_, request) => opened.console.Enqueue($"failed: {request.Url} {request.Failure}");
        opened.Page.FrameNavigated += (_, frame) => opened.Loads += frame == opened.Page.MainFrame ? 1 : 0;
        await opened.Page.GotoAsync(url);
        return opened;
    }

    /// <summary>Waits until <paramref name="expression"/> is true in the page; fails with what the page said and with a picture.</summary>
    public async Task UntilAsync(string expression, TimeSpan? patience = null)
    {
        // Playwright's own waiting evaluates text anew each time, which our pages' policy forbids; this compiles it once.
        var limit = (int)(patience ?? TimeSpan.FromSeconds(20)).TotalMilliseconds;
        var isTrue = await Page.EvaluateAsync<bool>($$"""
            () => new Promise((resolve) => {
              const started = performance.now();
              const look = () => {
                if ({{expression}}) resolve(true);
                else if (performance.now() - started > {{limit}}) resolve(false);
                else setTimeout(look, 50);
              };
              look();
            })
            """);
        if (!isTrue)
        {
            var picture = await ScreenshotAsync("failed-" + DateTime.UtcNow.ToString("HHmmss-fff"));
            var state = await Page.EvaluateAsync<string>("JSON.stringify(!window.millrace ? [window.probe, window.watch, document.querySelector('video')?.error?.message] : Object.fromEntries(['state','problem','latencySeconds','droppedFrames','stalls','restarts','errors','quality'].map(k => [k, window.millrace[k]])))");
            Assert.Fail($"{expression} did not come true.\n{picture}\n{state}\n{Console}");
        }
    }

    public Task<T> EvaluateAsync<T>(string expression) => Page.EvaluateAsync<T>(expression);

    /// <summary>Waits until the first media element has moved on by <paramref name="seconds"/> from where it is.</summary>
    public async Task PlaysOnAsync(double seconds, TimeSpan? patience = null)
    {
        var from = await Page.EvaluateAsync<double>("document.querySelector('video').currentTime");
        await UntilAsync($"document.querySelector('video').currentTime > {(from + seconds).ToString(System.Globalization.CultureInfo.InvariantCulture)}", patience);
    }

    /// <summary>Saves a picture among the artifacts; its path.</summary>
    public async Task<string> ScreenshotAsync(string name)
    {
        var path = Path.Combine(Tools.Artifacts, name + ".png");
        await Page.ScreenshotAsync(new() { Path = path });
        return path;
    }

    public async ValueTask DisposeAsync() => await context.CloseAsync();
}
