import CLinuxShim
import Glibc

/// Who is at the other end of a unix socket (unix(7), SO_PEERCRED), as of when it connected.
public struct PeerCredentials: Sendable, Hashable {
  public var pid: Int32
  public var uid: UInt32
  public var gid: UInt32
}

/// Sockets of the unix family. Paths longer than an address holds are reached by way of their directory's descriptor.
public enum UnixSocket {
  public enum Kind: Sendable {
    case stream, seqpacket, datagram

    var number: Int32 {
      switch self {
      case .stream: Int32(SOCK_STREAM.rawValue)
      case .seqpacket: Int32(SOCK_SEQPACKET.rawValue)
      case .datagram: Int32(SOCK_DGRAM.rawValue)
      }
    }
  }

  public static let defaultBacklog: Int32 = 128

  /// Creates a listening socket at `path`, replacing a socket that nobody listens on any more.
  ///
  /// The socket is bound under another name and renamed when mode and group are right, so nobody connects before.
  /// - Parameter ownerGroup: gid of those who may connect, nil for the caller's.
  /// - Throws: EADDRINUSE when somebody listens there or something else is in the way.
  public static func listen(
    _ path: String, mode: UInt32, ownerGroup: UInt32? = nil, backlog: Int32 = defaultBacklog, type: Kind = .stream
  ) throws -> Descriptor {
    try checkFree(path)
    let temporary = "\(FileSystem.parent(of: path))/.\(UInt32.random(in: 0 ... .max)).sock"
    let socket = try make(type)
    try withAddress(temporary) { address, length in
      try systemCall("bind", path) { bind(socket.raw, address, length) }
    }
    do {
      try withPath(temporary, "chmod") { pointer in
        if let ownerGroup { try systemCall("chown", path) { lchown(pointer, uid_t.max, ownerGroup) } }
        try systemCall("chmod", path) { chmod(pointer, mode_t(mode)) }
      }
      try systemCall("listen", path) { Glibc.listen(socket.raw, backlog) }
      try FileSystem.rename(temporary, to: path)
    } catch {
      try? FileSystem.removeFile(temporary)
      throw error
    }
    return socket
  }

  /// Waits while the listener's backlog is full, unless `nonBlocking`.
  /// - Parameter nonBlocking: also puts the socket into non-blocking mode.
  /// - Throws: ENOENT, ECONNREFUSED when nobody listens, EPROTOTYPE for the other type, EAGAIN for a full backlog.
  public static func connect(_ path: String, type: Kind = .stream, nonBlocking: Bool = false) throws -> Descriptor {
    let socket = try make(type)
    if nonBlocking { try socket.setNonBlocking(true) }
    try withAddress(path) { address, length in
      try systemCall("connect", path) { Glibc.connect(socket.raw, address, length) }
    }
    return socket
  }

  /// Two sockets that are connected with each other.
  public static func pair(type: Kind = .stream) throws -> (Descriptor, Descriptor) {
    var ends: [Int32] = [-1, -1]
    try systemCall("socketpair") { socketpair(AF_UNIX, type.number | Int32(SOCK_CLOEXEC.rawValue), 0, &ends) }
    return (Descriptor(owning: ends[0]), Descriptor(owning: ends[1]))
  }

  /// Takes the next connection of a listening socket. Blocks unless the socket is non-blocking.
  public static func accept(_ listener: Descriptor) throws -> Descriptor {
    Descriptor(owning: try systemCall("accept4") { bh_accept4(listener.raw, O_CLOEXEC) })
  }

  /// Receives one message with exactly one descriptor (SCM_RIGHTS), as runtimes send a terminal. Blocks unless the socket
  /// is non-blocking.
  /// - Throws: EBADMSG when there is none, or more than one (all are closed).
  public static func receiveDescriptor(_ socket: Descriptor) throws -> Descriptor {
    let raw = try systemCall("recvmsg") { bh_receive_descriptor(socket.raw) }
    return Descriptor(owning: raw)
  }

  /// Sends one descriptor with one byte.
  public static func sendDescriptor(_ descriptor: Descriptor, over socket: Descriptor) throws {
    try systemCall("sendmsg") { bh_send_descriptor(socket.raw, descriptor.raw) }
  }

  public static func peerCredentials(_ socket: Descriptor) throws -> PeerCredentials {
    var pid: pid_t = 0
    var uid: uid_t = 0
    var gid: gid_t = 0
    try systemCall("getsockopt", "SO_PEERCRED") { bh_peer_credentials(socket.raw, &pid, &uid, &gid) }
    return PeerCredentials(pid: pid, uid: uid, gid: gid)
  }

  private static func make(_ type: Kind) throws -> Descriptor {
    let number = type.number | Int32(SOCK_CLOEXEC.rawValue)
    return Descriptor(owning: try systemCall("socket") { socket(AF_UNIX, number, 0) })
  }

  /// - Throws: EADDRINUSE unless `path` is free or a socket without a listener.
  private static func checkFree(_ path: String) throws {
    let inUse = SystemError(errno: EADDRINUSE, operation: "bind", subject: path)
    for type in [Kind.stream, .seqpacket] {
      do {
        _ = try connect(path, type: type, nonBlocking: true)
        throw inUse
      } catch let error as SystemError {
        switch error.errno {
        case ENOENT: return
        case EPROTOTYPE: continue
        case ECONNREFUSED: break
        default: throw inUse
        }
      }
    }
    // Refused is also what the kernel says for a file that is no socket.
    let file = try Descriptor.open(path, flags: O_PATH | O_NOFOLLOW)
    if try file.status().type != .socket { throw inUse }
  }

  private static func withAddress(
    _ path: String, _ body: (UnsafePointer<sockaddr>, socklen_t) throws -> Void
  ) throws {
    var address = sockaddr_un()
    let capacity = MemoryLayout.size(ofValue: address.sun_path)
    var directory: Descriptor?
    var bytes = PathText.bytes(of: path)
    if bytes.count >= capacity {
      let opened = try Descriptor.open(FileSystem.parent(of: path), flags: O_PATH | O_DIRECTORY)
      bytes = Array("/proc/self/fd/\(opened.raw)/".utf8) + PathText.bytes(of: FileSystem.lastComponent(of: path))
      directory = opened
    }
    if bytes.count >= capacity { throw SystemError(errno: ENAMETOOLONG, operation: "connect", subject: path) }
    if bytes.isEmpty || bytes.contains(0) { throw SystemError(errno: EINVAL, operation: "connect", subject: path) }
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
    try withUnsafePointer(to: &address) { pointer in
      try pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        try body($0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
    withExtendedLifetime(directory) {}
  }
}
