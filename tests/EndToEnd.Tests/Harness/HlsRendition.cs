using System.Diagnostics;
using System.Net;

namespace Millrace.EndToEnd.Tests.Harness;

/// <summary>One media playlist, followed by blocking reload. Each text is checked by itself and against the one before.</summary>
internal sealed class HlsRendition(MillraceProcess server, Uri uri, bool isDerived = false)
{
    private HlsMediaPlaylist? current;

    public Uri PlaylistUri { get; } = uri;

    /// <summary>The newest text; fails before the first load.</summary>
    public HlsMediaPlaylist Current => current ?? throw new InvalidOperationException("Not loaded yet.");

    /// <summary>How long the newest reload was held.</summary>
    public TimeSpan Held { get; private set; }

    /// <summary>Loads without asking for anything in particular.</summary>
    public Task<HlsMediaPlaylist> LoadAsync() => LoadAsync("");

    /// <summary>Asks for the part after the newest one and is answered when it is there.</summary>
    public async Task<HlsMediaPlaylist> NextAsync()
    {
        if (current is null)
            return await LoadAsync();
        var (segment, part) = (current.NextSegment, current.OpenParts.Count);
        var next = await LoadAsync($"?_HLS_msn={segment}&_HLS_part={part}");
        Assert.True(next.Ended || next.NextSegment > segment || next.OpenParts.Count > part,
            $"The answer to a request for segment {segment} part {part} does not hold it.\n{next.Text}");
        return next;
    }

    /// <summary>Reloads until <paramref name="condition"/> holds. A held request that times out is asked again.</summary>
    public async Task<HlsMediaPlaylist> UntilAsync(Func<HlsMediaPlaylist, bool> condition, TimeSpan? patience = null)
    {
        var clock = Stopwatch.StartNew();
        var limit = patience ?? TimeSpan.FromSeconds(30);
        var playlist = current ?? await LoadAsync();
        while (!condition(playlist))
        {
            Assert.False(playlist.Ended, $"The broadcast ended first.\n{playlist.Text}");
            Assert.True(clock.Elapsed < limit, $"It did not happen within {limit.TotalSeconds:0} s.\n{playlist.Text}\n{server.Output}");
            try
            {
                playlist = await NextAsync();
            }
            catch (HttpRequestException fault) when (fault.StatusCode == HttpStatusCode.ServiceUnavailable)
            {
                playlist = await LoadAsync();
            }
        }
        return playlist;
    }

    /// <summary>Reloads until at least <paramref name="count"/> complete segments stand in the playlist.</summary>
    public Task<HlsMediaPlaylist> SegmentsAsync(int count) => UntilAsync(playlist => playlist.Segments.Count >= count);

    /// <summary>Reloads until ENDLIST.</summary>
    public Task<HlsMediaPlaylist> EndAsync(TimeSpan? patience = null) => UntilAsync(playlist => playlist.Ended, patience);

    /// <summary>The bytes behind a name in the playlist.</summary>
    public async Task<byte[]> GetAsync(string name)
    {
        using var answer = await server.Http.GetAsync(new Uri(PlaylistUri, name));
        Assert.True(answer.StatusCode == HttpStatusCode.OK, $"{name}: {(int)answer.StatusCode}\n{current?.Text}");
        return await answer.Content.ReadAsByteArrayAsync();
    }

    /// <summary>Writes what the playlist holds now: a file (init segment and segments) for each stretch between discontinuities.</summary>
    public async Task<IReadOnlyList<string>> SaveAsync(TestDirectory directory)
    {
        List<string> files = [];
        FileStream? file = null;
        try
        {
            foreach (var segment in Current.Segments.Where(segment => !segment.IsGap))
            {
                if (file is null || segment.IsDiscontinuity)
                {
                    if (file is not null)
                        await file.DisposeAsync();
                    files.Add(directory.NewFile("mp4"));
                    file = File.Create(files[^1]);
                    await file.WriteAsync(await GetAsync(segment.Map!));
                }
                await file.WriteAsync(await GetAsync(segment.Uri!));
            }
        }
        finally
        {
            if (file is not null)
                await file.DisposeAsync();
        }
        Assert.NotEmpty(files);
        return files;
    }

    private async Task<HlsMediaPlaylist> LoadAsync(string directives)
    {
        var clock = Stopwatch.StartNew();
        using var answer = await server.Http.GetAsync(new Uri(PlaylistUri, PlaylistUri.AbsolutePath + directives));
        Held = clock.Elapsed;
        if (answer.StatusCode != HttpStatusCode.OK)
            throw new HttpRequestException($"{PlaylistUri}{directives} says {(int)answer.StatusCode}.\n{current?.Text}", null, answer.StatusCode);
        Assert.Equal("application/vnd.apple.mpegurl", answer.Content.Headers.ContentType?.MediaType);
        var playlist = HlsMediaPlaylist.Parse(await answer.Content.ReadAsStringAsync());
        PlaylistRules.Check(playlist, isDerived);
        if (current is not null)
            PlaylistRules.CheckSuccessor(current, playlist);
        return current = playlist;
    }
}
