using System.Globalization;
using System.Text;
using Microsoft.AspNetCore.Http;

namespace Millrace.Delivery.Relay;

/// <summary>
/// <c>POST /internal/purge</c> (a prefix as the body: begin a purge here) and <c>GET /internal/purges?since=CURSOR</c> (held
/// until there is one), for nodes and operators that know <c>Cluster:Secret</c>. The answer's first line is the next cursor,
/// each further one an id, how many milliseconds ago the purge was begun, and a prefix.
/// </summary>
public sealed class PurgeEndpoint
{
    private const int MaxBodyBytes = 512;
    /// <summary>How long the question is held; below the idle limits of proxies.</summary>
    private static readonly TimeSpan Hold = TimeSpan.FromSeconds(20);

    private readonly PurgeLog purges;
    private readonly ClusterSecret secret;
    private readonly TimeProvider time;

    /// <param name="purges">What is told.</param>
    /// <param name="secret">Empty: there is no such address.</param>
    /// <param name="time">For the hold.</param>
    public PurgeEndpoint(PurgeLog purges, string secret, TimeProvider time)
    {
        this.purges = purges;
        this.secret = new ClusterSecret(secret);
        this.time = time;
    }

    /// <summary>Begins a purge.</summary>
    public async Task PurgeAsync(HttpContext context)
    {
        if (!secret.Admits(context))
            return;
        var body = new byte[MaxBodyBytes + 1];
        var length = await context.Request.Body.ReadAtLeastAsync(body, body.Length, throwOnEndOfStream: false, context.RequestAborted);
        var prefix = Encoding.UTF8.GetString(body, 0, length).Trim();
        if (length > MaxBodyBytes || !PurgeLog.IsPrefix(prefix))
        {
            await TextAsync(context, StatusCodes.Status400BadRequest, "The body is what is to be purged: /b/BROADCAST/ or /live/CHANNEL/.\n");
            return;
        }
        purges.Publish(prefix);
        await TextAsync(context, StatusCodes.Status202Accepted, "");
    }

    /// <summary>Tells what was purged since the cursor, when there is something.</summary>
    public async Task TellAsync(HttpContext context)
    {
        if (!secret.Admits(context))
            return;
        var since = context.Request.Query["since"].ToString();
        var (cursor, news, more) = purges.Since(since);
        // Another cursor than the one it has: it is told at once where it stands.
        if (news.Count == 0 && cursor == since)
        {
            await more.WaitAsync(Hold, time, context.RequestAborted).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            (cursor, news, _) = purges.Since(since);
        }
        var text = new StringBuilder(cursor).Append('\n');
        foreach (var purge in news)
            text.Append(CultureInfo.InvariantCulture, $"{purge.Id} {(long)time.GetElapsedTime(purge.At).TotalMilliseconds} {purge.Prefix}\n");
        await TextAsync(context, StatusCodes.Status200OK, text.ToString());
    }

    private static Task TextAsync(HttpContext context, int status, string text)
    {
        context.Response.StatusCode = status;
        context.Response.ContentType = "text/plain; charset=utf-8";
        context.Response.Headers.CacheControl = "no-store";
        return context.Response.WriteAsync(text, context.RequestAborted);
    }
}
