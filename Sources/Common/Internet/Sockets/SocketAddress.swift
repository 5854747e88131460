import Glibc
import LinuxSystem

/// An IP address and port in the shape that socket calls take.
public enum SocketAddress: Sendable, Hashable {
  case ipv4(IPv4Address, port: UInt16)
  /// Sixteen bytes in network order.
  case ipv6([UInt8], port: UInt16)

  public var family: Int32 {
    switch self {
    case .ipv4: AF_INET
    case .ipv6: AF_INET6
    }
  }

  public var port: UInt16 {
    switch self {
    case .ipv4(_, let port), .ipv6(_, let port): port
    }
  }

  /// Parses an address without port: strict dotted IPv4, or IPv6 with or without brackets (no zone).
  public init?(_ text: String, port: UInt16) {
    if let address = IPv4Address(text) {
      self = .ipv4(address, port: port)
      return
    }
    var text = text[...]
    if text.hasPrefix("["), text.hasSuffix("]") { text = text.dropFirst().dropLast() }
    guard text.utf8.count <= 45, text.contains(":") else { return nil }
    var raw = in6_addr()
    guard inet_pton(AF_INET6, String(text), &raw) == 1 else { return nil }
    self = .ipv6(withUnsafeBytes(of: raw) { Array($0) }, port: port)
  }

  /// Reads what the kernel filled in.
  public init?(_ storage: sockaddr_storage) {
    var storage = storage
    switch Int32(storage.ss_family) {
    case AF_INET:
      let value = withUnsafeBytes(of: &storage) { $0.load(as: sockaddr_in.self) }
      self = .ipv4(IPv4Address(bits: UInt32(bigEndian: value.sin_addr.s_addr)), port: UInt16(bigEndian: value.sin_port))
    case AF_INET6:
      let value = withUnsafeBytes(of: &storage) { $0.load(as: sockaddr_in6.self) }
      self = .ipv6(withUnsafeBytes(of: value.sin6_addr) { Array($0) }, port: UInt16(bigEndian: value.sin6_port))
    default: return nil
    }
  }

  /// Gives `body` the C structure.
  public func withPointer<Result>(_ body: (UnsafePointer<sockaddr>, socklen_t) throws -> Result) rethrows -> Result {
    var storage = sockaddr_storage()
    let length: Int
    switch self {
    case .ipv4(let address, let port):
      var value = sockaddr_in()
      value.sin_family = sa_family_t(AF_INET)
      value.sin_port = port.bigEndian
      value.sin_addr.s_addr = address.bits.bigEndian
      length = MemoryLayout<sockaddr_in>.size
      withUnsafeMutableBytes(of: &storage) { $0.storeBytes(of: value, as: sockaddr_in.self) }
    case .ipv6(let octets, let port):
      var value = sockaddr_in6()
      value.sin6_family = sa_family_t(AF_INET6)
      value.sin6_port = port.bigEndian
      withUnsafeMutableBytes(of: &value.sin6_addr) { $0.copyBytes(from: octets.prefix(16)) }
      length = MemoryLayout<sockaddr_in6>.size
      withUnsafeMutableBytes(of: &storage) { $0.storeBytes(of: value, as: sockaddr_in6.self) }
    }
    return try withUnsafePointer(to: &storage) {
      try $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { try body($0, socklen_t(length)) }
    }
  }
}

extension SocketAddress {
  /// Stands for every local address of its family.
  public var isAny: Bool {
    switch self {
    case .ipv4(let address, _): address == .any
    case .ipv6(let octets, _): octets.allSatisfy { $0 == 0 }
    }
  }

  /// The address without port; IPv6 in the kernel's short form.
  public var host: String {
    switch self {
    case .ipv4(let address, _): return address.description
    case .ipv6(let octets, _): return IPv6Address(octets: octets)?.description ?? "::"
    }
  }

  /// `address:port`, IPv6 in brackets.
  public var text: String { family == AF_INET6 ? "[\(host)]:\(port)" : "\(host):\(port)" }
}
