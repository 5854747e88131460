import ContentStore
import Glibc
import LinuxSystem
import Model
import Testing

/// A scratch folder that goes away with the test.
final class Scratch: Sendable {
  let path: String
  init() throws {
    path = "/tmp/content-test-\(UInt64.random(in: .min ... .max))"
    try FileSystem.makeDirectory(path, mode: 0o700)
  }
  deinit { try? FileSystem.removeTree(path) }
}

@Suite struct ContentStoreTests {
  let scratch: Scratch
  init() throws { scratch = try Scratch() }

  @Test(arguments: BlobStorageConformance.all.indices)
  func conforms(index: Int) throws {
    try BlobStorageConformance.all[index](try ContentStore(root: scratch.path + "/store"))
  }

  @Test func blobsSurviveReopeningAndLeftoversDoNot() throws {
    let root = scratch.path + "/store"
    let digest = try ContentStore(root: root).write(Array("kept".utf8))
    // What a crash in the middle of a write leaves behind.
    try FileSystem.atomicWrite(root + "/staging/leftover", [1, 2, 3])
    let store = try ContentStore(root: root)
    #expect(try store.read(digest, maxBytes: 10) == Array("kept".utf8))
    #expect(try FileSystem.list(root + "/staging").isEmpty)
  }

  @Test func otherAlgorithmsAreKeptOnlyWhereSaid() throws {
    let bytes = Array("long".utf8)
    let digest = ContentHasher.digest(of: bytes, by: .sha512)
    let store = try ContentStore(root: scratch.path + "/plain")
    let error = #expect(throws: PlatformError.self) { try store.write(bytes, expected: digest) }
    #expect(error?.code == .invalidArgument)
    #expect(throws: PlatformError.self) { try store.place(bytes, as: digest) }
    let both = try ContentStore(root: scratch.path + "/both", algorithms: DigestAlgorithm.allCases)
    #expect(try both.write(bytes, expected: digest) == digest)
    #expect(try both.read(digest, maxBytes: 4) == bytes && both.verify(digest))
    #expect(throws: PlatformError.self) { try both.write([1], expected: digest) }
    let other = try both.write(bytes)
    #expect(try Set(both.list().map(\.digest)) == [digest, other])
  }

  @Test func damageOnDiskIsFoundAndNamed() throws {
    let store = try ContentStore(root: scratch.path + "/store")
    let digest = try store.write(Array("good".utf8))
    try FileSystem.atomicWrite(scratch.path + "/store/blobs/sha256/\(digest.hex)", Array("evil".utf8))
    #expect(try !store.verify(digest))
    let error = #expect(throws: PlatformError.self) { try store.read(digest, maxBytes: 10) }
    #expect(error?.code == .internal)
    #expect(error?.message.contains("damaged") == true)
  }

  @Test func aLinkInPlaceOfABlobIsNotFollowed() throws {
    let store = try ContentStore(root: scratch.path + "/store")
    let digest = ContentHasher.digest(of: Array("x".utf8))
    symlink("/etc/passwd", scratch.path + "/store/blobs/sha256/\(digest.hex)")
    #expect(throws: PlatformError.self) { try store.open(digest) }
  }

  @Test func droppedWriterRemovesItsFile() throws {
    let store = try ContentStore(root: scratch.path + "/store")
    do {
      let writer = try store.writer(limitBytes: 10)
      try BlobStorageConformance.append("x", to: writer)
      #expect(try FileSystem.list(scratch.path + "/store/staging").count == 1)
    }
    #expect(try FileSystem.list(scratch.path + "/store/staging").isEmpty)
  }

  @Test func rootIsClosedToOthers() throws {
    _ = try ContentStore(root: scratch.path + "/store")
    var status = stat()
    #expect(lstat(scratch.path + "/store", &status) == 0)
    #expect(status.st_mode & 0o777 == 0o700)
  }

  @Test func fullDiskIsReportedAsExhausted() {
    let error = platformError("store content", SystemError(errno: ENOSPC, operation: "write"))
    #expect(error.code == .resourceExhausted)
    #expect(platformError("store content", SystemError(errno: EIO, operation: "write")).code == .internal)
  }
}
