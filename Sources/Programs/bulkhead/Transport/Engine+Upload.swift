import Glibc

extension Engine {
  /// Bytes read from a file and sent as one chunk.
  static let uploadPiece = 1 << 18
  /// Bytes of an answer taken in while the upload is still under way.
  static let maximumEarlyAnswer = 4 << 20

  /// Sends what `source` holds, chunked, as the body of a request, and waits for the answer's head.
  ///
  /// The engine may answer while it still reads, so answers are taken in meanwhile. When it hangs up before all is sent,
  /// what it said is the result.
  /// - Parameter first: what was read of it already.
  func upload(
    _ method: Method, _ path: String, query: [(String, String?)], startingWith first: [UInt8] = [], from source: Int32,
    fields extra: [(String, String)] = []
  ) throws(ClientError) -> Response {
    let connection = try Connection(to: address)
    let fields = [("Content-Type", "application/x-tar"), ("Transfer-Encoding", "chunked")] + extra
    try connection.send(Self.head(method, path, query, fields))
    if !first.isEmpty {
      let size = Array((String(first.count, radix: 16) + "\r\n").utf8)
      guard try transmit(size + first + [13, 10], on: connection) else { return try answer(on: connection) }
    }
    var finished = false
    while !finished {
      let piece = try readPiece(source, upTo: Self.uploadPiece)
      finished = piece.isEmpty
      let size = Array((String(piece.count, radix: 16) + "\r\n").utf8)
      guard try transmit(size + piece + [13, 10], on: connection) else { break }
    }
    return try answer(on: connection)
  }

  /// Sends all bytes and takes in what arrives meanwhile; false when the engine takes no more.
  func transmit(_ bytes: [UInt8], on connection: Connection) throws(ClientError) -> Bool {
    var sent = 0
    while sent < bytes.count {
      var entry = pollfd(fd: connection.descriptor, events: Int16(POLLIN | POLLOUT), revents: 0)
      guard poll(&entry, 1, -1) >= 0 || errno == EINTR else { return false }
      if entry.revents & Int16(POLLIN) != 0 {
        guard connection.buffer.count < Self.maximumEarlyAnswer, try connection.fill() else { return false }
      }
      if entry.revents & Int16(POLLOUT) != 0 {
        let flags = Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT)
        let count = bytes[sent...].withUnsafeBytes {
          Glibc.send(connection.descriptor, $0.baseAddress, $0.count, flags)
        }
        if count >= 0 { sent += count } else if errno != EINTR, errno != EAGAIN { return false }
      } else if entry.revents & Int16(POLLERR | POLLHUP) != 0 {
        return false
      }
    }
    return true
  }
}

/// Reads up to `limit` bytes; empty at the end of the file.
func readPiece(_ descriptor: Int32, upTo limit: Int) throws(ClientError) -> [UInt8] {
  while true {
    var count = 0
    let piece = [UInt8](unsafeUninitializedCapacity: limit) { space, initialized in
      count = read(descriptor, space.baseAddress, space.count)
      initialized = max(count, 0)
    }
    if count >= 0 { return piece }
    guard errno == EINTR else { throw ClientError("cannot read: \(describe(errno: errno))") }
  }
}
