using System.Buffers;
using Millrace.Push;

namespace Millrace.Fuzz;

/// <summary>The parsers of src/Push: what whoever knows an origin's secret may send, and what an origin answers.</summary>
internal static class PushTargets
{
    /// <summary>
    /// Reads frames one behind the other, as an origin does, and lets a cursor follow them. What is read is written and read
    /// again: the same bytes. The input is an origin's answer as well.
    /// </summary>
    public static void Frames(ReadOnlySpan<byte> input)
    {
        var bytes = input.ToArray();
        var reader = new SequenceReader<byte>(new ReadOnlySequence<byte>(bytes));
        var cursor = new PushCursor();
        while (true)
        {
            var before = reader.Consumed;
            var status = PushFrameReader.TryRead(ref reader, out var frame, out var fault);
            FuzzTarget.Require(status == OperationStatus.Done == frame is not null, "a frame that is none");
            if (frame is null)
            {
                FuzzTarget.Require(reader.Consumed == before, "what was not read is gone");
                FuzzTarget.Require(status == OperationStatus.InvalidData == fault is not null, "a refusal without a reason");
                break;
            }
            var once = Write(frame);
            var again = new SequenceReader<byte>(new ReadOnlySequence<byte>(once));
            FuzzTarget.Require(PushFrameReader.TryRead(ref again, out var same, out _) == OperationStatus.Done && again.End, "what was written cannot be read");
            FuzzTarget.Require(Write(same!).AsSpan().SequenceEqual(once), "a frame changes from reading to reading");
            if (frame is PushPart part)
                reader.Advance(Math.Min(part.Bytes, reader.Remaining));
            if (frame is not (PushOpen or PushCaughtUp) && cursor.Check(frame) == PushStep.Next)
                cursor.Advance(frame);
            FuzzTarget.Require(PushPosition.TryParse(cursor.Read().ToJson()) is not null, "a position that nobody reads");
        }
        if (PushPosition.TryParse(input) is { } position)
            FuzzTarget.Require(new PushCursor(position).Read().Periods == position.Periods, "a position changes");
    }

    private static byte[] Write(PushFrame frame)
    {
        var output = new ArrayBufferWriter<byte>();
        PushFrameWriter.Write(output, frame);
        return output.WrittenSpan.ToArray();
    }
}
