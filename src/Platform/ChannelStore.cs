using System.Globalization;
using Microsoft.Data.Sqlite;
using Millrace.Core;

namespace Millrace.Platform;

/// <summary>A channel as the database has it.</summary>
/// <param name="Name">Its name.</param>
/// <param name="CreatedAt">When it was made, UTC.</param>
public sealed record Channel(ChannelName Name, DateTimeOffset CreatedAt);

/// <summary>The channels in the database. Every call blocks on the file; the media path never calls it. Thread-safe.</summary>
public sealed class ChannelStore
{
    private readonly PlatformDatabase database;
    private readonly TimeProvider time;

    /// <summary>Over an open database.</summary>
    public ChannelStore(PlatformDatabase database, TimeProvider time)
    {
        this.database = database;
        this.time = time;
    }

    /// <summary>Makes a channel and its key; null when there is one of that name.</summary>
    public StreamKey? Create(ChannelName name)
    {
        var key = StreamKey.New();
        using var connection = database.Connect();
        using var command = connection.CreateCommand();
        command.CommandText = "INSERT INTO channels (name, created_at, key_hash) VALUES ($name, $now, $hash) ON CONFLICT (name) DO NOTHING";
        command.Parameters.AddWithValue("$name", name.Value);
        command.Parameters.AddWithValue("$now", time.GetUtcNow().ToString("O", CultureInfo.InvariantCulture));
        command.Parameters.AddWithValue("$hash", key.Hash());
        return command.ExecuteNonQuery() == 1 ? key : null;
    }

    /// <summary>Replaces a channel's key; the old one is wrong from now on. Null when there is no such channel.</summary>
    public StreamKey? RotateKey(ChannelName name)
    {
        var key = StreamKey.New();
        using var connection = database.Connect();
        using var command = connection.CreateCommand();
        command.CommandText = "UPDATE channels SET key_hash = $hash WHERE name = $name";
        command.Parameters.AddWithValue("$name", name.Value);
        command.Parameters.AddWithValue("$hash", key.Hash());
        return command.ExecuteNonQuery() == 1 ? key : null;
    }

    /// <summary>Deletes a channel; false when there is none of that name.</summary>
    public bool Delete(ChannelName name)
    {
        using var connection = database.Connect();
        using var command = connection.CreateCommand();
        command.CommandText = "DELETE FROM channels WHERE name = $name";
        command.Parameters.AddWithValue("$name", name.Value);
        return command.ExecuteNonQuery() == 1;
    }

    /// <summary>The channel of that name, or null.</summary>
    public Channel? Find(ChannelName name)
    {
        using var connection = database.Connect();
        using var command = connection.CreateCommand();
        command.CommandText = "SELECT name, created_at FROM channels WHERE name = $name";
        command.Parameters.AddWithValue("$name", name.Value);
        using var reader = command.ExecuteReader();
        return reader.Read() ? Read(reader) : null;
    }

    /// <summary>
    /// The channel whose key has this hash, or null. The comparison is the index's: what an attacker could time is the
    /// order of SHA-256 values of his own choosing, which tells nothing about a key.
    /// </summary>
    public ChannelName? FindByKeyHash(byte[] hash)
    {
        using var connection = database.Connect();
        using var command = connection.CreateCommand();
        command.CommandText = "SELECT name, created_at FROM channels WHERE key_hash = $hash";
        command.Parameters.AddWithValue("$hash", hash);
        using var reader = command.ExecuteReader();
        return reader.Read() ? Read(reader).Name : null;
    }

    /// <summary>All channels, by name.</summary>
    /// <param name="limit">At most so many.</param>
    public IReadOnlyList<Channel> List(int limit = int.MaxValue)
    {
        using var connection = database.Connect();
        using var command = connection.CreateCommand();
        command.CommandText = "SELECT name, created_at FROM channels ORDER BY name LIMIT $limit";
        command.Parameters.AddWithValue("$limit", limit);
        using var reader = command.ExecuteReader();
        var channels = new List<Channel>();
        while (reader.Read())
            channels.Add(Read(reader));
        return channels;
    }

    private static Channel Read(SqliteDataReader reader)
    {
        var text = reader.GetString(0);
        if (!ChannelName.TryParse(text, out var name))
            throw new PlatformDatabaseException($"The database names a channel '{text}', which no Millrace ever wrote.");
        return new Channel(name, DateTimeOffset.Parse(reader.GetString(1), CultureInfo.InvariantCulture, DateTimeStyles.RoundtripKind));
    }
}
