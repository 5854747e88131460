/// A transport protocol that sockets are opened with here.
public enum TransportProtocol: String, Codable, Sendable, Hashable, CaseIterable {
  case tcp
  case udp

  /// The number in the IP header.
  public var number: UInt8 { self == .tcp ? 6 : 17 }
}
