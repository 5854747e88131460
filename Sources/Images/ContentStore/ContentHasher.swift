import Crypto
import Model

/// The digest of a stream of bytes: SHA-256 unless told otherwise. The only file that imports the hash library.
public struct ContentHasher: Sendable {
  // One of the two, changed where it lies: a payload of an enum would be copied at each step.
  private var sha256: SHA256?
  private var sha512: SHA512?
  /// Bytes taken so far.
  public private(set) var sizeBytes: Int64 = 0

  public init(_ algorithm: DigestAlgorithm = .sha256) {
    switch algorithm {
    case .sha256: sha256 = SHA256()
    case .sha512: sha512 = SHA512()
    }
  }

  public var algorithm: DigestAlgorithm { sha512 == nil ? .sha256 : .sha512 }

  public mutating func update(_ bytes: UnsafeRawBufferPointer) {
    sha256?.update(bufferPointer: bytes)
    sha512?.update(bufferPointer: bytes)
    sizeBytes += Int64(bytes.count)
  }

  /// The digest of what was taken so far; more may follow.
  public func digest() -> Model.Digest {
    if let sha512 { return Model.Digest(bytes: sha512.finalize()) }
    return Model.Digest(bytes: (sha256 ?? SHA256()).finalize())
  }

  /// The SHA-256 of bytes at hand.
  public static func digest(of bytes: [UInt8]) -> Model.Digest { digest(of: bytes, by: .sha256) }

  public static func digest(of bytes: [UInt8], by algorithm: DigestAlgorithm) -> Model.Digest {
    var hasher = ContentHasher(algorithm)
    bytes.withUnsafeBytes { hasher.update($0) }
    return hasher.digest()
  }
}
