namespace Millrace.Delivery.Tests;

/// <summary>HTTPS in front of a relay's Kestrel.</summary>
public sealed class RelaySecurePathTests : RelayPathTests
{
    private protected override bool IsSecure => true;
}
