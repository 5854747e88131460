import Glibc

/// One connection to the socket of the engine or the server: blocking, with a read buffer. Closed when it is let go.
final class Connection {
  /// Bytes asked of the kernel at a time.
  static let readSize = 65_536

  let descriptor: Int32
  let service: Service
  /// What was read and not yet taken.
  private(set) var buffer: [UInt8] = []

  init(to address: EngineAddress) throws(ClientError) {
    service = address.service
    descriptor = try Self.connect(address.path) { Self.refusal($0, address) }
  }

  /// A socket that is connected to the one at `path`, which has at most `EngineAddress.maximumPathBytes`.
  static func connect(_ path: String, _ failure: (Int32) -> ClientError) throws(ClientError) -> Int32 {
    let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0 else { throw ClientError("cannot make a socket: \(describe(errno: errno))") }
    var target = sockaddr_un()
    target.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &target.sun_path) {
      $0.copyBytes(from: path.utf8.prefix(EngineAddress.maximumPathBytes))
    }
    let result = withUnsafePointer(to: &target) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
    guard result == 0 else {
      let code = errno
      close(descriptor)
      throw failure(code)
    }
    return descriptor
  }

  deinit { close(descriptor) }

  /// What to tell the user when nobody answers at the socket.
  static func refusal(_ code: Int32, _ address: EngineAddress) -> ClientError {
    let service = address.service
    return switch code {
    case ENOENT, ECONNREFUSED:
      ClientError(
        "\(service.name) is not running at \(address.path): start it with 'systemctl start \(service.unit)' or "
          + "'\(service.command)', or name another socket with \(service.option)")
    case EACCES, EPERM:
      ClientError(
        "no permission to use \(address.path): "
          + "run as root, or join its group with 'usermod -aG bulkhead \(userName())' and log in again")
    default:
      ClientError("cannot connect to \(address.path): \(describe(errno: code))")
    }
  }

  private static func userName() -> String {
    guard let entry = getpwuid(getuid()) else { return "USER" }
    return String(cString: entry.pointee.pw_name)
  }

  /// Sends all bytes. Throws when the engine has hung up.
  func send(_ bytes: [UInt8]) throws(ClientError) {
    try Self.send(bytes, over: descriptor) { code in
      ClientError("\(service.name) hung up while the request was sent: \(describe(errno: code))")
    }
  }

  static func send(_ bytes: [UInt8], over descriptor: Int32, _ failure: (Int32) -> ClientError) throws(ClientError) {
    var sent = 0
    while sent < bytes.count {
      let count = bytes[sent...].withUnsafeBytes {
        Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
      }
      if count >= 0 {
        sent += count
      } else if errno != EINTR {
        throw failure(errno)
      }
    }
  }

  /// Waits for bytes and adds them to the buffer; false at the end of the stream.
  func fill() throws(ClientError) -> Bool {
    while true {
      var count = 0
      let piece = [UInt8](unsafeUninitializedCapacity: Self.readSize) { space, initialized in
        count = read(descriptor, space.baseAddress, space.count)
        initialized = max(count, 0)
      }
      if count > 0 {
        buffer.append(contentsOf: piece)
        return true
      }
      if count == 0 { return false }
      guard errno == EINTR else {
        throw ClientError("the connection to \(service.name) broke: \(describe(errno: errno))")
      }
    }
  }

  /// Whether there is something to read, now or within the time.
  func hasInput(withinMilliseconds limit: Int32) -> Bool {
    if !buffer.isEmpty { return true }
    var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    return poll(&entry, 1, limit) > 0
  }

  /// Takes up to `count` bytes off the front of the buffer.
  func take(_ count: Int) -> [UInt8] {
    if count >= buffer.count {
      defer { buffer = [] }
      return buffer
    }
    defer { buffer.removeFirst(count) }
    return Array(buffer[..<count])
  }

  /// Tells the engine that nothing more will be sent; reading goes on.
  func finishSending() { shutdown(descriptor, Int32(SHUT_WR)) }
}
