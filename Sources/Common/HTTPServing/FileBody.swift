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

  /// Sends the part: by sendfile(2) where the bytes go out as they are, else piece by piece.
  func send(over connection: ConnectionIO) async throws {
    if connection.isEncrypted { try await copy(to: connection) } else { try await hand(to: connection) }
  }

  private func hand(to connection: ConnectionIO) async throws {
    // Asked for more than there is, sendfile(2) would give nothing for ever.
    let size = try descriptor.status().sizeBytes
    guard offset + count <= size else {
      throw SystemError(errno: EIO, operation: "sendfile of a file that is too short")
    }
    let own = try systemCall("fcntl") { fcntl(descriptor.raw, F_DUPFD_CLOEXEC, 0) }
    let handle = NIOFileHandle(_deprecatedTakingOwnershipOfDescriptor: own)
    let region = FileRegion(fileHandle: handle, readerIndex: Int(offset), endIndex: Int(offset + count))
    defer { try? handle.close() }
    do {
      try await connection.channel.writeAndFlush(region).get()
    } catch {
      throw ClientDisconnected()
    }
  }

  private func copy(to connection: ConnectionIO) async throws {
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
      try await connection.write(piece)
    }
  }
}
