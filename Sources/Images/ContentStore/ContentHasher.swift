import Crypto
import Model

/// SHA-256 of a stream of bytes, the one digest that the platform uses. The only file that imports the hash library.
public struct ContentHasher: Sendable {
  private var state = SHA256()
  /// Bytes taken so far.
  public private(set) var sizeBytes: Int64 = 0

  public init() {}

  public mutating func update(_ bytes: UnsafeRawBufferPointer) {
    state.update(bufferPointer: bytes)
    sizeBytes += Int64(bytes.count)
  }

  /// The digest of what was taken so far; more may follow.
  public func digest() -> Model.Digest { Model.Digest(bytes: state.finalize()) }

  /// The digest of bytes at hand.
  public static func digest(of bytes: [UInt8]) -> Model.Digest {
    var hasher = ContentHasher()
    bytes.withUnsafeBytes { hasher.update($0) }
    return hasher.digest()
  }
}
