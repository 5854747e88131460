import Glibc

/// Tells of changes that anybody makes to the nftables rules of a network namespace.
///
/// Belongs to the namespace of the thread that opens it. Source: `NFNLGRP_NFTABLES` of
/// `include/uapi/linux/netfilter/nfnetlink.h`.
public final class NFTablesMonitor: Sendable {
  /// Something that happened to a table, or the end of the transaction in which it did.
  public enum Event: Sendable, Equatable {
    /// Of the table, or of a chain, rule, set or element of it.
    case change(table: String)
    /// - Parameter port: the netlink socket that sent the transaction, see `NetlinkSocket.port`. What the kernel calls the
    ///   process is the number of one of its threads.
    case end(port: UInt32)
  }

  private static let group: UInt32 = 7
  private static let newGeneration: UInt16 = 15
  private static let bufferBytes: Int32 = 4 << 20

  private let descriptor: Descriptor

  /// What to wait on until it is readable.
  public var raw: Int32 { descriptor.raw }

  public init() throws {
    let kind = Int32(SOCK_RAW.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
    descriptor = Descriptor(
      owning: try systemCall("socket", "netlink") { socket(AF_NETLINK, kind, Netlink.protocolNetfilter) })
    var size = Self.bufferBytes
    // Where it stays small, more is lost and looked up again.
    _ = setsockopt(descriptor.raw, SOL_SOCKET, SO_RCVBUFFORCE, &size, socklen_t(MemoryLayout<Int32>.size))
    // struct sockaddr_nl: family, padding, port (the kernel chooses) and groups. A socket that is not bound hears nothing.
    var address: [UInt8] = []
    address.append(native: UInt16(AF_NETLINK))
    address.append(native: UInt16(0))
    address.append(native: UInt32(0))
    address.append(native: UInt32(1) << (Self.group - 1))
    try address.withUnsafeBytes { bytes in
      _ = try systemCall("bind", "netlink monitor") {
        bind(descriptor.raw, bytes.baseAddress?.assumingMemoryBound(to: sockaddr.self), socklen_t(bytes.count))
      }
    }
  }

  /// What has happened since the last call; nil where so much did that some is lost. Does not block.
  public func drain() throws -> [Event]? {
    var events: [Event] = []
    var buffer = [UInt8](repeating: 0, count: NetlinkSocket.receiveBytes)
    var isWhole = true
    while true {
      let count = buffer.withUnsafeMutableBytes { recv(descriptor.raw, $0.baseAddress, $0.count, 0) }
      if count < 0 {
        switch errno {
        case EAGAIN: return isWhole ? events : nil
        case EINTR: continue
        case ENOBUFS: isWhole = false
        default: throw SystemError(errno: errno, operation: "recv", subject: "netlink monitor")
        }
        continue
      }
      var rest = buffer[0..<count]
      while let message = NetlinkEnvelope(&rest) { Self.decode(message).map { events.append($0) } }
    }
  }

  /// Whether events tell of a change of a table by another socket than `ownPort`.
  public static func othersChanged(_ table: String, in events: [Event], ownPort: UInt32) -> Bool {
    var isChanged = false
    for event in events {
      switch event {
      case .change(table): isChanged = true
      case .change: break
      case .end(let port):
        if isChanged && port != ownPort { return true }
        isChanged = false
      }
    }
    return isChanged
  }

  private static func decode(_ message: NetlinkEnvelope) -> Event? {
    guard message.type >> 8 == NFTables.subsystem else { return nil }
    let attributes = NetlinkAttributes(message.payload.dropFirst(4))
    let kind = message.type & 0xff
    if kind == newGeneration { return .end(port: message.port) }
    // The table's name is the first attribute of everything that is in one, and of the table itself.
    return attributes.string(1).map { .change(table: $0) }
  }
}
