import Glibc

/// One connection to redis, speaking RESP 2, blocking.
final class Redis {
  enum Reply {
    case simple(String)
    case integer(Int)
    case bulk([UInt8])
    case none
  }

  private static let maximumLine = 1_024
  private static let maximumBulk = 65_536
  private static let timeoutSeconds = 10

  private let descriptor: Int32
  private var buffer: [UInt8] = []

  init(host: String, port: UInt16 = 6379) throws {
    descriptor = try Self.connected(host, port)
  }

  deinit { close(descriptor) }

  private static func connected(_ host: String, _ port: UInt16) throws -> Int32 {
    var hints = addrinfo()
    hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    var found: UnsafeMutablePointer<addrinfo>?
    let code = getaddrinfo(host, "\(port)", &hints, &found)
    guard code == 0 else { throw Failure("\(host) is not known: \(String(cString: gai_strerror(code)))") }
    defer { freeaddrinfo(found) }
    var reason = "no address"
    var next = found
    while let address = next?.pointee {
      let descriptor = socket(address.ai_family, address.ai_socktype | Int32(SOCK_CLOEXEC.rawValue), 0)
      var limit = timeval(tv_sec: timeoutSeconds, tv_usec: 0)
      for option in [SO_RCVTIMEO, SO_SNDTIMEO] {
        setsockopt(descriptor, SOL_SOCKET, option, &limit, socklen_t(MemoryLayout<timeval>.size))
      }
      if connect(descriptor, address.ai_addr, address.ai_addrlen) == 0 { return descriptor }
      reason = String(cString: strerror(errno))
      close(descriptor)
      next = address.ai_next
    }
    throw Failure("cannot connect to \(host): \(reason)")
  }

  /// Sends one command and waits for its reply. An error that redis reports is thrown.
  func call(_ words: [[UInt8]]) throws -> Reply {
    var request = Array("*\(words.count)\r\n".utf8)
    for word in words { request += Array("$\(word.count)\r\n".utf8) + word + [13, 10] }
    var sent = 0
    while sent < request.count {
      let count = request[sent...].withUnsafeBytes { send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { throw Failure("redis hung up: \(String(cString: strerror(errno)))") }
      sent += count
    }
    return try reply()
  }

  func call(_ words: String...) throws -> Reply { try call(words.map { Array($0.utf8) }) }

  private func reply() throws -> Reply {
    let line = try self.line()
    let text = String(decoding: line.dropFirst(), as: UTF8.self)
    switch line.first {
    case UInt8(ascii: "+"): return .simple(text)
    case UInt8(ascii: "-"): throw Failure("redis refused: \(text)")
    case UInt8(ascii: ":"):
      guard let value = Int(text) else { break }
      return .integer(value)
    case UInt8(ascii: "$"):
      guard let count = Int(text), count <= Self.maximumBulk else { break }
      if count < 0 { return .none }
      try need(count + 2)
      defer { buffer.removeFirst(count + 2) }
      return .bulk(Array(buffer[..<count]))
    case UInt8(ascii: "*") where text == "-1": return .none
    default: break
    }
    throw Failure("redis answered something else than was asked for")
  }

  private func line() throws -> [UInt8] {
    while true {
      if let end = buffer.firstIndex(of: 13), end + 1 < buffer.count {
        defer { buffer.removeFirst(end + 2) }
        return Array(buffer[..<end])
      }
      guard buffer.count <= Self.maximumLine else { throw Failure("redis sent a line without an end") }
      try fill()
    }
  }

  private func need(_ count: Int) throws {
    while buffer.count < count { try fill() }
  }

  private func fill() throws {
    var piece = [UInt8](repeating: 0, count: 16_384)
    let count = recv(descriptor, &piece, piece.count, 0)
    if count < 0, errno == EINTR { return }
    guard count > 0 else {
      throw Failure(count == 0 ? "redis hung up" : "redis does not answer: \(String(cString: strerror(errno)))")
    }
    buffer += piece[..<count]
  }
}
