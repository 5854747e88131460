import Glibc
import LinuxSystem

/// The devices of a host by which other hosts may reach it, with the host's addresses. Source: getifaddrs(3).
struct HostInterfaces: Sendable, Equatable {
  /// Addresses by the device's name: those of devices that are up, the loopback's and containers' left out.
  var addresses: [String: Set<SocketAddress>] = [:]
  /// Addresses on the loopback device that are none of its own: the host answers there by every device.
  var shared: Set<SocketAddress> = []

  init() {}

  /// Those of the calling thread's namespace.
  static func current() throws -> HostInterfaces {
    var list: UnsafeMutablePointer<ifaddrs>?
    try systemCall("getifaddrs") { getifaddrs(&list) }
    defer { freeifaddrs(list) }
    var result = HostInterfaces()
    var next = list
    while let entry = next?.pointee {
      next = entry.ifa_next
      let name = String(cString: entry.ifa_name)
      guard entry.ifa_flags & UInt32(IFF_UP) != 0, !InstanceNames.isLink(name), let raw = entry.ifa_addr else {
        continue
      }
      let length =
        Int32(raw.pointee.sa_family) == AF_INET ? MemoryLayout<sockaddr_in>.size : MemoryLayout<sockaddr_in6>.size
      guard [AF_INET, AF_INET6].contains(Int32(raw.pointee.sa_family)) else { continue }
      var storage = sockaddr_storage()
      withUnsafeMutableBytes(of: &storage) {
        $0.copyMemory(from: UnsafeRawBufferPointer(start: raw, count: length))
      }
      guard let address = SocketAddress(storage)?.with(port: 0) else { continue }
      if entry.ifa_flags & UInt32(IFF_LOOPBACK) == 0 {
        result.addresses[name, default: []].insert(address)
      } else if !address.isLoopback {
        result.shared.insert(address)
      }
    }
    return result
  }

  /// The devices by which an address of the host is reached, sorted.
  ///
  /// - Parameter only: the only device that counts, where a socket is bound to one.
  func reaching(_ address: SocketAddress, only: String? = nil) -> [String] {
    let isEverywhere = address.isAny || shared.contains(address.with(port: 0))
    return addresses.filter { name, own in
      guard only == nil || only == name else { return false }
      return isEverywhere ? own.contains { $0.family == address.family } : own.contains(address.with(port: 0))
    }.keys.sorted()
  }

  /// Whether an address is one of the host's, those of the loopback device included.
  func isOwn(_ address: SocketAddress) -> Bool {
    let place = address.with(port: 0)
    return address.isLoopback || shared.contains(place) || addresses.values.contains { $0.contains(place) }
  }
}

extension SocketAddress {
  func with(port: UInt16) -> SocketAddress {
    switch self {
    case .ipv4(let address, _): .ipv4(address, port: port)
    case .ipv6(let octets, _): .ipv6(octets, port: port)
    }
  }

  /// Other hosts do not reach it.
  var isLoopback: Bool {
    switch self {
    case .ipv4(let address, _): address.isLoopback
    case .ipv6(let octets, _): IPv6Address(octets: octets) == .loopback
    }
  }
}
