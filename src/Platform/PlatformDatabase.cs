using System.Globalization;
using Microsoft.Data.Sqlite;

namespace Millrace.Platform;

/// <summary>
/// The platform's SQLite file. Several processes may have it open (the server and <c>millrace channel …</c>): WAL, and
/// a writer waits up to five seconds for another.
/// </summary>
public sealed class PlatformDatabase
{
    /// <summary>The file's name under <c>Data:Path</c>.</summary>
    public const string FileName = "millrace.db";

    // Each entry takes the file from user_version i to i + 1, in one transaction. Entries are only ever appended.
    private static readonly string[] Migrations =
    [
        """
        CREATE TABLE channels (
            name       TEXT NOT NULL PRIMARY KEY,
            created_at TEXT NOT NULL,
            key_hash   BLOB NOT NULL
        ) WITHOUT ROWID;
        CREATE UNIQUE INDEX channels_key_hash ON channels (key_hash);
        """,
    ];

    private readonly string connectionString;

    private PlatformDatabase(string connectionString) => this.connectionString = connectionString;

    /// <summary>
    /// Opens the file, makes it when it is missing, and brings its schema up to date. Throws
    /// <see cref="PlatformDatabaseException"/> when it cannot be used.
    /// </summary>
    /// <param name="path">The file; its directory is made when missing.</param>
    public static PlatformDatabase Open(string path)
    {
        try
        {
            Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(path))!);
            var database = new PlatformDatabase(new SqliteConnectionStringBuilder
            {
                DataSource = path,
                Mode = SqliteOpenMode.ReadWriteCreate,
                Cache = SqliteCacheMode.Private,
                DefaultTimeout = 5,
            }.ToString());
            database.Migrate(path);
            return database;
        }
        catch (Exception fault) when (fault is SqliteException or IOException or UnauthorizedAccessException)
        {
            throw new PlatformDatabaseException($"{path}: {fault.Message}", fault);
        }
    }

    /// <summary>A connection from the pool; the caller disposes it.</summary>
    internal SqliteConnection Connect()
    {
        var connection = new SqliteConnection(connectionString);
        connection.Open();
        return connection;
    }

    private void Migrate(string path)
    {
        using var connection = Connect();
        Run(connection, null, "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;");
        using var transaction = connection.BeginTransaction(deferred: false);
        using var version = connection.CreateCommand();
        version.Transaction = transaction;
        version.CommandText = "PRAGMA user_version";
        var from = Convert.ToInt32(version.ExecuteScalar(), CultureInfo.InvariantCulture);
        if (from > Migrations.Length)
            throw new PlatformDatabaseException($"{path} was written by a newer Millrace (schema {from}, this one knows {Migrations.Length}).");
        for (var i = from; i < Migrations.Length; i++)
            Run(connection, transaction, Migrations[i]);
        // A pragma takes no parameters; the number is ours.
        Run(connection, transaction, string.Create(CultureInfo.InvariantCulture, $"PRAGMA user_version = {Migrations.Length}"));
        transaction.Commit();
    }

    private static void Run(SqliteConnection connection, SqliteTransaction? transaction, string sql)
    {
        using var command = connection.CreateCommand();
        command.Transaction = transaction;
#pragma warning disable CA2100 // Constant statements of this file.
        command.CommandText = sql;
#pragma warning restore CA2100
        command.ExecuteNonQuery();
    }
}

/// <summary>The database cannot be used: the process that needs it cannot start.</summary>
public sealed class PlatformDatabaseException : Exception
{
    /// <summary>With what a person should read.</summary>
    public PlatformDatabaseException(string message) : base(message) { }

    /// <summary>With what a person should read and its cause.</summary>
    public PlatformDatabaseException(string message, Exception inner) : base(message, inner) { }
}
