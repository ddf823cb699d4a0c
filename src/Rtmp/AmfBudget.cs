namespace Millrace.Rtmp;

/// <summary>What one AMF message may still use, and how deep it has been. Both readers spend from the same one.</summary>
/// <remarks>
/// A reference spends again what its target spent: a message of a few bytes that refers to lists of references cannot
/// expand beyond the limits when somebody walks or writes it ("billion laughs").
/// </remarks>
internal struct AmfBudget(AmfLimits limits)
{
    private int elements = limits.MaxElements;
    private int stringBytes = limits.MaxStringBytes;
    private int deepest;

    /// <summary>The breach that ended the reading, if one did.</summary>
    public RtmpViolation? Violation { get; private set; }

    /// <summary>Values that may still come.</summary>
    public readonly int Elements => elements;

    public bool Enter(int depth)
    {
        deepest = Math.Max(deepest, depth);
        if (depth > limits.MaxDepth)
            return Exceeded($"AMF is nested deeper than {limits.MaxDepth}");
        if (--elements < 0)
            return Exceeded($"AMF has more than {limits.MaxElements} values");
        return true;
    }

    public bool TakeString(int bytes)
    {
        if (bytes > stringBytes)
            return Exceeded($"AMF has more than {limits.MaxStringBytes} bytes of strings");
        stringBytes -= bytes;
        return true;
    }

    /// <summary>A declared count meets the limit before it meets an allocator.</summary>
    public bool Expect(long count) =>
        count <= elements || Exceeded($"AMF has more than {limits.MaxElements} values");

    public bool Malformed(string clause, string text)
    {
        Violation ??= new RtmpViolation(RtmpFault.AmfSyntax, clause, text);
        return false;
    }

    private bool Exceeded(string text)
    {
        Violation ??= new RtmpViolation(RtmpFault.AmfLimit, "AmfLimits", text);
        return false;
    }

    /// <summary>Starts measuring a value that later bytes may refer to.</summary>
    public AmfCost Begin(int depth)
    {
        var start = new AmfCost(elements, stringBytes, deepest);
        deepest = depth;
        return start;
    }

    /// <summary>Ends measuring: what the value took, and how many levels it has below itself.</summary>
    public AmfCost End(AmfCost start, int depth)
    {
        var cost = new AmfCost(start.Elements - elements, start.StringBytes - stringBytes, deepest - depth);
        deepest = Math.Max(deepest, start.Depth);
        return cost;
    }

    /// <summary>Spends a value's cost again, because a reference stands for it at <paramref name="depth"/>.</summary>
    public bool TakeReference(AmfCost cost, int depth)
    {
        deepest = Math.Max(deepest, depth + cost.Depth);
        if (depth + cost.Depth > limits.MaxDepth)
            return Exceeded($"AMF is nested deeper than {limits.MaxDepth}");
        if (!Expect(cost.Elements) || !TakeString(cost.StringBytes))
            return false;
        elements -= cost.Elements;
        return true;
    }
}

/// <summary>What a value took of a budget.</summary>
internal readonly record struct AmfCost(int Elements, int StringBytes, int Depth);
