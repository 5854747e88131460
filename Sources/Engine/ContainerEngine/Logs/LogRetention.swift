import Isolation
import Model

/// How much of a container's output is kept: by size, by number of files and by age.
public struct LogRetention: Sendable, Equatable {
  public var maxSizeBytes: Int64
  /// The current file and the rotated ones together.
  public var maxFiles: Int
  public var maxAgeSeconds: Int64

  /// Bytes of all files together.
  public var totalBytes: Int64 { maxSizeBytes.clampedMultiplied(by: Int64(maxFiles)) }

  public static let standard = LogRetention(maxSizeBytes: 10 << 20, maxFiles: 3, maxAgeSeconds: 30 * 86_400)

  /// Takes `max-size`, `max-file` and `max-age` (`10m`, `3`, `30d`) from a container's log options; the rest is `defaults`.
  public init(options: [String: String], defaults: LogRetention = .standard) throws {
    self = defaults
    if let text = options["max-size"] {
      guard let size = Self.bytes(text), size >= 4096 else {
        throw PlatformError(
          .invalidArgument,
          "invalid log option max-size '\(text.prefix(40))': expected a size of at least 4k, such as 10m")
      }
      maxSizeBytes = size
    }
    if let text = options["max-file"] {
      guard let count = Int(text), (1...1000).contains(count) else {
        throw PlatformError(
          .invalidArgument, "invalid log option max-file '\(text.prefix(40))': expected a number from 1 to 1000")
      }
      maxFiles = count
    }
    if let text = options["max-age"] {
      guard let seconds = Self.seconds(text), seconds > 0 else {
        throw PlatformError(
          .invalidArgument, "invalid log option max-age '\(text.prefix(40))': expected a time such as 12h or 30d")
      }
      maxAgeSeconds = seconds
    }
  }

  init(maxSizeBytes: Int64, maxFiles: Int, maxAgeSeconds: Int64) {
    self.maxSizeBytes = maxSizeBytes
    self.maxFiles = maxFiles
    self.maxAgeSeconds = maxAgeSeconds
  }

  private static func bytes(_ text: String) -> Int64? {
    let units: [Character: Int64] = ["k": 1 << 10, "m": 1 << 20, "g": 1 << 30]
    var digits = text.lowercased()
    if digits.hasSuffix("b") { digits.removeLast() }
    let factor = digits.last.flatMap { units[$0] }
    if factor != nil { digits.removeLast() }
    return Int64(digits).flatMap { value in
      let (product, overflow) = value.multipliedReportingOverflow(by: factor ?? 1)
      return overflow ? nil : product
    }
  }

  private static func seconds(_ text: String) -> Int64? {
    let units: [Character: Int64] = ["s": 1, "m": 60, "h": 3600, "d": 86_400]
    guard let unit = text.last.flatMap({ units[$0] }), let value = Int64(text.dropLast()), value < 1 << 32 else {
      return nil
    }
    return value * unit
  }
}
