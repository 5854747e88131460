import Glibc
import LinuxSystem
import NIOCore

/// A part of a file that is the body of an answer. The descriptor is kept open until the answer is out.
public struct FileBody: Sendable {
  public let descriptor: Descriptor
  /// Bytes from the file's start; the descriptor's own position does not matter.
  public let offset: Int64
  /// Bytes; the file must have them.
  public let count: Int64

  public init(descriptor: Descriptor, offset: Int64 = 0, count: Int64) {
    self.descriptor = descriptor
    self.offset = offset
    self.count = count
  }

  /// Bytes read at once where the kernel cannot send the file by itself.
  private static let pieceBytes = 256 << 10
  /// Bytes given to the kernel at once, so that a client that stands still is noticed.
  private static let regionBytes: Int64 = 4 << 20

  /// Sends the part: by sendfile(2) where the bytes go out as they are, else piece by piece. Closes the connection where the
  /// client takes longer than `patience` for a piece.
  func send(over connection: ConnectionIO, patience: Int64) async throws {
    if connection.isEncrypted {
      try await copy(to: connection, patience)
    } else {
      try await hand(to: connection, patience)
    }
  }

  private func hand(to connection: ConnectionIO, _ patience: Int64) async throws {
    // Asked for more than there is, sendfile(2) would give nothing for ever.
    let size = try descriptor.status().sizeBytes
    guard offset + count <= size else {
      throw SystemError(errno: EIO, operation: "sendfile of a file that is too short")
    }
    let own = try systemCall("fcntl") { fcntl(descriptor.raw, F_DUPFD_CLOEXEC, 0) }
    let handle = NIOFileHandle(_deprecatedTakingOwnershipOfDescriptor: own)
    defer { try? handle.close() }
    var position = offset
    while position < offset + count {
      let end = min(offset + count, position + Self.regionBytes)
      let region = FileRegion(fileHandle: handle, readerIndex: Int(position), endIndex: Int(end))
      try await connection.write(region, withinMilliseconds: patience)
      position = end
    }
  }

  private func copy(to connection: ConnectionIO, _ patience: Int64) async throws {
    var position = offset
    let end = offset + count
    while position < end {
      let wanted = Int(min(Int64(Self.pieceBytes), end - position))
      var piece = connection.channel.allocator.buffer(capacity: wanted)
      let got = piece.writeWithUnsafeMutableBytes(minimumWritableBytes: wanted) { room in
        max(0, pread(descriptor.raw, room.baseAddress, wanted, off_t(position)))
      }
      guard got > 0 else { throw SystemError(errno: EIO, operation: "pread of a file that is sent") }
      position += Int64(got)
      try await connection.write(piece, withinMilliseconds: patience)
    }
  }
}
