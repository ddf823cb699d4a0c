using Millrace.Server.Options;

namespace Millrace.Server.Commands;

/// <summary>What is printed once everything is ready: where to stream to and where to watch, and no more.</summary>
internal static class Welcome
{
    public static string Text(EffectiveConfiguration configuration, ServerAddresses addresses, bool demo)
    {
        var lines = new List<string> { "Millrace is ready.", "" };
        if (addresses.RtmpPort is { } rtmp)
            lines.Add($"  Stream to   rtmp://localhost:{rtmp}/live");
        if (addresses.RtmpsPort is { } rtmps)
            lines.Add($"              rtmps://localhost:{rtmps}/live");
        lines.Add($"  Watch at    http://localhost:{addresses.HttpPort}/");
        return string.Join(Environment.NewLine, lines) + Environment.NewLine;
    }
}
