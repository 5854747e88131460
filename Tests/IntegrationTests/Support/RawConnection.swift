import FoundationEssentials
import Glibc

/// A unix socket on which a test writes what it likes, byte for byte, and reads what comes back.
final class RawConnection {
  enum Failure: Error {
    case connect(path: String, errno: Int32)
    case write(errno: Int32)
  }

  private let descriptor: Int32

  init(_ path: String, timeoutSeconds: Int = 20) throws {
    descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8.prefix($0.count - 1)) }
    let code = withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
    guard code == 0 else {
      let failure = errno
      close(descriptor)
      throw Failure.connect(path: path, errno: failure)
    }
    set(timeoutSeconds: timeoutSeconds)
  }

  deinit { close(descriptor) }

  func set(timeoutSeconds: Int) {
    var limit = timeval(tv_sec: timeoutSeconds, tv_usec: 0)
    for option in [SO_RCVTIMEO, SO_SNDTIMEO] {
      setsockopt(descriptor, SOL_SOCKET, option, &limit, socklen_t(MemoryLayout<timeval>.size))
    }
  }

  /// Writes everything, or throws (EPIPE when the engine has hung up, EAGAIN when it does not read).
  func write(_ bytes: [UInt8]) throws {
    var offset = 0
    while offset < bytes.count {
      let count = bytes[offset...].withUnsafeBytes { send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
      if count < 0 {
        if errno == EINTR { continue }
        throw Failure.write(errno: errno)
      }
      offset += count
    }
  }

  func write(_ text: String) throws { try write(Array(text.utf8)) }

  func closeWriting() { shutdown(descriptor, Int32(SHUT_WR)) }

  /// What one read gives; nil at the end of the stream, on an error, or when nothing came within the timeout.
  func read(_ limit: Int = 65_536) -> [UInt8]? {
    var buffer = [UInt8](repeating: 0, count: limit)
    let count = recv(descriptor, &buffer, limit, 0)
    return count > 0 ? Array(buffer[..<count]) : nil
  }

  /// Everything until the engine closes, at most `limit` bytes.
  func readToEnd(limit: Int = 64 << 20) -> [UInt8] {
    var all: [UInt8] = []
    while all.count < limit, let piece = read() { all += piece }
    return all
  }

  /// True when the engine has closed the connection (or does so within the timeout).
  var isClosedByEngine: Bool {
    var byte: UInt8 = 0
    while true {
      let count = recv(descriptor, &byte, 1, 0)
      if count == 0 { return true }
      if count < 0 { return errno == ECONNRESET }
    }
  }
}
