using System.Net;

namespace Millrace.EndToEnd.Tests.Harness;

/// <summary>Watches one channel as a player does: the multivariant playlist, then each rendition by blocking reload.</summary>
internal sealed class HlsViewer
{
    private HlsViewer(MillraceProcess server, Uri masterUri, HlsMaster master)
    {
        Server = server;
        MasterUri = masterUri;
        Master = master;
    }

    public MillraceProcess Server { get; }

    public Uri MasterUri { get; }

    public HlsMaster Master { get; }

    /// <summary>The video rendition; the test fails when there is none.</summary>
    public HlsRendition Video => Rendition(Master.Video);

    /// <summary>The audio rendition; the test fails when there is none.</summary>
    public HlsRendition Audio => Rendition(Master.Audio);

    /// <summary>Waits until the channel is on air.</summary>
    public static async Task<HlsViewer> TuneInAsync(MillraceProcess server, string channel, TimeSpan? patience = null)
    {
        // Going on air raises no event over plain HTTP, so this asks as the watch page of a browser without sockets would.
        using var timeout = new CancellationTokenSource(patience ?? TimeSpan.FromSeconds(20));
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(50));
        var uri = server.Uri($"live/{channel}/main.m3u8");
        var last = "";
        try
        {
            while (true)
            {
                using var answer = await server.Http.GetAsync(uri, timeout.Token);
                if (answer.StatusCode == HttpStatusCode.OK)
                    return new HlsViewer(server, uri, HlsMaster.Parse(await answer.Content.ReadAsStringAsync(timeout.Token)));
                last = $"{(int)answer.StatusCode} {await answer.Content.ReadAsStringAsync(timeout.Token)}";
                await timer.WaitForNextTickAsync(timeout.Token);
            }
        }
        catch (OperationCanceledException)
        {
            Assert.Fail($"{channel} did not come on air: {uri} says {last}.\n{server.Output}");
            throw;
        }
        catch (HttpRequestException fault)
        {
            Assert.Fail($"{uri}: {fault.Message}\n{server.Output}");
            throw;
        }
    }

    /// <summary>The rendition behind a URI of the multivariant playlist.</summary>
    /// <param name="uri">As it stands there.</param>
    /// <param name="isDerived">It is made by an encoder beside the source, which may break: a segment may hold less than it lasts.</param>
    public HlsRendition Rendition(string? uri, bool isDerived = false)
    {
        Assert.True(uri is not null, $"No such rendition.\n{Master.Text}");
        return new HlsRendition(Server, new Uri(MasterUri, uri), isDerived);
    }
}
