import ContentStore
import LinuxSystem
import Model
import Testing

@Suite struct PlacingTests {
  let scratch: Scratch
  let store: ContentStore
  var root: String { scratch.path + "/store" }

  init() throws {
    scratch = try Scratch()
    store = try ContentStore(root: scratch.path + "/store")
  }

  private func fill(_ file: ResumableFile, _ bytes: ArraySlice<UInt8>) throws {
    try bytes.withUnsafeBytes { try file.append($0) }
  }

  @Test func placedBytesAreThereAndReplaceWhatIsNotWhole() throws {
    let bytes = Array("small".utf8)
    let digest = ContentHasher.digest(of: bytes)
    for lost in [[], [0, 0, 0, 0, 0], bytes] as [[UInt8]] {
      try FileSystem.atomicWrite("\(root)/blobs/sha256/\(digest.hex)", lost)
      try store.place(bytes, as: digest)
      #expect(try store.read(digest, maxBytes: 10) == bytes)
    }
    #expect(try FileSystem.list(root + "/staging").isEmpty)
  }

  @Test("a file grows over openings and is adopted", arguments: [0, 1, 3_000_000])
  func resume(size: Int) throws {
    let bytes = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 11) }
    let path = scratch.path + "/upload"
    let first = try ResumableFile(creating: path)
    #expect(throws: PlatformError.self) { try ResumableFile(creating: path) }
    try fill(first, bytes[..<(size / 3)])
    first.suspend()
    try fill(first, bytes[(size / 3)..<(size / 2)])
    let second = try ResumableFile(resuming: path)
    #expect(second.sizeBytes == Int64(size / 2))
    try fill(second, bytes[(size / 2)...])
    try second.flush()
    let digest = ContentHasher.digest(of: bytes)
    #expect(try second.digest() == digest)
    #expect(try !store.adopt(path, as: digest, sizeBytes: Int64(size + 1)))
    #expect(try store.adopt(path, as: digest, sizeBytes: Int64(size)))
    #expect(!FileSystem.exists(path))
    #expect(try store.verify(digest))
    // Once more, as after a crash.
    #expect(try store.adopt(path, as: digest, sizeBytes: Int64(size)))
    #expect(try store.moveAway(digest, to: scratch.path + "/away"))
    #expect(try !store.moveAway(digest, to: scratch.path + "/away"))
    #expect(try !store.contains(digest))
    #expect(try !store.adopt(path, as: digest, sizeBytes: Int64(size)))
  }

  @Test func aFileThatIsNotThereCannotBeResumed() throws {
    #expect(throws: PlatformError.self) { try ResumableFile(resuming: scratch.path + "/none") }
  }
}
