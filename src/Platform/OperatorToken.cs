using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Http;

namespace Millrace.Platform;

/// <summary>
/// What an operator shows to the API until there are accounts: a random token in a file of the data directory that nobody but
/// the server's user can read. Coming from this machine proves nothing, for a proxy on it does so for everybody.
/// </summary>
public sealed class OperatorToken
{
    /// <summary>The file's name in the data directory.</summary>
    public const string FileName = "operator.token";

    private readonly byte[] hash;

    private OperatorToken(string token) => hash = SHA256.HashData(Encoding.UTF8.GetBytes(token));

    /// <summary>The token of a data directory, made when there is none.</summary>
    /// <exception cref="IOException">The file can be neither read nor made.</exception>
    public static OperatorToken LoadOrCreate(string dataPath)
    {
        if (Read(dataPath) is { } known)
            return new OperatorToken(known);
        var token = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(32));
        Directory.CreateDirectory(dataPath);
        var options = new FileStreamOptions { Mode = FileMode.Create, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows())
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        using var file = new FileStream(Path.Combine(dataPath, FileName), options);
        file.Write(Encoding.ASCII.GetBytes(token + "\n"));
        return new OperatorToken(token);
    }

    /// <summary>The token of a data directory, for whoever may read it; null when there is none.</summary>
    public static string? Read(string dataPath)
    {
        var path = Path.Combine(dataPath, FileName);
        return File.Exists(path) && File.ReadAllText(path).Trim() is { Length: >= 32 } token ? token : null;
    }

    /// <summary>Whether a request may do what only an operator may; if not, it has been refused.</summary>
    internal async Task<bool> AllowsAsync(HttpContext context)
    {
        if (Matches(context.Request.Headers.Authorization))
            return true;
        context.Response.Headers.WWWAuthenticate = "Bearer";
        await PlatformApi.FailAsync(context, StatusCodes.Status401Unauthorized, "operator_only",
            $"Only an operator may do that: show the content of {FileName} from the data directory as a Bearer token.");
        return false;
    }

    /// <summary>Whether an Authorization header shows it (RFC 6750 §2.1). Takes as long for every wrong one.</summary>
    public bool Matches(string? authorization)
    {
        const string Scheme = "Bearer ";
        if (authorization is null || !authorization.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase))
            return false;
        var shown = SHA256.HashData(Encoding.UTF8.GetBytes(authorization[Scheme.Length..].Trim()));
        return CryptographicOperations.FixedTimeEquals(shown, hash);
    }
}
