import Isolation
import Model

/// How much of a container's output is kept: by size, by number of files and by age.
struct LogRetention: Sendable, Equatable {
  /// Of one file; `Int64.max` for no bound.
  var maxSizeBytes: Int64
  /// The current file and the rotated ones together.
  var maxFiles: Int
  /// nil: kept however old.
  var maxAgeSeconds: Int64?

  /// What the container's options say, and the policy's defaults for the rest.
  init(_ options: LogOptions, defaults: EnginePolicy.Defaults) {
    maxSizeBytes = options.maxSizeBytes ?? defaults.logMaxSizeBytes
    maxFiles = options.maxFiles ?? defaults.logMaxFiles
    let age = options.maxAgeSeconds ?? defaults.logMaxAgeSeconds
    maxAgeSeconds = age > 0 ? age : nil
  }

  /// Bytes of all files together.
  var totalBytes: Int64 { maxSizeBytes.clampedMultiplied(by: Int64(maxFiles)) }

  /// Files last written before this moment go (seconds since 1970); nil for none.
  func oldestSeconds(now: Int64) -> Int64? { maxAgeSeconds.map { now.clampedSubtracting($0) } }
}
