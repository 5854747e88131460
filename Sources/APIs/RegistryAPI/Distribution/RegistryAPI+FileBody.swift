import Glibc
import HTTPServing
import LinuxSystem

extension RegistryAPI {
  private static let pieceBytes = 256 << 10

  /// Part of a file as an answer's body, never held in memory as a whole.
  static func body(_ file: Descriptor, _ start: Int64, _ end: Int64) -> HTTPResponse.Body {
    .stream { writer in
      var offset = start
      while offset < end {
        let wanted = Int(min(Int64(Self.pieceBytes), end - offset))
        let position = off_t(offset)
        let piece = try [UInt8](unsafeUninitializedCapacity: wanted) { buffer, count in
          count = try systemCall("pread") { pread(file.raw, buffer.baseAddress, wanted, position) }
        }
        guard !piece.isEmpty else { throw SystemError(errno: EIO, operation: "pread") }
        offset += Int64(piece.count)
        try await writer.write(piece)
      }
    }
  }
}
