using System.Globalization;

namespace Millrace.Pipeline;

/// <summary>Counts allocated bytes per access unit without a benchmark's ceremony.</summary>
internal static class Allocated
{
    private const int Turns = 200;

    public static int Run()
    {
        using var node = new Node();
        for (var i = 0; i < 30; i++)
            node.Turn();
        var thread = GC.GetAllocatedBytesForCurrentThread();
        var all = GC.GetTotalAllocatedBytes(precise: true);
        for (var i = 0; i < Turns; i++)
            node.Turn();
        thread = GC.GetAllocatedBytesForCurrentThread() - thread;
        all = GC.GetTotalAllocatedBytes(precise: true) - all;
        const double Units = Turns * EncoderLoop.AccessUnits;
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{thread / Units:0.0} bytes per access unit on the read loop, {all / Units:0.0} on all threads, {all / (double)(Turns * EncoderLoop.Seconds):0} per second of stream"));
        return 0;
    }
}
