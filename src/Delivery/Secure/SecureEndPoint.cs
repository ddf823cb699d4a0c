using System.Net;

namespace Millrace.Delivery;

/// <summary>Where HTTPS listens: tells <see cref="SecureTransport"/> its endpoint from the plain ones.</summary>
/// <param name="address">The address.</param>
/// <param name="port">The TCP port; 0 takes a free one.</param>
public sealed class SecureEndPoint(IPAddress address, int port) : IPEndPoint(address, port);
