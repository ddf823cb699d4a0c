using System.Buffers;
using Millrace.Delivery;

namespace Millrace.Fuzz;

/// <summary>The parsers of src/Delivery: what a disk gives back.</summary>
internal static class RecordingTargets
{
    /// <summary>
    /// Reads one record's body as a disk might give it back, and as a whole journal. What is read is written and read again:
    /// the same bytes.
    /// </summary>
    public static void Journal(ReadOnlySpan<byte> input)
    {
        if (JournalReader.TryReadBody(input, out var record))
        {
            var written = new ArrayBufferWriter<byte>();
            JournalWriter.Write(written, record);
            var once = written.WrittenSpan.ToArray();
            ReadOnlySpan<byte> rest = once;
            FuzzTarget.Require(JournalReader.TryRead(ref rest, out var again) == OperationStatus.Done && rest.IsEmpty, "what was written cannot be read");
            written.ResetWrittenCount();
            JournalWriter.Write(written, again!);
            FuzzTarget.Require(written.WrittenSpan.SequenceEqual(once), "a record changes from reading to reading");
        }
        var left = input;
        while (JournalReader.TryRead(ref left, out var framed) is var status)
        {
            FuzzTarget.Require(status == OperationStatus.Done == framed is not null, "a record that is none");
            if (status != OperationStatus.Done)
                break;
        }
    }
}
