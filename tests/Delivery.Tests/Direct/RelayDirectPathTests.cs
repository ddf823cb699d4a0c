namespace Millrace.Delivery.Tests;

/// <summary>Plain HTTP/1.1 in front of a relay's Kestrel.</summary>
public sealed class RelayDirectPathTests : RelayPathTests
{
    private protected override bool IsSecure => false;
}
