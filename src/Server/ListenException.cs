namespace Millrace.Server;

/// <summary>A listener cannot listen; the message is one line that says on what, why, and which option changes it.</summary>
public sealed class ListenException : Exception
{
    /// <summary>With what a person should read.</summary>
    public ListenException(string message) : base(message) { }

    /// <summary>With what a person should read and its cause.</summary>
    public ListenException(string message, Exception inner) : base(message, inner) { }
}
