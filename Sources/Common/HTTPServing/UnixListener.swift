import Glibc
import Model

/// A listening unix socket in the file system.
public struct UnixListener: Sendable {
  public let descriptor: CInt
  let path: String
  private let inode: UInt64

  /// Makes the socket with the mode, owner and group wanted, so that it is never open to more than those. A socket file that
  /// nobody listens on is replaced. Source: unix(7).
  ///
  /// Throws `PlatformError`: `invalidArgument` for a path too long, `conflict` where another program listens,
  /// `unavailable` for what the kernel refuses.
  public static func bind(
    path: String, mode: UInt32, owner: UInt32? = nil, group: UInt32?, backlog: Int32
  ) throws -> UnixListener {
    let address = try socketAddress(path)
    try removeStale(path, address)
    let descriptor = socket(AF_UNIX, CInt(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue), 0)
    guard descriptor >= 0 else { throw failure("make a socket for", path) }
    do {
      // The mode of the descriptor is the mode of the file that bind makes: no moment in which it is open to all.
      guard fchmod(descriptor, 0o600) == 0 else { throw failure("restrict", path) }
      guard withAddress(address, { Glibc.bind(descriptor, $0, $1) }) == 0 else { throw failure("bind", path) }
      if owner != nil || group != nil, lchown(path, owner ?? uid_t.max, group ?? gid_t.max) != 0 {
        throw failure("give away the socket", path)
      }
      guard chmod(path, mode) == 0 else { throw failure("set the mode of", path) }
      guard Glibc.listen(descriptor, backlog) == 0 else { throw failure("listen on", path) }
      return UnixListener(descriptor: descriptor, path: path, inode: try inode(of: path))
    } catch {
      Glibc.close(descriptor)
      throw error
    }
  }

  /// Removes the socket's file where it is still this socket's.
  public func removeFile() {
    if (try? Self.inode(of: path)) == inode { unlink(path) }
  }

  private static func socketAddress(_ path: String) throws -> sockaddr_un {
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    let bytes = Array(path.utf8)
    let room = MemoryLayout.size(ofValue: address.sun_path)
    guard !bytes.isEmpty, bytes.count < room, !bytes.contains(0) else {
      throw PlatformError(
        .invalidArgument, "the socket path '\(path)' has \(bytes.count) bytes: unix sockets allow 1 to \(room - 1)")
    }
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
    return address
  }

  private static func removeStale(_ path: String, _ address: sockaddr_un) throws {
    var status = stat()
    guard lstat(path, &status) == 0 else { return }
    guard status.st_mode & S_IFMT == S_IFSOCK else {
      throw PlatformError(.conflict, "'\(path)' exists and is not a socket; remove it or choose another path")
    }
    let probe = socket(AF_UNIX, CInt(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue), 0)
    guard probe >= 0 else { throw failure("probe", path) }
    defer { Glibc.close(probe) }
    let result = withAddress(address) { connect(probe, $0, $1) }
    guard result != 0, errno == ECONNREFUSED else {
      throw PlatformError(.conflict, "another program listens on '\(path)'; stop it or choose another path")
    }
    unlink(path)
  }

  private static func inode(of path: String) throws -> UInt64 {
    var status = stat()
    guard lstat(path, &status) == 0 else { throw failure("look at", path) }
    return UInt64(status.st_ino)
  }

  private static func withAddress<R>(_ address: sockaddr_un, _ body: (UnsafePointer<sockaddr>, socklen_t) -> R) -> R {
    withUnsafePointer(to: address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        body($0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
  }

  private static func failure(_ verb: String, _ path: String) -> PlatformError {
    let number = errno
    return PlatformError(.unavailable, "failed to \(verb) '\(path)': \(String(cString: strerror(number)))")
  }
}
