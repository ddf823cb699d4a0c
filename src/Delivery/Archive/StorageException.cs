namespace Millrace.Delivery;

/// <summary>The store did not do what it was asked for: one request is concerned, and whoever needs it asks again later.</summary>
internal sealed class StorageException : Exception
{
    public StorageException(string message, Exception? cause = null) : base(message, cause)
    {
    }

    /// <summary>The store answered that there is no such object.</summary>
    public bool IsMissing { get; init; }
}
