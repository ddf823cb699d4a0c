using Microsoft.AspNetCore.Http;
using Millrace.Delivery.Relay;

namespace Millrace.Delivery.Tests.Relay;

/// <summary>A replay that is answered from here is asked for above now and then, so that its origin knows that it is watched.</summary>
public sealed class ReplayViewersTests
{
    private static readonly TimeSpan Step = TimeSpan.FromSeconds(1);

    [Fact]
    public async Task Replay_ThatIsWatchedFromHere_IsToldOfAbove()
    {
        await using var relay = new TestRelay();
        await KeepAsync(relay);
        for (var second = 0; second < 65; second++)
        {
            relay.Time.Advance(Step);
            Assert.Equal("segment", (await relay.TextAsync(TestRelay.Base + $"{second % 4}.m4s")).Text);
            await relay.Parents.UntilAsync(() => Told(relay).Count() == (second + 1) / 20);
        }
        Assert.All(Told(relay), request => Assert.Equal(("\"1\"", 304), (request.Headers["If-None-Match"], (int)request.Answer.Result.StatusCode)));
        // Nobody watches: nothing is told.
        relay.Time.Advance(TimeSpan.FromMinutes(5));
        await relay.IdleAsync();
        Assert.Equal(3, Told(relay).Count());
    }

    [Fact]
    public async Task Replay_ThatATierBelowTellsOf_IsToldOfAboveWithoutDelay()
    {
        await using var relay = new TestRelay();
        await KeepAsync(relay);
        // A little early each time, as clocks and ways are: it must not add up over the tiers to more than the minute.
        for (var round = 1; round <= 3; round++)
        {
            relay.Time.Advance(ReplayViewers.Interval - TimeSpan.FromMilliseconds(1));
            var (answer, _) = await relay.TextAsync(TestRelay.Base + "0.m4s", change: Below);
            Assert.Equal(304, answer.StatusCode);
            await relay.Parents.UntilAsync(() => Told(relay).Count() == round);
        }
        // Many tiers below tell of it: it goes up once.
        for (var i = 0; i < 10; i++)
            await relay.TextAsync(TestRelay.Base + "1.m4s", change: Below);
        Assert.Equal(3, Told(relay).Count());

        static void Below(HttpRequest request)
        {
            request.Headers["CDN-Loop"] = "millrace-below";
            request.Headers.IfNoneMatch = "\"1\"";
        }
    }

    [Fact]
    public async Task Broadcast_OfWhichMediaAreFetched_IsNotToldOf()
    {
        await using var relay = new TestRelay();
        await KeepAsync(relay);
        for (var second = 4; second < 50; second++)
        {
            relay.Time.Advance(Step);
            await relay.TextAsync(TestRelay.Base + $"{second}.m4s");
            await relay.IdleAsync();
            await relay.TextAsync(TestRelay.Base + $"{second}.m4s");
        }
        Assert.Empty(Told(relay));
    }

    /// <summary>Four segments are kept, and a parent that has them knows them by their ETag.</summary>
    private static async Task KeepAsync(TestRelay relay)
    {
        relay.Parents.Automatic = request =>
        {
            if (request.Headers.ContainsKey("If-None-Match"))
                request.Respond(304, "", TestRelay.Immutable, ("ETag", "\"1\""));
            else
                request.Respond(200, "segment", TestRelay.Immutable, ("ETag", "\"1\""));
            return true;
        };
        for (var number = 0; number < 4; number++)
            await relay.TextAsync(TestRelay.Base + $"{number}.m4s");
        await relay.IdleAsync();
    }

    private static IEnumerable<ParentRequest> Told(TestRelay relay) => relay.Parents.Requests.Where(request => request.Headers.ContainsKey("If-None-Match"));
}
