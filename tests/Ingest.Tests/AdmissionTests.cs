using Millrace.Core;

namespace Millrace.Ingest.Tests;

public sealed class AdmissionTests
{
    private sealed class OneKey : IStreamKeys
    {
        public ValueTask<ChannelName?> FindChannelAsync(string streamKey, CancellationToken cancellationToken) =>
            ValueTask.FromResult<ChannelName?>(streamKey == "secret" ? TestNode.Channel : null);
    }

    [Theory]
    [InlineData("live", "alice", null)]
    [InlineData("/live/", "alice?token=1", null)]
    [InlineData("live", "Alice", PublishRejectionReason.BadChannelName)]
    [InlineData("live", "../etc/passwd", PublishRejectionReason.BadChannelName)]
    [InlineData("live", "al", PublishRejectionReason.BadChannelName)]
    [InlineData("live/..", "alice", PublishRejectionReason.WrongApplication)]
    [InlineData("", "alice", PublishRejectionReason.WrongApplication)]
    public async Task Decide_Open_TheKeyIsTheChannel(string application, string key, PublishRejectionReason? expected)
    {
        var admission = new Admission(new IngestOptions { Admission = AdmissionMode.Open }, null);
        var (channel, rejection) = await admission.DecideAsync(application, key, CancellationToken.None);
        Assert.Equal(expected, rejection?.Reason);
        if (expected is null)
            Assert.Equal(TestNode.Channel, channel);
        else
            Assert.Equal("NetStream.Publish.BadName", rejection!.Code);
    }

    [Theory]
    [InlineData("secret", null)]
    [InlineData("secret?x=y", null)]
    [InlineData("alice", PublishRejectionReason.WrongKey)]
    [InlineData("", PublishRejectionReason.WrongKey)]
    public async Task Decide_Keys_AWrongOneIsHeldBack(string key, PublishRejectionReason? expected)
    {
        var admission = new Admission(new IngestOptions(), new OneKey());
        var (channel, rejection) = await admission.DecideAsync("live", key, CancellationToken.None);
        Assert.Equal(expected, rejection?.Reason);
        if (rejection is null)
            Assert.Equal(TestNode.Channel, channel);
        else
            Assert.Equal(TimeSpan.FromSeconds(2), rejection.Delay);
    }
}
