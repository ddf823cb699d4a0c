using Millrace.Delivery.Steering;

namespace Millrace.Delivery.Tests.Steering;

/// <summary>What a viewer is offered.</summary>
public sealed class EdgeTests
{
    [Theory]
    [InlineData("eu-1=https://eu-1.example;region=EU+de;weight=7;drain", "eu-1", "https://eu-1.example/", "eu,de", 7, true)]
    [InlineData("a=http://127.0.0.1:8081", "a", "http://127.0.0.1:8081/", "", 100, false)]
    public void TryParse_Description_IsReadWhole(string text, string name, string address, string regions, int weight, bool drains)
    {
        Assert.True(Edge.TryParse(text, out var edge, out _));
        Assert.Equal((name, address, regions, weight, drains), (edge.Name, edge.Address.AbsoluteUri, string.Join(',', edge.Regions), edge.Weight, edge.IsKeptEmpty));
        Assert.Equal(drains ? EdgeState.Draining : EdgeState.Up, edge.State);
    }

    [Theory]
    [InlineData("")]
    [InlineData("https://eu-1.example")]
    [InlineData("1=https://eu-1.example")]
    [InlineData(".=https://eu-1.example")]
    [InlineData("a=ftp://eu-1.example")]
    [InlineData("a=https://eu-1.example/path")]
    [InlineData("a=https://user@eu-1.example")]
    [InlineData("a=https://eu-1.example;weight=0")]
    [InlineData("a=https://eu-1.example;weight=10001")]
    [InlineData("a=https://eu-1.example;weight=")]
    [InlineData("a=https://eu-1.example;region=")]
    [InlineData("a=https://eu-1.example;region=a b")]
    [InlineData("a=https://eu-1.example;drained")]
    public void TryParse_AnythingElse_IsRefusedInWords(string text)
    {
        Assert.False(Edge.TryParse(text, out _, out var fault));
        Assert.NotEmpty(fault);
    }

    [Fact]
    public void Check_OptionsThatCannotBe_SaysEachFault()
    {
        var options = new PlaybackOptions
        {
            Edges = ["a=https://a.example", "a=https://b.example", "nonsense"], Url = "https://a.example/x", RegionHeader = "CF-IPCountry",
        };
        Assert.Equal(["Playback:Edges:", "Playback:Edges:", "Playback:Url:", "Playback:RegionHeader:"], options.Check().Select(fault => fault.Split(' ')[0]));
        Assert.Contains("Playback:TrustedProxies: 'x'", string.Concat(new PlaybackOptions { TrustedProxies = ["10.0.0.0/8", "::1", "x"] }.Check()), StringComparison.Ordinal);
        Assert.Empty(new PlaybackOptions().Check());
    }

    [Fact]
    public void Offer_Region_StandsInFrontAndTheOthersStay()
    {
        var edges = Edges("eu-1=https://eu-1.example;region=eu", "us-1=https://us-1.example;region=us", "eu-2=https://eu-2.example;region=eu");
        for (var i = 0; i < 50; i++)
        {
            var offered = edges.Offer(["eu"], null);
            Assert.Equal(["eu-1", "eu-2"], offered.Take(2).Select(edge => edge.Name).Order());
            Assert.Equal("us-1", offered[2].Name);
        }
    }

    [Fact]
    public void Offer_CurrentEdge_IsKeptAmongEquals()
    {
        var edges = Edges("eu-1=https://eu-1.example;region=eu", "eu-2=https://eu-2.example;region=eu;weight=10000", "us-1=https://us-1.example;region=us");
        for (var i = 0; i < 50; i++)
        {
            Assert.Equal("eu-1", edges.Offer(["eu"], edges.Find("eu-1"))[0].Name);
            // Who fled to another region comes home.
            Assert.NotEqual("us-1", edges.Offer(["eu"], edges.Find("us-1"))[0].Name);
        }
    }

    [Fact]
    public void Offer_Weights_ShareTheViewers()
    {
        var edges = Edges("a=https://a.example;weight=300", "b=https://b.example;weight=100");
        var first = Enumerable.Range(0, 4000).Count(_ => edges.Offer([], null)[0].Name == "a");
        // Three quarters, and eight standard deviations.
        Assert.InRange(first, 3000 - 220, 3000 + 220);
    }

    [Fact]
    public void Offer_NoneUp_OffersWhatDrainsThenWhatThereIs()
    {
        var edges = Edges("a=https://a.example", "b=https://b.example;drain", "c=https://c.example");
        edges.Find("a")!.Set(EdgeState.Down);
        Assert.Equal(["c"], edges.Offer([], edges.Find("b")).Select(edge => edge.Name));
        edges.Find("c")!.Set(EdgeState.Down);
        Assert.Equal(["b"], edges.Offer([], null).Select(edge => edge.Name));
        edges.Find("b")!.Set(EdgeState.Down);
        Assert.Equal(["a", "b", "c"], edges.Offer([], null).Select(edge => edge.Name).Order());
    }

    [Fact]
    public void Offer_ManyEdges_IsShort() =>
        Assert.Equal(EdgeSet.MaxOffered, Edges([.. Enumerable.Range(0, 40).Select(index => $"edge-{index}=https://e{index}.example")]).Offer([], null).Count);

    [Theory]
    [InlineData("", "")]
    [InlineData("base=edge-1&region=EU&session=7", "?base=edge-1&region=eu")]
    [InlineData("region=eu&base=edge-1", "?base=edge-1&region=eu")]
    [InlineData("_HLS_pathway=edge-2&_HLS_throughput=5000000", "?pathway=edge-2")]
    [InlineData("_HLS_pathway=.", "?pathway=.")]
    [InlineData("_DASH_pathway=%22edge-1,edge-2%22&_DASH_throughput=1,2", "?pathway=edge-2")]
    [InlineData("pathway=edge-2", "?pathway=edge-2")]
    [InlineData("base=..%2f&pathway=a%0d%0ab&region=e%20u", "")]
    [InlineData("base=<script>&region=aaaaaaaaaaaaaaaaa&pathway=", "")]
    public void Query_WhateverTheSpelling_HasOneForm(string query, string canonical)
    {
        Assert.Equal(canonical, PlaybackQuery.Parse(query).Canonical());
        Assert.Equal(canonical, PlaybackQuery.Parse(canonical.TrimStart('?')).Canonical());
    }

    private static EdgeSet Edges(params string[] texts) => new(new PlaybackOptions { Edges = texts });
}
