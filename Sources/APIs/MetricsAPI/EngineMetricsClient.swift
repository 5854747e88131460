import Glibc
import LinuxSystem
import Model

/// Reads the engine's page of metrics from its socket, for the server.
public struct EngineMetricsClient: Sendable {
  /// A thousand containers make some three million bytes.
  static let maximumBytes = 32 << 20
  static let timeoutSeconds = 10

  private let path: String

  /// - Parameter path: of the engine's metrics socket.
  public init(path: String) { self.path = path }

  /// The page. Blocks, for ten seconds at most without a byte.
  ///
  /// Throws `unavailable` where no engine answers, `internal` where it answers with something else than a page.
  public func page() throws -> [UInt8] {
    let answer: [UInt8]
    do {
      answer = try exchange()
    } catch {
      throw PlatformError(
        .unavailable, "the engine of this machine does not answer at its metrics socket", cause: error)
    }
    let (status, body) = try Self.parse(answer)
    guard status == 200 else {
      throw PlatformError(.unavailable, "the engine answered \(status) at its metrics socket")
    }
    return body
  }

  private func exchange() throws -> [UInt8] {
    let socket = try UnixSocket.connect(path)
    var limit = timeval(tv_sec: Self.timeoutSeconds, tv_usec: 0)
    for option in [SO_RCVTIMEO, SO_SNDTIMEO] as [Int32] {
      try systemCall("setsockopt", path) {
        setsockopt(socket.raw, SOL_SOCKET, option, &limit, socklen_t(MemoryLayout<timeval>.size))
      }
    }
    try socket.write(all: Array("GET /metrics HTTP/1.1\r\nHost: engine\r\nConnection: close\r\n\r\n".utf8))
    return try socket.readAll(maxBytes: Self.maximumBytes)
  }

  /// Status and body of an answer that ended with its connection. The engine sends a page whole, with its length
  /// (RFC 9112, section 6.3).
  static func parse(_ answer: [UInt8]) throws -> (status: Int, body: [UInt8]) {
    let broken = PlatformError(.internal, "the engine's metrics socket gave no whole page")
    let text = answer.prefix(8 << 10)
    guard let end = (0..<max(0, text.count - 3)).first(where: { Array(text[$0..<$0 + 4]) == [13, 10, 13, 10] }) else {
      throw broken
    }
    let lines = String(decoding: text[..<end], as: UTF8.self).split(separator: "\r\n")
    let words = lines.first?.split(separator: " ") ?? []
    guard words.count >= 2, words[0].hasPrefix("HTTP/1."), let status = Int(words[1]) else { throw broken }
    var length: Int?
    for line in lines.dropFirst() {
      guard let colon = line.firstIndex(of: ":"), line[..<colon].lowercased() == "content-length" else { continue }
      length = Int(line[line.index(after: colon)...].drop { $0 == " " })
    }
    let body = Array(answer[(end + 4)...])
    guard let length, body.count == length else { throw broken }
    return (status, body)
  }
}
