namespace Millrace.Delivery.Relay;

/// <summary>An object on disk: its head is here, its body in a file.</summary>
internal sealed class RelayDiskEntry
{
    public required RelayKey Key { get; init; }

    public required RelayHead Head { get; init; }

    public required string Path { get; init; }

    /// <summary>Bytes of the body, at least 1.</summary>
    public required long Length { get; init; }

    /// <summary>It was asked for since the disk last looked at it.</summary>
    public bool IsUsed { get; set; }
}
