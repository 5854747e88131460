import ContentStore
import Glibc
import LinuxSystem
import Model
import Testing

@testable import Registry

@Suite struct UploadTests {
  let fixture: RegistryFixture
  let name: RepositoryName

  init() throws {
    fixture = try RegistryFixture {
      $0.smallBlobBytes = 100
      $0.maximumBlobBytes = 10_000
      $0.maximumUploads = 4
      $0.maximumProjectUploads = 3
    }
    name = try RepositoryName(parsing: "team/app")
  }

  private func send(_ bytes: ArraySlice<UInt8>, to upload: UploadSession, at offset: Int64? = nil) throws {
    try fixture.registry.begin(upload, at: offset)
    defer { upload.end() }
    try bytes.withUnsafeBytes { try upload.append($0) }
    try upload.persist()
  }

  @Test("an upload goes on after a crash with what was acknowledged", arguments: [10, 5_000])
  func resume(size: Int) throws {
    let bytes = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 7) }
    let digest = ContentHasher.digest(of: bytes)
    let id = try fixture.registry.startUpload(in: name).id
    try send(bytes[..<(size / 2)], to: fixture.registry.upload(id, in: name), at: 0)
    try fixture.crash()
    let upload = try fixture.registry.upload(id, in: name)
    #expect(upload.sizeBytes == Int64(size / 2))
    try send(bytes[(size / 2)...], to: upload, at: Int64(size / 2))
    try fixture.registry.begin(upload)
    #expect(try fixture.registry.finish(upload, expected: digest) == Int64(size))
    #expect(try fixture.registry.content.read(digest, maxBytes: 10_000) == bytes)
    #expect(try FileSystem.list(fixture.path + "/uploads").isEmpty)
    #expect(throws: RegistryError.self) { try fixture.registry.upload(id, in: name) }
    try fixture.expectClean()
  }

  @Test func aPieceInTheWrongPlaceTellsTheRightOne() throws {
    let upload = try fixture.registry.startUpload(in: name)
    try send([1, 2, 3], to: upload)
    for offset in [Int64(0), 2, 4] {
      let error = #expect(throws: RegistryError.self) { try fixture.registry.begin(upload, at: offset) }
      #expect(error?.code == .rangeInvalid)
      #expect(error?.offset == 3)
    }
  }

  @Test func oneRequestAtATimeWrites() throws {
    let upload = try fixture.registry.startUpload(in: name)
    try fixture.registry.begin(upload)
    let error = #expect(throws: RegistryError.self) { try fixture.registry.begin(upload) }
    #expect(error?.code == .uploadInvalid)
    upload.end()
    try fixture.registry.begin(upload)
  }

  @Test func boundsHold() throws {
    let upload = try fixture.registry.startUpload(in: name)
    try fixture.registry.begin(upload)
    let error = #expect(throws: RegistryError.self) {
      try [UInt8](repeating: 0, count: 10_001).withUnsafeBytes { try upload.append($0) }
    }
    #expect(error?.code == .uploadTooLarge)
    upload.end()
    _ = try fixture.registry.startUpload(in: name)
    _ = try fixture.registry.startUpload(in: name)
    let many = #expect(throws: RegistryError.self) { try fixture.registry.startUpload(in: name) }
    #expect(many?.code == .tooManyUploads)
    let other = try RepositoryName(parsing: "other/x")
    _ = try fixture.registry.startUpload(in: other)
    let all = #expect(throws: RegistryError.self) { try fixture.registry.startUpload(in: other) }
    #expect(all?.code == .tooManyUploads)
  }

  @Test func anUploadIsForItsRepositoryOnly() throws {
    let upload = try fixture.registry.startUpload(in: name)
    let error = #expect(throws: RegistryError.self) {
      try fixture.registry.upload(upload.id, in: RepositoryName(parsing: "team/other"))
    }
    #expect(error?.code == .uploadUnknown)
  }

  @Test func whatNobodyTouchesIsGivenUp() throws {
    let upload = try fixture.registry.startUpload(in: name)
    try send([1, 2, 3], to: upload)
    #expect(try !FileSystem.list(fixture.path + "/uploads").isEmpty)
    fixture.clock.advance(24 * 3_600)
    try fixture.registry.maintain()
    #expect(fixture.registry.uploads.count == 1)
    fixture.clock.advance(1)
    try fixture.registry.maintain()
    #expect(fixture.registry.uploads.count == 0)
    #expect(try FileSystem.list(fixture.path + "/uploads").isEmpty)
  }

  @Test func `a server that starts often keeps no upload for longer`() throws {
    let upload = try fixture.registry.startUpload(in: name)
    try send([1, 2, 3], to: upload)
    // As if it had come long ago by the clock of the files, which is not the test's.
    let path = fixture.registry.files.upload(upload.id)
    var times = [timespec(tv_sec: 1, tv_nsec: 0), timespec(tv_sec: 1, tv_nsec: 0)]
    #expect(utimensat(AT_FDCWD, path, &times, 0) == 0)
    for _ in 0..<3 {
      fixture.clock.advance(8 * 3_600)
      try fixture.crash()
      #expect(fixture.registry.uploads.count == 1)
    }
    fixture.clock.advance(1)
    try fixture.registry.maintain()
    #expect(fixture.registry.uploads.count == 0)
    #expect(try FileSystem.list(fixture.path + "/uploads").isEmpty)
  }

  @Test func cancelledUploadsLeaveNothing() throws {
    let upload = try fixture.registry.startUpload(in: name)
    try send([1, 2, 3], to: upload)
    try fixture.registry.cancel(upload)
    #expect(try FileSystem.list(fixture.path + "/uploads").isEmpty)
    #expect(throws: RegistryError.self) { try fixture.registry.begin(upload) }
  }

  @Test func theSameContentTwiceIsKeptOnce() throws {
    let bytes = [UInt8](repeating: 3, count: 5_000)
    let digest = ContentHasher.digest(of: bytes)
    for text in ["team/app", "team/other", "team/app"] {
      try fixture.registry.putBlob(bytes, in: RepositoryName(parsing: text), expected: digest)
    }
    #expect(try fixture.registry.project("team").usedBytes == 5_000)
    #expect(try FileSystem.list(fixture.path + "/uploads").isEmpty)
    try fixture.expectClean()
  }
}
