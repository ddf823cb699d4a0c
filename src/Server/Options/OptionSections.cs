using System.Net;
using Millrace.Delivery;
using Millrace.Delivery.Previews;
using Millrace.Delivery.Relay;
using Millrace.Delivery.Steering;
using Millrace.Ingest;
using Millrace.Packaging;
using Millrace.Push;
using Millrace.Server.Http;
using Millrace.Server.Rtmp;
using Millrace.Server.Tls;
using Millrace.Transcoding;

namespace Millrace.Server.Options;

/// <summary>Every section that the configuration has. A key outside of them is a fault.</summary>
public static class OptionSections
{
    /// <summary>The sections, in the order in which they are shown.</summary>
    public static IReadOnlyList<OptionSection> All { get; } =
    [
        OptionSection.Of<HttpOptions>("Http", CheckHttp),
        OptionSection.Of<RtmpOptions>("Rtmp", CheckRtmp),
        OptionSection.Of<DataOptions>("Data", CheckData),
        OptionSection.Of<IngestOptions>("Ingest"),
        OptionSection.Of<PackagingOptions>("Packaging", CheckPackaging),
        OptionSection.Of<DeliveryOptions>("Delivery"),
        OptionSection.Of<PreviewOptions>("Preview"),
        OptionSection.Of<PushOptions>("Origin", CheckOrigin),
        OptionSection.Of<DvrOptions>("Dvr", CheckDvr),
        OptionSection.Of<RetentionOptions>("Retention"),
        OptionSection.Of<ClipOptions>("Clips"),
        OptionSection.Of<TranscodingOptions>("Transcoding", options => options.Check()),
        OptionSection.Of<StorageOptions>("Storage", CheckStorage),
        OptionSection.Of<DatabaseOptions>("Database", LaterRules.Check),
        OptionSection.Of<ClusterOptions>("Cluster", LaterRules.Check),
        OptionSection.Of<RelayOptions>("Relay", CheckRelay),
        OptionSection.Of<PlaybackOptions>("Playback", options => options.Check()),
        OptionSection.Of<LogOptions>("Log"),
    ];

    /// <summary>Rules over more than one section.</summary>
    internal static IReadOnlyList<Func<EffectiveConfiguration, IEnumerable<string>>> Rules { get; } = [CheckPorts, CheckDvrWindow];

    private static IEnumerable<string> CheckHttp(HttpOptions options)
    {
        if (!ListenAddress.TryParse(options.Address, out _))
            yield return $"Http:Address: '{options.Address}' is neither an IP address nor '*'.";
        foreach (var fault in CheckTls("Http:Tls", options.Tls))
            yield return fault;
    }

    private static IEnumerable<string> CheckData(DataOptions options)
    {
        if (string.IsNullOrWhiteSpace(options.Path))
            yield return "Data:Path: is empty.";
    }

    private static IEnumerable<string> CheckRelay(RelayOptions options)
    {
        foreach (var parent in options.Parents)
        {
            if (!Uri.TryCreate(parent, UriKind.Absolute, out var address) || address.Scheme is not ("http" or "https") || address.PathAndQuery != "/" || address.UserInfo.Length > 0)
                yield return $"Relay:Parents: '{parent}' is no address of a node (http://host:port).";
        }
        foreach (var twice in Twice(options.Parents))
            yield return $"Relay:Parents: names a parent twice, '{twice}'.";
        if (options.Name.Length > 0 && !CacheStatus.IsName(options.Name))
            yield return $"Relay:Name: '{options.Name}' is not a letter followed by letters, digits, '.', '_' and '-', at most 63.";
        if (options.MaxObjectBytes * 4 > options.MemoryBytes)
            yield return $"Relay:MaxObjectBytes: {options.MaxObjectBytes} is more than a quarter of Relay:MemoryBytes ({options.MemoryBytes}).";
    }

    private static IEnumerable<string> CheckStorage(StorageOptions options) => options.Kind == StorageKind.S3 ? options.S3.Check() : [];

    private static IEnumerable<string> CheckDvr(DvrOptions options) =>
        OutOf("Dvr:Window", options.Window, TimeSpan.FromMinutes(1), TimeSpan.FromHours(24)) is { } fault ? [fault] : [];

    private static IEnumerable<string> CheckDvrWindow(EffectiveConfiguration configuration)
    {
        var (dvr, live) = (configuration.Get<DvrOptions>(), configuration.Get<PackagingOptions>().Window);
        if (dvr.Mode == DvrMode.Window && dvr.Window < live)
            yield return $"Dvr:Window: {DurationText.Format(dvr.Window)} is less than Packaging:Window ({DurationText.Format(live)}).";
    }

    private static IEnumerable<string> CheckPackaging(PackagingOptions options)
    {
        if (OutOf("Packaging:Window", options.Window, TimeSpan.FromSeconds(6), TimeSpan.FromHours(1)) is { } outside)
            yield return outside;
        if (options.PartDuration >= options.SegmentDuration)
            yield return $"Packaging:PartDuration: {DurationText.Format(options.PartDuration)} is not below Packaging:SegmentDuration ({DurationText.Format(options.SegmentDuration)}).";
        if (options.Window < 3 * options.SegmentDuration)
            yield return $"Packaging:Window: {DurationText.Format(options.Window)} is less than three segments (3 × {DurationText.Format(options.SegmentDuration)}).";
    }

    private static IEnumerable<string> CheckOrigin(PushOptions options)
    {
        foreach (var fault in CheckOrigins("Origin:Push", options.Push).Concat(CheckOrigins("Origin:Peers", options.Peers)))
            yield return fault;
        if (options.Push.Count + options.Peers.Count > 0 && options.Secret.Length == 0)
            yield return $"Origin:Secret: is needed when Origin:{(options.Push.Count > 0 ? "Push" : "Peers")} is set.";
        if (options.Secret.Length > 0 && (options.Secret.Length is < PushOptions.MinSecretLength or > 512 || options.Secret.Any(c => c is <= ' ' or >= '\u007f')))
            yield return $"Origin:Secret: is not {PushOptions.MinSecretLength} to 512 printable characters without spaces.";
    }

    private static IEnumerable<string> CheckOrigins(string option, IReadOnlyList<string> addresses)
    {
        if (addresses.Count > 16)
            yield return $"{option}: {addresses.Count} origins are more than 16.";
        foreach (var address in addresses)
        {
            if (!Uri.TryCreate(address, UriKind.Absolute, out var uri) || uri.Scheme is not ("http" or "https") || uri.Query.Length > 0 || uri.UserInfo.Length > 0)
                yield return $"{option}: '{address}' is not an address such as http://10.0.0.2:8080.";
        }
        foreach (var twice in Twice(addresses))
            yield return $"{option}: names an origin twice, '{twice}'.";
    }

    private static IEnumerable<string> Twice(IReadOnlyList<string> addresses) =>
        addresses.GroupBy(address => address.TrimEnd('/'), StringComparer.OrdinalIgnoreCase).Where(group => group.Skip(1).Any()).Select(group => group.First());

    private static IEnumerable<string> CheckRtmp(RtmpOptions options)
    {
        if (!ListenAddress.TryParse(options.Address, out _))
            yield return $"Rtmp:Address: '{options.Address}' is neither an IP address nor '*'.";
        foreach (var fault in (string?[])
        [
            OutOf("Rtmp:Port", options.Port, 0, 65535),
            OutOf("Rtmp:MaxConnections", options.MaxConnections, 1, 100_000),
            OutOf("Rtmp:MaxConnectionsPerAddress", options.MaxConnectionsPerAddress, 1, 100_000),
            OutOf("Rtmp:HandshakeTimeout", options.HandshakeTimeout, TimeSpan.FromSeconds(1), TimeSpan.FromMinutes(5)),
            OutOf("Rtmp:IdleTimeout", options.IdleTimeout, TimeSpan.FromSeconds(1), TimeSpan.FromMinutes(10)),
            OutOf("Rtmp:ReadCoalescing", options.ReadCoalescing, TimeSpan.Zero, TimeSpan.FromMilliseconds(20)),
            OutOf("Rtmp:ReadLoops", options.ReadLoops, 0, 64),
        ])
        {
            if (fault is not null)
                yield return fault;
        }

        foreach (var fault in CheckTls("Rtmp:Tls", options.Tls))
            yield return fault;
    }

    private static IEnumerable<string> CheckTls(string section, TlsOptions options)
    {
        if (string.Equals(options.Port, "off", StringComparison.OrdinalIgnoreCase))
            yield break;
        if (options.Listens() is not (>= 1 and <= 65535))
            yield return $"{section}:Port: '{options.Port}' is neither 1 to 65535 nor 'off'.";
        if (string.IsNullOrEmpty(options.Certificate))
            yield return $"{section}:Certificate: is needed when {section}:Port is set.";
        else if (!File.Exists(options.Certificate))
            yield return $"{section}:Certificate: there is no file {options.Certificate}.";
        if (!string.IsNullOrEmpty(options.Key) && !File.Exists(options.Key))
            yield return $"{section}:Key: there is no file {options.Key}.";
    }

    private static IEnumerable<string> CheckPorts(EffectiveConfiguration configuration)
    {
        var http = configuration.Get<HttpOptions>();
        var rtmp = configuration.Get<RtmpOptions>();
        var taken = new (string Key, int? Port)[]
        {
            ("Http:Port", http.Port),
            ("Http:Tls:Port", http.Tls.Listens()),
            ("Rtmp:Port", rtmp.Port),
            ("Rtmp:Tls:Port", rtmp.Tls.Listens()),
        };
        return taken.Where(entry => entry.Port is > 0).GroupBy(entry => entry.Port).Where(group => group.Count() > 1)
            .Select(group => $"{string.Join(" and ", group.Select(entry => entry.Key))}: port {group.Key} cannot be taken twice.");
    }

    private static string? OutOf<T>(string key, T value, T least, T most) where T : IComparable<T> =>
        value.CompareTo(least) < 0 || value.CompareTo(most) > 0 ? $"{key}: {Text(value)} is outside {Text(least)} to {Text(most)}." : null;

    private static string Text<T>(T value) => value is TimeSpan duration ? DurationText.Format(duration) : value!.ToString()!;
}

/// <summary>An address to listen on, as the options write it.</summary>
public static class ListenAddress
{
    /// <summary>Reads an IP address, or <c>*</c>, which becomes <see cref="IPAddress.IPv6Any"/> (both families).</summary>
    public static bool TryParse(string text, out IPAddress address)
    {
        address = IPAddress.IPv6Any;
        return text == "*" || (IPAddress.TryParse(text, out address!) && address is not null);
    }

    /// <summary>Reads what validation has accepted.</summary>
    public static IPAddress Parse(string text) =>
        TryParse(text, out var address) ? address : throw new FormatException($"'{text}' is neither an IP address nor '*'.");
}
