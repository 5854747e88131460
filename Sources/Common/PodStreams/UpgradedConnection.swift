import LinuxSystem

/// A connection to a server on a unix socket that has left HTTP: raw bytes both ways.
public final class UpgradedConnection: Sendable {
  private static let maxHeadBytes = 16 << 10
  private static let maxErrorBytes = 16 << 10
  private static let blockBytes = 64 << 10
  private static let patience = Duration.seconds(30)

  private let connection: AsyncDescriptor
  /// What came with the head of the answer.
  private let early: Locked<[UInt8]>

  private init(_ connection: AsyncDescriptor, early: [UInt8]) {
    self.connection = connection
    self.early = Locked(early)
  }

  /// Asks by POST to go over to raw bytes.
  ///
  /// Throws `UpgradeRefusal` where the server does not; `SystemError` where none listens.
  /// - Parameter target: path and query, percent-encoded.
  public static func open(socket path: String, target: String, poller: Poller) async throws -> UpgradedConnection {
    let opened = try await Deadline.run(within: patience) {
      let connection = try AsyncDescriptor(UnixSocket.connect(path, nonBlocking: true), poller: poller)
      let head =
        "POST \(target) HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: tcp\r\nContent-Length: 0\r\n\r\n"
      try await connection.write(Array(head.utf8))
      return try await answer(connection)
    }
    guard let opened else { throw UpgradeRefusal(status: 504, body: []) }
    return opened
  }

  private static func answer(_ connection: AsyncDescriptor) async throws -> UpgradedConnection {
    var bytes: [UInt8] = []
    while true {
      if let end = endOfHead(bytes) {
        let head = String(decoding: bytes[..<end], as: UTF8.self)
        let rest = Array(bytes[end...])
        guard let status = Int(head.split(separator: " ", maxSplits: 2).dropFirst().first ?? "") else { break }
        if status == 101 { return UpgradedConnection(connection, early: rest) }
        throw UpgradeRefusal(status: status, body: try await body(connection, head, rest))
      }
      guard bytes.count < maxHeadBytes else { break }
      let more = try await connection.read(blockBytes)
      if more.isEmpty { break }
      bytes += more
    }
    throw UpgradeRefusal(status: 502, body: Array("the answer is none of HTTP".utf8))
  }

  private static func endOfHead(_ bytes: [UInt8]) -> Int? {
    guard bytes.count >= 4 else { return nil }
    return (3..<bytes.count).first { bytes[($0 - 3)...$0].elementsEqual([13, 10, 13, 10]) }.map { $0 + 1 }
  }

  /// Why the server refuses: as long as it says, within the bound.
  private static func body(_ connection: AsyncDescriptor, _ head: String, _ begun: [UInt8]) async throws -> [UInt8] {
    let length = head.split(separator: "\r\n").compactMap { line -> Int? in
      let parts = line.split(separator: ":", maxSplits: 1)
      guard parts.count == 2, parts[0].lowercased() == "content-length" else { return nil }
      return Int(parts[1].drop { $0 == " " })
    }.first
    let wanted = min(length ?? 0, maxErrorBytes)
    var bytes = begun
    while bytes.count < wanted {
      let more = try await connection.read(blockBytes)
      if more.isEmpty { break }
      bytes += more
    }
    return Array(bytes.prefix(wanted))
  }

  /// What is there, at least one byte; empty at the end. One reader at a time.
  public func read() async throws -> [UInt8] {
    let first = early.withLock { early in
      defer { early = [] }
      return early
    }
    return first.isEmpty ? try await connection.read(Self.blockBytes) : first
  }

  /// Throws EPIPE where nobody reads any more.
  public func write(_ bytes: [UInt8]) async throws {
    if !bytes.isEmpty { try await connection.write(bytes) }
  }

  /// Nothing more is sent; the other side may go on.
  public func closeWrite() throws { try connection.shutdownWrite() }
}

/// A server did not go over to raw bytes.
public struct UpgradeRefusal: Error, Sendable, Equatable {
  public let status: Int
  /// What it says, at most 16 KiB.
  public let body: [UInt8]
}
