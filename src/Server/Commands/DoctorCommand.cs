using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using Millrace.Delivery;
using Millrace.Delivery.Relay;
using Millrace.Platform;
using Millrace.Server.Http;
using Millrace.Server.Options;
using Millrace.Server.Rtmp;
using Millrace.Server.Tls;
using Millrace.Transcoding;

namespace Millrace.Server.Commands;

/// <summary><c>millrace doctor</c>: checks what Millrace stands on and says what to do. Exit code 1 when something must be done.</summary>
public static class DoctorCommand
{
    private readonly record struct Finding(bool IsGood, bool IsNeeded, string Subject, string Text);

    /// <summary>Runs every check.</summary>
    public static async Task<int> RunAsync(EffectiveConfiguration configuration, TextWriter output)
    {
        var path = Path.GetFullPath(configuration.Get<DataOptions>().Path);
        var http = configuration.Get<HttpOptions>();
        var rtmp = configuration.Get<RtmpOptions>();
        List<Finding> findings =
        [
            CheckFfmpeg(configuration.Get<TranscodingOptions>()),
            CheckPort("Http:Port", http.Address, http.Port),
            CheckPort("Rtmp:Port", rtmp.Address, rtmp.Port),
            CheckStorage(path),
            CheckSpace(path),
            CheckDatabase(path),
            CheckClock(),
        ];
        if (configuration.Get<StorageOptions>() is { Kind: StorageKind.S3 } storage)
            findings.Add(await CheckStoreAsync(storage));
        if (rtmp.Tls.Listens() is { } rtmps)
            findings.InsertRange(3, [CheckPort("Rtmp:Tls:Port", rtmp.Address, rtmps), CheckCertificate("Rtmp:Tls", rtmp.Tls)]);
        if (http.Tls.Listens() is { } https)
            findings.InsertRange(2, [CheckPort("Http:Tls:Port", http.Address, https), CheckCertificate("Http:Tls", http.Tls)]);

        foreach (var parent in configuration.Get<RelayOptions>().Parents)
            findings.Add(await CheckParentAsync(parent));

        foreach (var finding in findings)
            await output.WriteLineAsync($"{(finding.IsGood ? "ok  " : finding.IsNeeded ? "FIX " : "note")}  {finding.Subject,-14} {finding.Text}");
        return findings.Any(finding => finding is { IsGood: false, IsNeeded: true }) ? 1 : 0;
    }

    private static Finding CheckFfmpeg(TranscodingOptions options)
    {
        if (!Ffmpeg.TryFind(options, out var ffmpeg, out var fault))
            return new(false, options.IsWanted, "ffmpeg", $"{fault} Without it there are no further renditions, thumbnails, sprite sheets and no --demo; --Transcoding:Ladder=off and --Preview:Interval=off want none.");
        var encoders = ffmpeg!.Encoders == EncoderProfile.Software ? "in software" : $"with {ffmpeg.Encoders.Name}";
        return new(true, false, "ffmpeg", $"{ffmpeg.Version} at {ffmpeg.Path}, encodes {encoders}. {string.Join(' ', ffmpeg.Notes)}".TrimEnd());
    }

    private static async Task<Finding> CheckParentAsync(string address)
    {
        using var http = new HttpClient { Timeout = TimeSpan.FromSeconds(5) };
        try
        {
            using var answer = await http.GetAsync(new Uri(new Uri(address), "/health/ready"));
            return answer.IsSuccessStatusCode
                ? new(true, true, "parent", $"{address} is ready")
                : new(false, true, "parent", $"{address} answers {(int)answer.StatusCode} to /health/ready; look at that node");
        }
        catch (Exception fault) when (fault is HttpRequestException or OperationCanceledException)
        {
            return new(false, true, "parent", $"{address} does not answer ({fault.Message}); start it, or name another with --parent URL");
        }
    }

    private static async Task<Finding> CheckStoreAsync(StorageOptions options)
    {
        var where = $"{(options.S3.Endpoint.Length > 0 ? options.S3.Endpoint : "Amazon S3 " + options.S3.Region)}, bucket {options.S3.Bucket}, {options.S3.Prefix}";
        return await StorageCheck.RunAsync(options) is { } fault
            ? new(false, true, "Storage:S3", $"{where}: {fault}. Check endpoint, bucket and credentials, and that they may list, read, write, delete and abort uploads")
            : new(true, true, "Storage:S3", $"{where}: takes, hands out and deletes objects");
    }

    private static Finding CheckPort(string key, string address, int port)
    {
        if (port == 0)
            return new(true, true, key, "takes a free one");
        var ip = ListenAddress.Parse(address);
        using var socket = new Socket(ip.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            if (ip.Equals(IPAddress.IPv6Any))
                socket.DualMode = true;
            socket.Bind(new IPEndPoint(ip, port));
            socket.Listen(1);
            return new(true, true, key, $"{port} is free");
        }
        catch (SocketException fault)
        {
            var advice = fault.SocketErrorCode == SocketError.AccessDenied
                ? "ports below 1024 need CAP_NET_BIND_SERVICE"
                : $"another program (or a running Millrace) has it; end that, or choose another: --{key}=PORT";
            return new(false, true, key, $"{port} cannot be taken: {fault.Message}; {advice}");
        }
    }

    private static Finding CheckCertificate(string section, TlsOptions options)
    {
        try
        {
            using var certificate = CertificateFile.Read(section, options).Certificate;
            var left = certificate.NotAfter.ToUniversalTime() - DateTime.UtcNow;
            var text = $"{certificate.GetNameInfo(X509NameType.DnsName, forIssuer: false)}, until {certificate.NotAfter.ToUniversalTime():yyyy-MM-dd}";
            if (left < TimeSpan.Zero || certificate.NotBefore.ToUniversalTime() > DateTime.UtcNow)
                return new(false, true, "certificate", $"{text}: it is not valid now, and clients will refuse it; get a new one");
            return left < TimeSpan.FromDays(14)
                ? new(false, false, "certificate", $"{text}: renew it; a running Millrace takes it up by itself")
                : new(true, true, "certificate", text);
        }
        catch (ListenException fault)
        {
            return new(false, true, "certificate", fault.Message);
        }
    }

    private static Finding CheckStorage(string path)
    {
        try
        {
            Directory.CreateDirectory(path);
            var probe = Path.Combine(path, $".doctor-{Environment.ProcessId}");
            File.WriteAllBytes(probe, new byte[1]);
            File.Delete(probe);
            return new(true, true, "Data:Path", $"{path} can be written");
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            return new(false, true, "Data:Path", $"{path} cannot be written: {fault.Message} Make it writable, or choose another: --Data:Path=DIR");
        }
    }

    private static Finding CheckSpace(string path)
    {
        const long Least = 2L << 30;
        try
        {
            var free = new DriveInfo(path).AvailableFreeSpace;
            var text = $"{free / (1 << 30)} GB free";
            return free >= Least
                ? new(true, true, "disk", text)
                : new(false, false, "disk", $"{text}; a live stream of 2.5 Mbit/s takes 30 MB, leave at least 2 GB");
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException or ArgumentException)
        {
            return new(false, false, "disk", $"free space is unknown: {fault.Message}");
        }
    }

    private static Finding CheckDatabase(string path)
    {
        try
        {
            var channels = new ChannelStore(PlatformDatabase.Open(Path.Combine(path, PlatformDatabase.FileName)), TimeProvider.System).List().Count;
            return new(true, true, "database", channels == 0 ? "no channel yet; make one: millrace channel create NAME" : $"{channels} channels");
        }
        catch (PlatformDatabaseException fault)
        {
            return new(false, true, "database", $"{fault.Message} Restore the file from a copy, or move it away to begin anew");
        }
    }

    // Players compare wall-clock times in manifests with their own; a clock from before this was written is surely wrong.
    private static Finding CheckClock()
    {
        var now = DateTimeOffset.UtcNow;
        if (now.Year < 2025)
            return new(false, true, "clock", $"says {now:yyyy-MM-dd}; set it, and keep it right with chrony or systemd-timesyncd");
        return new(true, true, "clock", $"{now:yyyy-MM-dd HH:mm:ss}Z; keep it right with chrony or systemd-timesyncd");
    }
}
