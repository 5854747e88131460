import Glibc
import LinuxSystem
import Model

extension TarWriter {
  /// Bytes read from a file at once.
  private static let pieceBytes = 64 << 10

  /// Writes an entry with its content.
  /// - Parameter content: read from its position on, exactly `entry.sizeBytes`; zeroes stand for what is missing.
  public func write(entry: TarEntry, content: Descriptor?) throws {
    try add(entry)
    if let content {
      try withUnsafeTemporaryAllocation(byteCount: Self.pieceBytes, alignment: 4096) { buffer in
        while missingBytes > 0 {
          let wanted = min(buffer.count, Int(clamping: missingBytes))
          let count = try content.read(into: UnsafeMutableRawBufferPointer(rebasing: buffer[..<wanted]))
          if count == 0 { break }
          try write(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
        }
      }
    }
    try fillRest()
  }

  /// Writes an entry with its content, whose length becomes the entry's size.
  public func write(entry: TarEntry, bytes: [UInt8]) throws {
    var entry = entry
    entry.sizeBytes = Int64(bytes.count)
    try add(entry)
    try bytes.withUnsafeBytes { all in
      for start in stride(from: 0, to: all.count, by: Self.pieceBytes) {
        try write(UnsafeRawBufferPointer(rebasing: all[start..<min(start + Self.pieceBytes, all.count)]))
      }
    }
  }
}
