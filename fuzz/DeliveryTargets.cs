using System.Text;
using Millrace.Delivery;

namespace Millrace.Fuzz;

/// <summary>The parser of src/Delivery/Direct.</summary>
internal static class DeliveryTargets
{
    /// <summary>Reads one connection's bytes, head by head.</summary>
    public static void RequestHeads(ReadOnlySpan<byte> input)
    {
        var text = new char[RequestHead.MaxBytes];
        while (RequestHead.TryRead(input, out var head) == HeadStatus.Complete)
        {
            FuzzTarget.Require(head.Length <= input.Length && head.Length <= RequestHead.MaxBytes, "a head longer than what there is");
            var whole = input[..head.Length];
            FuzzTarget.Require(whole.EndsWith("\r\n\r\n"u8), "a head without its end");
            FuzzTarget.Require(!whole.ContainsAnyExceptInRange((byte)'\t', (byte)'~'), "a head with bytes that no head has");
            var lower = Encoding.ASCII.GetString(whole).ToLowerInvariant();
            FuzzTarget.Require(
                !lower.Contains("\ncontent-length:", StringComparison.Ordinal) && !lower.Contains("\ntransfer-encoding:", StringComparison.Ordinal),
                "a head with a body");
            FuzzTarget.Require(lower.Contains("\nhost:", StringComparison.Ordinal), "a head without a host");
            // Whatever arrives of it first, nobody decides before the end.
            for (var length = 0; length < whole.Length; length += 1 + whole.Length / 16)
                FuzzTarget.Require(RequestHead.TryRead(whole[..length], out _) == HeadStatus.Incomplete, "a beginning that is more than that");
            FuzzTarget.Require(RequestHead.TryRead(whole, out var again) == HeadStatus.Complete && again.Length == head.Length, "a head that depends on what follows");
            var request = head.ToRequest(text);
            FuzzTarget.Require(request.Path.Length == head.Path.Length && request.Query.Length == head.Query.Length, "a path that changed");
            input = input[head.Length..];
        }
    }
}
