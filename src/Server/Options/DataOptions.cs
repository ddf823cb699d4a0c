namespace Millrace.Server.Options;

/// <summary>Where this node keeps what must outlive it: section <c>Data</c>.</summary>
public sealed class DataOptions
{
    /// <summary>Directory of the database and of media, relative to the working directory. Default <c>./data</c>: beside <c>./up</c>, easy to find and to delete.</summary>
    public string Path { get; set; } = "./data";
}
