using System.Net;
using Microsoft.AspNetCore.Http;

namespace Millrace.Delivery.Steering;

/// <summary>Where a viewer is: as it says itself, or as a proxy that is trusted says in <see cref="PlaybackOptions.RegionHeader"/>.</summary>
public sealed class RegionHint
{
    private readonly string header;
    private readonly List<IPNetwork> trusted = [];

    /// <summary>By options that are valid.</summary>
    public RegionHint(PlaybackOptions options)
    {
        header = options.RegionHeader;
        foreach (var text in options.TrustedProxies)
            trusted.Add(TryParse(text, out var network) ? network : throw new ArgumentException($"'{text}' is no network.", nameof(options)));
    }

    /// <summary>Reads an address or a network in CIDR notation.</summary>
    public static bool TryParse(string text, out IPNetwork network)
    {
        if (IPAddress.TryParse(text, out var address))
        {
            network = new IPNetwork(address, address.GetAddressBytes().Length * 8);
            return true;
        }
        return IPNetwork.TryParse(text, out network);
    }

    /// <summary>What a request says about its viewer, with the region that a trusted proxy tells when the query tells none.</summary>
    internal PlaybackQuery Read(HttpContext context)
    {
        var query = context.Request.QueryString.Value;
        var said = PlaybackQuery.Parse(query is { Length: > 1 } ? query.AsSpan(1) : default);
        if (said.Region is not null || header.Length == 0 || context.Connection.RemoteIpAddress is not { } peer)
            return said;
        if (peer.IsIPv4MappedToIPv6)
            peer = peer.MapToIPv4();
        if (!trusted.Exists(network => network.Contains(peer)) || context.Request.Headers[header].ToString() is not { } told || !Edge.IsRegion(told))
            return said;
        return said with { Region = told.ToLowerInvariant() };
    }
}
