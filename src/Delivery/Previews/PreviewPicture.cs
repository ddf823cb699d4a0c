using System.Security.Cryptography;

namespace Millrace.Delivery.Previews;

/// <summary>One JPEG that stands for a broadcast until the next one comes. Immutable.</summary>
internal sealed class PreviewPicture
{
    /// <summary>The longer side of <c>preview.jpg</c> in samples: a poster, a card on a screen of double density.</summary>
    public const int LargeLongest = 640;

    /// <summary>The longer side of <c>preview-320.jpg</c>: a card in a list.</summary>
    public const int SmallLongest = 320;

    public PreviewPicture(byte[] bytes)
    {
        Bytes = bytes;
        // Of the content, so that every origin of a broadcast gives the same one.
        ETag = $"\"{Convert.ToHexStringLower(SHA256.HashData(bytes).AsSpan(0, 8))}\"";
    }

    /// <summary>The whole JPEG. Nobody changes it.</summary>
    public byte[] Bytes { get; }

    /// <summary>Its strong validator.</summary>
    public string ETag { get; }
}
