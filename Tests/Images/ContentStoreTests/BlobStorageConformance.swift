import ContentStore
import Glibc
import LinuxSystem
import Model
import Testing

/// What every `BlobStorage` must do. Each function takes a fresh, empty storage.
enum BlobStorageConformance {
  static let all: [@Sendable (any BlobStorage) throws -> Void] = [
    { try returnsWhatWasWritten($0) }, { try refusesAnotherDigest($0) }, { try refusesAnotherSize($0) },
    { try stopsAtTheLimit($0) }, { try abortLeavesNothing($0) }, { try storesTheSameBytesOnce($0) },
    { try namesWhatIsMissing($0) }, { try refusesUseAfterCommit($0) }, { try listsInOrder($0) },
  ]

  static func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

  static func append(_ text: String, to writer: some BlobWriter) throws {
    try bytes(text).withUnsafeBytes { try writer.append($0) }
  }

  static func returnsWhatWasWritten(_ storage: some BlobStorage) throws {
    let writer = try storage.writer(expected: nil, expectedSizeBytes: nil, limitBytes: 100)
    try append("hello ", to: writer)
    try append("", to: writer)
    try append("world", to: writer)
    let (digest, size) = try writer.commit()
    #expect(digest.hex == "b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9")
    #expect(size == 11)
    #expect(try storage.contains(digest))
    #expect(try storage.size(digest) == 11)
    #expect(try storage.read(digest, maxBytes: 11) == bytes("hello world"))
    #expect(try storage.open(digest).readAll(maxBytes: 100) == bytes("hello world"))
    #expect(try storage.verify(digest))
    let error = #expect(throws: PlatformError.self) { try storage.read(digest, maxBytes: 10) }
    #expect(error?.code == .resourceExhausted)
    #expect(try storage.delete(digest))
    #expect(try !storage.delete(digest))
    #expect(try !storage.contains(digest))
  }

  static func refusesAnotherDigest(_ storage: some BlobStorage) throws {
    let expected = ContentHasher.digest(of: bytes("right"))
    let writer = try storage.writer(expected: expected, expectedSizeBytes: 5, limitBytes: 100)
    try append("wrong", to: writer)
    let error = #expect(throws: PlatformError.self) { try writer.commit() }
    #expect(error?.code == .invalidArgument)
    #expect(try storage.list().isEmpty)
  }

  static func refusesAnotherSize(_ storage: some BlobStorage) throws {
    let writer = try storage.writer(expected: nil, expectedSizeBytes: 5, limitBytes: 100)
    try append("four", to: writer)
    #expect(throws: PlatformError.self) { try writer.commit() }
    let second = try storage.writer(expected: nil, expectedSizeBytes: 5, limitBytes: 100)
    let error = #expect(throws: PlatformError.self) { try append("sixsix", to: second) }
    #expect(error?.code == .resourceExhausted)
    #expect(try storage.list().isEmpty)
  }

  static func stopsAtTheLimit(_ storage: some BlobStorage) throws {
    let writer = try storage.writer(expected: nil, expectedSizeBytes: nil, limitBytes: 8)
    try append("12345678", to: writer)
    let error = #expect(throws: PlatformError.self) { try append("9", to: writer) }
    #expect(error?.code == .resourceExhausted)
    #expect(try writer.commit().sizeBytes == 8)
  }

  static func abortLeavesNothing(_ storage: some BlobStorage) throws {
    let writer = try storage.writer(expected: nil, expectedSizeBytes: nil, limitBytes: 8)
    try append("1234", to: writer)
    writer.abort()
    writer.abort()
    #expect(throws: PlatformError.self) { try writer.commit() }
    #expect(try storage.list().isEmpty)
  }

  static func storesTheSameBytesOnce(_ storage: some BlobStorage) throws {
    let first = try storage.write(bytes("same"))
    let second = try storage.write(bytes("same"), expected: first)
    #expect(first == second)
    #expect(try storage.list().count == 1)
  }

  static func namesWhatIsMissing(_ storage: some BlobStorage) throws {
    let digest = ContentHasher.digest(of: bytes("absent"))
    for call in [
      { _ = try storage.open(digest) }, { _ = try storage.size(digest) }, { _ = try storage.verify(digest) },
      { _ = try storage.read(digest, maxBytes: 1) },
    ] as [() throws -> Void] {
      let error = #expect(throws: PlatformError.self) { try call() }
      #expect(error?.code == .notFound)
      #expect(error?.message.contains(digest.hex) == true)
    }
  }

  static func refusesUseAfterCommit(_ storage: some BlobStorage) throws {
    let writer = try storage.writer(expected: nil, expectedSizeBytes: nil, limitBytes: 8)
    try append("1", to: writer)
    let digest = try writer.commit().digest
    #expect(throws: PlatformError.self) { try append("2", to: writer) }
    #expect(throws: PlatformError.self) { try writer.commit() }
    writer.abort()
    #expect(try storage.contains(digest))
  }

  static func listsInOrder(_ storage: some BlobStorage) throws {
    let digests = try (0..<20).map { try storage.write(bytes("blob \($0)")) }.sorted()
    #expect(try storage.list().map(\.digest) == digests)
    #expect(try storage.list().allSatisfy { $0.sizeBytes == 6 || $0.sizeBytes == 7 })
  }
}
