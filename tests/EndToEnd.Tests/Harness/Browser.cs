using Microsoft.Playwright;

namespace Millrace.EndToEnd.Tests.Harness;

/// <summary>The system's Chromium, headless, driven by Playwright; one for each test class.</summary>
public sealed class Browser : IAsyncLifetime
{
    private IPlaywright? playwright;
    private IBrowser? browser;

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    /// <summary>A page of its own profile, with <paramref name="script"/> run before its own ones. Skips the test when there is no browser.</summary>
    internal async Task<BrowserPage> OpenAsync(string url, string? script = null)
    {
        var executable = Tools.Chromium;
        playwright ??= await Playwright.CreateAsync();
        browser ??= await playwright.Chromium.LaunchAsync(new()
        {
            ExecutablePath = executable,
            Headless = true,
            Args =
            [
                "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
                "--disable-component-update", "--disable-sync", "--autoplay-policy=no-user-gesture-required",
            ],
        });
        var context = await browser.NewContextAsync(new() { IgnoreHTTPSErrors = true, ViewportSize = new() { Width = 1280, Height = 800 } });
        if (script is not null)
            await context.AddInitScriptAsync(script);
        return await BrowserPage.OpenAsync(context, url);
    }

    public async ValueTask DisposeAsync()
    {
        if (browser is not null)
            await browser.CloseAsync();
        playwright?.Dispose();
    }
}
