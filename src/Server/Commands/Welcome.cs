using Millrace.Delivery.Relay;
using Millrace.Ingest;
using Millrace.Push;
using Millrace.Server.Demo;
using Millrace.Server.Http;
using Millrace.Server.Options;

namespace Millrace.Server.Commands;

/// <summary>What is printed once everything is ready: where to stream to and where to watch, and no more.</summary>
internal static class Welcome
{
    public static string Text(EffectiveConfiguration configuration, NodeRoles roles, ServerAddresses addresses, bool demo)
    {
        var watch = $"http://localhost:{addresses.HttpPort}";
        var lines = new List<string> { "Millrace is ready.", "" };
        if (addresses.RtmpPort is { } rtmp)
            lines.Add($"  Stream to   rtmp://localhost:{rtmp}/live");
        if (addresses.RtmpsPort is { } rtmps)
            lines.Add($"              rtmps://localhost:{rtmps}/live");
        if (addresses.RtmpPort is not null || addresses.RtmpsPort is not null)
        {
            lines.Add(configuration.Get<IngestOptions>().Admission == AdmissionMode.Open
                ? "  Stream key  the name of your channel: any 3 to 64 of a-z, 0-9, _ and -"
                : $"  Stream key  {ChannelCommandFor(configuration)} prints one");
        }
        if (roles == NodeRoles.Relay)
            lines.Add($"  Relay of    {string.Join(", ", configuration.Get<RelayOptions>().Parents)}");
        if ((roles & (NodeRoles.Origin | NodeRoles.Relay)) != 0)
        {
            lines.Add($"  Watch at    {watch}/");
        }
        else
        {
            lines.Add($"  Pushes to   {string.Join(", ", configuration.Get<PushOptions>().Push)}");
            lines.Add($"  Health at   {watch}/health/ready");
        }
        if (configuration.Get<HttpOptions>().Tls.Listens() is { } https)
            lines.Add($"              https://localhost:{https}/");
        if (demo)
            lines.AddRange(DemoChannel.All.Select(channel => $"              {watch}/c/{channel.Name}"));
        return string.Join(Environment.NewLine, lines) + Environment.NewLine;
    }

    /// <summary>What to type for a channel of one's own, here and with this server's data.</summary>
    private static string ChannelCommandFor(EffectiveConfiguration configuration)
    {
        var program = Environment.ProcessPath ?? "millrace";
        var relative = Path.GetRelativePath(Environment.CurrentDirectory, program);
        if (relative.Length < program.Length)
            program = relative;
        var data = configuration.Get<DataOptions>().Path;
        // From the command line of this process the other one would not know it.
        var option = data == new DataOptions().Path ? "" : $" --Data:Path={data}";
        return $"{program} channel create NAME{option}";
    }
}
