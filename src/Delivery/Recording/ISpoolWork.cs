namespace Millrace.Delivery;

/// <summary>Something that spool threads write.</summary>
internal interface ISpoolWork
{
    /// <summary>It is a segment: megabytes, where a journal writes some hundred bytes.</summary>
    bool IsMedia { get; }

    /// <summary>Writes it. Throws what the file system throws; then <see cref="Failed"/> follows.</summary>
    /// <returns>False when there was nothing to write any more.</returns>
    bool Write(Spooler spooler);

    /// <summary>It was not written: whoever offered it offers it again when the disk may be well.</summary>
    void Failed(Spooler spooler);
}
