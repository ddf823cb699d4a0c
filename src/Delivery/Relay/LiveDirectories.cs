using System.Buffers;
using System.Collections.Concurrent;
using System.IO.Compression;

namespace Millrace.Delivery.Relay;

/// <summary>
/// What the media playlists that passed through say about the directories they stand in, and the followers of those that
/// somebody watches.
/// </summary>
#pragma warning disable CA1001 // A token source without a timer needs no disposal.
internal sealed class LiveDirectories
#pragma warning restore CA1001
{
    private const int MaxPlaylists = 20_000;
    // Which nobody has seen yet: about as many as requests may be under way.
    private const int MaxUnread = 2000;

    private readonly ConcurrentDictionary<string, LivePlaylist> playlists = new(StringComparer.Ordinal);
    // The playlist of a directory that was read last.
    private readonly ConcurrentDictionary<string, LivePlaylist> directories = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, LivePlaylist>.AlternateLookup<ReadOnlySpan<char>> byDirectory;
    private readonly Lock gate = new();
    private readonly TimeProvider time;
    private readonly CancellationTokenSource stop = new();
    private int unread;

    public LiveDirectories(TimeProvider time)
    {
        this.time = time;
        byDirectory = directories.GetAlternateLookup<ReadOnlySpan<char>>();
    }

    /// <summary>Follows a playlist until nobody watches it or the token is cancelled. Set once, before the first request.</summary>
    public Func<LivePlaylist, CancellationToken, Task> Follow { get; set; } = (_, _) => Task.CompletedTask;

    /// <summary>
    /// A viewer asks for a playlist's next version; the caller calls <see cref="Leave"/>. Null when there are too many. Until it came
    /// once, a playlist is known for as long as somebody waits for it, and nobody follows it: anybody can ask for what does not exist.
    /// </summary>
    public LivePlaylist? Watch(in RelayKey key)
    {
        if (playlists.TryGetValue(key.Path, out var playlist) && playlist.Tail is not null)
        {
            playlist.Enter(key);
            FollowIfWatched(playlist);
            return playlist;
        }
        lock (gate)
        {
            if (!playlists.TryGetValue(key.Path, out playlist))
            {
                if (unread >= MaxUnread)
                {
                    RelayMetrics.CountRefused("watching");
                    return null;
                }
                playlists[key.Path] = playlist = new LivePlaylist(key.Path, time);
                unread++;
            }
            playlist.Enter(key);
            return playlist;
        }
    }

    /// <summary>The viewer was answered, or left.</summary>
    public void Leave(LivePlaylist playlist)
    {
        playlist.Leave();
        if (playlist.Tail is not null)
            return;
        lock (gate)
            ForgetUnread(playlist);
    }

    /// <summary>
    /// A playlist's next version is fetched: until <see cref="Unpin"/> it is known who waits for it, though they leave with its last byte,
    /// before it is read. Null when it was seen before, or nobody watches it.
    /// </summary>
    public LivePlaylist? Pin(in RelayKey key)
    {
        if (!key.IsBlocking || !playlists.TryGetValue(key.Path, out var playlist) || playlist.Tail is not null)
            return null;
        lock (gate)
        {
            if (playlist.Tail is not null || !playlists.TryGetValue(key.Path, out var current) || current != playlist)
                return null;
            playlist.Pins++;
            return playlist;
        }
    }

    /// <summary>The fetch has ended.</summary>
    public void Unpin(LivePlaylist playlist)
    {
        lock (gate)
        {
            playlist.Pins--;
            ForgetUnread(playlist);
        }
    }

    /// <summary>A playlist came whole. False when it is out of date by what is known here (<see cref="LivePlaylist.Read"/>).</summary>
    public bool Read(RelayObject item)
    {
        if (item.Body!.Length > PlaylistTail.MaxBytes || PlaylistTail.Read(Plain(item)) is not { } tail)
            return true;
        LivePlaylist? playlist;
        lock (gate)
        {
            var isKnown = playlists.TryGetValue(item.Key.Path, out playlist);
            if (playlist?.Tail is null)
            {
                if (playlists.Count - unread >= MaxPlaylists)
                {
                    RelayMetrics.CountRefused("playlists");
                    return true;
                }
                if (isKnown)
                    unread--;
                else
                    playlists[item.Key.Path] = playlist = new LivePlaylist(item.Key.Path, time);
            }
            if (!playlist!.Read(tail))
                return false;
        }
        directories[playlist.Directory] = playlist;
        FollowIfWatched(playlist);
        return true;
    }

    /// <summary>Somebody asks for media.</summary>
    public void NoteMedia(ReadOnlySpan<char> path)
    {
        if (Find(path, out var name) is { Tail: { } tail } playlist && tail.IsPart(name))
            playlist.WantParts();
    }

    /// <summary>Whether a playlist says that the object exists.</summary>
    public bool IsListed(ReadOnlySpan<char> path) => Find(path, out var name) is { Tail: { } tail } && tail.Lists(name);

    /// <summary>Whether a playlist that goes on says that the object exists.</summary>
    public bool IsListedLive(ReadOnlySpan<char> path) => Find(path, out var name) is { Tail: { IsEnded: false } tail } && tail.Lists(name);

    /// <summary>Whether the object is media or playlist of something that somebody watches now.</summary>
    public bool IsLive(RelayObject item) =>
        Find(item.Key.Path, out var name) is { IsWatched: true, Tail: { IsEnded: false } tail } && (RelayPath.IsPlaylist(name) || tail.Lists(name) || name.SequenceEqual(tail.Hint));

    /// <summary>Playlists that are known.</summary>
    public int Count => playlists.Count;

    /// <summary>Whether a playlist is asked for ahead now.</summary>
    public bool IsFollowing(string path) => playlists.TryGetValue(path, out var playlist) && playlist.Follower is { IsCompleted: false };

    /// <summary>How long a request in this directory may be held (three target durations, §6.2.5.2 of the draft), with time for the way; null when that is unknown.</summary>
    public TimeSpan? HoldOf(ReadOnlySpan<char> path) =>
        Find(path, out _) is { Tail: not null } playlist ? (3 * playlist.Target) + TimeSpan.FromSeconds(2) : null;

    /// <summary>
    /// How long from now an answer that may be held is in time: the next version of a playlist, or the part that it hints at. Null when
    /// nothing tells.
    /// </summary>
    public TimeSpan? DueIn(in RelayKey key)
    {
        if (key.IsBlocking)
            return playlists.TryGetValue(key.Path, out var asked) ? asked.DueIn(key) : null;
        return Find(key.Path, out var name) is { Tail.Hint: { } hint } playlist && name.SequenceEqual(hint) ? playlist.PartDueIn() : null;
    }

    /// <summary>How long from now more of a running segment in this directory is in time; null when nothing tells.</summary>
    public TimeSpan? PartDueIn(ReadOnlySpan<char> path) => Find(path, out _)?.PartDueIn();

    /// <summary>Forgets what nobody asked for in a minute.</summary>
    public void Sweep()
    {
        foreach (var (path, playlist) in playlists)
        {
            if (playlist.Tail is null || !playlist.IsForgotten)
                continue;
            playlists.TryRemove(path, out _);
            directories.TryRemove(KeyValuePair.Create(playlist.Directory, playlist));
        }
    }

    /// <summary>Ends the followers.</summary>
    public async Task StopAsync()
    {
        Task[] following;
        await stop.CancelAsync();
        lock (gate)
            following = [.. playlists.Values.Select(playlist => playlist.Follower).OfType<Task>()];
        await Task.WhenAll(following);
    }

    private void ForgetUnread(LivePlaylist playlist)
    {
        if (playlist is { Tail: null, HasViewers: false, Pins: 0 } && playlists.TryRemove(KeyValuePair.Create(playlist.Path, playlist)))
            unread--;
    }

    private void FollowIfWatched(LivePlaylist playlist)
    {
        if (playlist.Follower is { IsCompleted: false } || !playlist.IsWatched)
            return;
        lock (gate)
        {
            if (playlist.Follower is not { IsCompleted: false } && !stop.IsCancellationRequested)
                playlist.Follower = Task.Run(() => Follow(playlist, stop.Token));
        }
    }

    private LivePlaylist? Find(ReadOnlySpan<char> path, out ReadOnlySpan<char> name)
    {
        var directory = RelayPath.DirectoryOf(path);
        name = path[directory.Length..];
        return byDirectory.TryGetValue(directory, out var playlist) ? playlist : null;
    }

    private static byte[] Plain(RelayObject item)
    {
        var bytes = item.Body!.ToArray();
        if (item.Head!.ContentEncoding is not { } coding)
            return bytes;
        using var from = new MemoryStream(bytes);
        using Stream decoder = coding == "br" ? new BrotliStream(from, CompressionMode.Decompress) : new GZipStream(from, CompressionMode.Decompress);
        using var plain = new MemoryStream(bytes.Length * 4);
        var piece = ArrayPool<byte>.Shared.Rent(16 * 1024);
        try
        {
            // A text that unpacks to more is cut: what it says then is nothing that anyone acts on.
            for (int read; plain.Length < PlaylistTail.MaxBytes && (read = decoder.Read(piece)) > 0;)
                plain.Write(piece.AsSpan(0, read));
            return plain.ToArray();
        }
        catch (Exception broken) when (broken is InvalidDataException or InvalidOperationException)
        {
            return [];
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(piece);
        }
    }
}
