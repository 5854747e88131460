import ContentStore
import Glibc
import LinuxSystem
import Model
import OCITypes
import Synchronization
import Testing

@testable import Registry

@Suite struct CollectionTests {
  let fixture: RegistryFixture
  let name: RepositoryName
  var registry: Registry { fixture.registry }

  init() throws {
    fixture = try RegistryFixture()
    name = try RepositoryName(parsing: "team/app")
  }

  private func has(_ text: String) throws -> Bool {
    try registry.content.contains(ContentHasher.digest(of: Array(text.utf8)))
  }

  @Test func whatNothingNeedsGoesAndNothingElse() throws {
    let gone = try fixture.push(["one", "shared"], "a")
    try fixture.push(["two", "shared"], "b")
    try registry.deleteManifest(gone, in: name)
    let plan = try registry.collectGarbage(isDryRun: true)
    let result = try registry.collectGarbage()
    #expect(result.removedBlobs == 2)
    #expect((plan.removedBlobs, plan.removedBytes) == (2, result.removedBytes))
    #expect(try !has("one"))
    try fixture.expectWhole(name)
    try fixture.expectClean()
    #expect(try registry.collectGarbage() == Registry.Collection())
  }

  @Test func aPushKeepsWhatItWasToldOf() throws {
    let first = try fixture.push(["one"], "a")
    let layer = ContentHasher.digest(of: Array("one".utf8))
    // A second push is told that the layer is there, then the first manifest goes.
    _ = try registry.promiseBlob(layer, in: name)
    try registry.deleteManifest(first, in: name)
    _ = try registry.collectGarbage()
    #expect(try has("one"))
    // An upload that is open keeps it beyond the grace time.
    let upload = try registry.startUpload(in: name)
    fixture.clock.advance(10 * 3_600)
    _ = try registry.collectGarbage()
    #expect(try has("one"))
    try registry.cancel(upload)
    _ = try registry.collectGarbage()
    #expect(try !has("one"))
    try fixture.expectClean()
  }

  @Test func blobsWithoutAManifestGoAfterTheGraceTime() throws {
    _ = try fixture.blob("lonely", in: name)
    #expect(try registry.collectGarbage().removedBlobs == 0)
    fixture.clock.advance(3_599)
    #expect(try registry.collectGarbage().removedBlobs == 0)
    fixture.clock.advance(1)
    let result = try registry.collectGarbage()
    #expect(result.removedBlobs == 1)
    #expect(result.removedRepositories == 1)
    #expect(try registry.project("team").usedBytes == 0)
    try fixture.expectClean()
  }

  @Test func theBytesGivenBackAreThoseOfTheFileSystem() throws {
    for number in 0..<20 {
      let bytes = (0..<(1 << 20)).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ number) }
      try registry.putBlob(bytes, in: name, expected: ContentHasher.digest(of: bytes))
    }
    try registry.checkpoint()
    func used() throws -> Int64 {
      try FileSystem.list(fixture.path + "/blobs/sha256").reduce(0) {
        $0 + RegistryFiles.diskBytes(fixture.path + "/blobs/sha256/" + $1)
      }
    }
    let before = try used()
    fixture.clock.advance(3_600)
    let result = try registry.collectGarbage()
    #expect(result.removedBytes == 20 << 20)
    #expect(result.freedDiskBytes == before - (try used()))
    #expect(try used() == 0)
  }

  @Test("ATT-021: collections during 200 concurrent pushes lose nothing")
  func concurrentPushes() throws {
    let (registry, name) = (self.registry, self.name)
    let manifests = try (0..<200).map { number in
      try fixture.manifest(["layer \(number)", "shared \(number % 10)"], in: name, pushesBlobs: false)
    }
    let failures = Mutex<[String]>([])
    let next = Mutex(0)
    let pushing = Mutex(8)
    @Sendable func pushSome() {
      while let number = next.withLock({ next -> Int? in
        defer { next += 1 }
        return next < 200 ? next : nil
      }) {
        do {
          for text in ["{}", "layer \(number)", "shared \(number % 10)"] {
            let bytes = Array(text.utf8)
            let digest = ContentHasher.digest(of: bytes)
            do {
              _ = try registry.promiseBlob(digest, in: name)
            } catch let error as RegistryError where error.code == .blobUnknown {
              try registry.putBlob(bytes, in: name, expected: digest)
            }
          }
          let digest = try registry.putManifest(
            manifests[number], as: .tag("t\(number)"), mediaType: nil, in: name, by: "x"
          ).digest
          // Every third goes again at once, so that the collector has work.
          if number % 3 == 0 { try registry.deleteManifest(digest, in: name) }
        } catch {
          failures.withLock { $0.append("\(number): \(error)") }
        }
      }
      pushing.withLock { $0 -= 1 }
    }
    let threads = (0..<8).map { _ in TestThread(pushSome) }
    var removed = 0
    while pushing.withLock({ $0 }) > 0 { removed += try registry.collectGarbage().removedBlobs }
    for thread in threads { thread.join() }
    #expect(failures.withLock { $0 } == [])
    removed += try registry.collectGarbage().removedBlobs
    #expect(removed >= 67)
    #expect(try registry.tags(in: name, limit: 1_000).count == 133)
    try fixture.expectWhole(name)
    try fixture.expectClean()
  }

  @Test("ATT-020: parallel pushes and deletions of one tag leave whole manifests")
  func tagRace() throws {
    let (registry, name) = (self.registry, self.name)
    let manifests = try ["one", "two"].map { try fixture.manifest([$0], in: name) }
    let digests = manifests.map { ContentHasher.digest(of: $0) }
    let failures = Mutex<[String]>([])
    let threads = (0..<8).map { worker in
      TestThread {
        for round in 0..<25 {
          do {
            try registry.putManifest(
              manifests[(worker + round) % 2], as: .tag("t"), mediaType: nil, in: name, by: "x")
            let found = try registry.manifest(.tag("t"), in: name)
            if !digests.contains(found.digest) { failures.withLock { $0.append("a third manifest") } }
            if round % 5 == 4 { try registry.deleteTag("t", in: name) }
          } catch let error as RegistryError where error.code == .manifestUnknown {
            // Another thread has deleted the tag.
          } catch {
            failures.withLock { $0.append("\(error)") }
          }
        }
      }
    }
    for thread in threads { thread.join() }
    #expect(failures.withLock { $0 } == [])
    try fixture.expectWhole(name)
    try fixture.expectClean()
  }

  @Test func oneCollectionAtATime() throws {
    registry.maintenance.withLock { $0 = true }
    let error = #expect(throws: PlatformError.self) { try registry.collectGarbage() }
    #expect(error?.code == .conflict)
  }
}

/// A thread that can be waited for.
final class TestThread {
  private final class Work {
    let body: () -> Void
    init(_ body: @escaping () -> Void) { self.body = body }
  }

  private var thread = pthread_t()

  init(_ body: @escaping @Sendable () -> Void) {
    let result = pthread_create(
      &thread, nil,
      { pointer in
        if let pointer { Unmanaged<Work>.fromOpaque(pointer).takeRetainedValue().body() }
        return nil
      }, Unmanaged.passRetained(Work(body)).toOpaque())
    precondition(result == 0, "no thread to be had")
  }

  func join() { pthread_join(thread, nil) }
}
