namespace Millrace.Delivery;

/// <summary>Why a clip was not made.</summary>
public enum ClipFault
{
    /// <summary>It was.</summary>
    None,
    /// <summary>There is no such broadcast, or no more.</summary>
    UnknownBroadcast,
    /// <summary>Clips are made of broadcasts, not of clips.</summary>
    OfClip,
    /// <summary>No media are recorded in that range.</summary>
    Empty,
    /// <summary>Longer than <see cref="ClipOptions.MaxDuration"/>.</summary>
    TooLong,
    /// <summary>The channel has <see cref="ClipOptions.MaxCount"/>.</summary>
    TooMany,
    /// <summary>The disk would have less than <c>Retention:MinFreeBytes</c> left, or did not take it.</summary>
    NoRoom,
    /// <summary>Others are being made, too many replays are open, or the store does not hand out the broadcast.</summary>
    Busy,
    /// <summary>The store does not hand out the range's media at the moment.</summary>
    NotToBeHad,
}
