using BenchmarkDotNet.Attributes;

namespace Millrace.Pipeline;

/// <summary>
/// One access unit from the socket's bytes to its segment: chunk reader, FLV, timestamps, packager, origin, spool. Time and
/// allocated bytes are per access unit.
/// </summary>
[MemoryDiagnoser]
public class SocketToSegment
{
    private Node? node;

    /// <summary>A publisher that has been on air for a while.</summary>
    [GlobalSetup]
    public void Setup()
    {
        node = new Node();
        for (var i = 0; i < 20; i++)
            node.Turn();
    }

    /// <summary>Ends it.</summary>
    [GlobalCleanup]
    public void Cleanup() => node?.Dispose();

    /// <summary>Eight seconds of one publisher.</summary>
    [Benchmark(OperationsPerInvoke = EncoderLoop.AccessUnits)]
    public void AccessUnit() => node!.Turn();
}
