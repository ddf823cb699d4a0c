namespace Millrace.Delivery.Tests;

/// <summary>Plain HTTP/1.1 in front of Kestrel.</summary>
public sealed class DirectPathTests : OriginPathTests
{
    private protected override bool IsSecure => false;
}
