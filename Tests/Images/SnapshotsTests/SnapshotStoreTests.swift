import Glibc
import LinuxSystem
import Model
import Testing

@testable import Snapshots

/// A scratch folder that goes away with the test.
final class Scratch: Sendable {
  let path: String
  var root: String { path + "/store" }

  init() throws {
    path = "/tmp/snapshots-test-\(UInt64.random(in: .min ... .max))"
    try FileSystem.makeDirectory(path, mode: 0o700)
  }

  deinit { try? FileSystem.removeTree(path) }
}

func chain(_ number: Int) throws -> Digest {
  let digits = String(number, radix: 16)
  return try Digest(hex: String(repeating: "0", count: 64 - digits.count) + digits)
}

@Suite struct SnapshotStoreTests {
  let scratch: Scratch
  init() throws { scratch = try Scratch() }

  private func open() throws -> SnapshotStore { try SnapshotStore(root: scratch.root) }

  @Test func publishedLayersAreThereWholeAndStagedOnesAreNot() throws {
    let store = try open()
    let staging = try store.stageLayer()
    try FileSystem.atomicWrite(staging.path + "/file", [1, 2, 3], durable: false)
    #expect(try store.layers().isEmpty)
    try store.publish(staging, as: chain(1), sizeBytes: 3)
    let abandoned = try store.stageLayer()
    try FileSystem.atomicWrite(abandoned.path + "/file", [1], durable: false)
    // Another engine start, as after a kill.
    let again = try open()
    #expect(try again.layers() == [chain(1)])
    #expect(again.lostLayers.isEmpty)
    #expect(try again.layerSizeBytes(chain(1)) == 3)
    #expect(try FileSystem.read(again.layerPath(chain(1)) + "/file", maxBytes: 9) == [1, 2, 3])
    #expect(try FileSystem.list(scratch.root + "/staging").isEmpty)
    try again.removeLayer(chain(1))
    try again.removeLayer(chain(1))
    #expect(try !again.hasLayer(chain(1)))
    let error = #expect(throws: PlatformError.self) { try again.layerSizeBytes(chain(1)) }
    #expect(error?.code == .notFound)
  }

  /// What FS_IOC_GETFLAGS tells of a directory; nil where its file system has no such flags.
  private static func flags(_ directory: String) throws -> CLong? {
    let folder = try Descriptor.open(directory, flags: O_RDONLY | O_DIRECTORY)
    var flags: CLong = 0
    return ioctl(folder.raw, UInt(0x8008_6601), &flags) == 0 ? flags : nil
  }

  @Test(.enabled(if: (try? SnapshotStoreTests.flags("/tmp")) != nil))
  func stagedLayersAreSpreadOverTheDisk() throws {
    _ = try open()
    #expect(try Self.flags(scratch.root + "/staging").map { $0 & 0x0002_0000 } == 0x0002_0000)
    let store = try open()
    let staging = try store.stageLayer()
    #expect(try Self.flags(staging.directory).map { $0 & 0x0002_0000 } == 0)
  }

  @Test func theFirstPublisherWins() throws {
    let store = try open()
    let (first, second) = (try store.stageLayer(), try store.stageLayer())
    try FileSystem.atomicWrite(first.path + "/first", [], durable: false)
    try store.publish(first, as: chain(1), sizeBytes: 1)
    try store.publish(second, as: chain(1), sizeBytes: 1)
    #expect(FileSystem.exists(store.layerPath(try chain(1)) + "/first"))
    #expect(try FileSystem.list(scratch.root + "/staging").isEmpty)
  }

  @Test func layersOfAnEarlierBootCountOnlyWhenTheyWereFlushed() throws {
    let store = try open()
    try store.publish(store.stageLayer(), as: chain(1), sizeBytes: 0)
    try store.flush()
    try store.publish(store.stageLayer(), as: chain(2), sizeBytes: 0)
    try store.publish(store.stageLayer(), as: chain(3), sizeBytes: 0)
    // What a power loss leaves: another boot's id, or a file that never reached the disk.
    for (number, bytes) in [(1, Array("other".utf8)), (2, Array("other".utf8)), (3, [])] {
      try FileSystem.atomicWrite(scratch.root + "/layers/\(chain(number).hex)/boot", bytes, durable: false)
    }
    let again = try open()
    #expect(try again.layers() == [chain(1)])
    #expect(try again.lostLayers == [chain(2), chain(3)])
  }

  @Test func writableLayersBelongToTheirRange() throws {
    let store = try open()
    let container = ContainerID.random()
    let ids = IDRange(first: 1_000_000)
    try store.createWritable(container, ids: ids)
    let error = #expect(throws: PlatformError.self) { try store.createWritable(container, ids: ids) }
    #expect(error?.code == .conflict)
    var status = stat()
    #expect(lstat(store.upperPath(container), &status) == 0)
    #expect(status.st_uid == 1_000_000 && status.st_gid == 1_000_000 && status.st_mode & 0o7777 == 0o755)
    #expect(lstat(scratch.root, &status) == 0)
    #expect(status.st_mode & 0o777 == 0o700)
    #expect(try store.writables() == [container])
    try store.removeWritable(container)
    try store.removeWritable(container)
    #expect(try store.writables().isEmpty)
  }

  @Test func sizesCountFilesOnce() throws {
    let store = try open()
    let container = ContainerID.random()
    try store.createWritable(container, ids: .host)
    let upper = store.upperPath(container)
    try FileSystem.makeDirectories(upper + "/a/b")
    try FileSystem.atomicWrite(upper + "/a/b/file", [UInt8](repeating: 1, count: 1_000), durable: false)
    #expect(link(upper + "/a/b/file", upper + "/a/link") == 0)
    #expect(symlink("/etc", upper + "/etc") == 0)
    #expect(mknod(upper + "/gone", S_IFCHR, 0) == 0)
    #expect(try store.writableSizeBytes(container) == 1_000)
  }

  /// A file system that takes files of 8 EiB, as btrfs and XFS do; tmpfs takes them too.
  @Test(.enabled(if: geteuid() == 0)) func sizesOfSparseFilesDoNotOverflow() throws {
    let folder = try #require(try Self.hugeFileFolder())
    defer { try? FileSystem.removeTree(folder) }
    #expect(try TreeSize.measure(folder) == .max)
  }

  private static func hugeFileFolder() throws -> String? {
    let folder = "/dev/shm/snapshots-test-\(UInt64.random(in: .min ... .max))"
    try FileSystem.makeDirectory(folder, mode: 0o700)
    for name in ["a", "b", "c"] {
      let file = try Descriptor.open("\(folder)/\(name)", flags: O_CREAT | O_WRONLY, mode: 0o600)
      guard ftruncate(file.raw, off_t(Int64.max - 4096)) == 0 else { return nil }
    }
    return folder
  }
}
