import Glibc
import Testing

@testable import LinuxSystem

@Suite struct ProjectQuotaTests {
  /// Fields of `struct if_dqblk` (linux/quota.h) by hand.
  private static func block(_ fields: [(offset: Int, value: UInt64)]) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: 72)
    for (offset, value) in fields {
      for index in 0..<8 { bytes[offset + index] = UInt8(truncatingIfNeeded: value >> (8 * UInt64(index))) }
    }
    return bytes
  }

  @Test(
    arguments: [
      (0, 0, 0), (1, 1, 1), (1_023, 5, 1), (1_024, 5, 1), (1_025, 5, 2), (10 << 30, 4_096, 10 << 20),
    ] as [(Int64, Int64, UInt64)])
  func limitsGoInBlocksRoundedUp(bytes: Int64, files: Int64, blocks: UInt64) {
    // Hard limit of blocks, hard limit of inodes, and that both hold (QIF_BLIMITS, QIF_ILIMITS).
    let expected = Self.block([(0, blocks), (24, UInt64(files)), (64, 5)])
    #expect(ProjectQuota.limits(bytes: bytes, files: files) == expected)
  }

  @Test func usageIsReadInBytes() {
    let block = Self.block([(0, 10 << 10), (8, 99), (16, 12_345), (24, 77), (32, 99), (40, 7), (64, 0x3F)])
    let expected = ProjectQuota.Usage(bytes: 12_345, files: 7, limitBytes: 10 << 20, limitFiles: 77)
    #expect(ProjectQuota.usage(in: block) == expected)
    #expect(ProjectQuota.usage(in: Self.block([(0, .max), (16, .max)])).limitBytes == .max)
  }

  @Test(
    arguments: [
      (0x00, []), (0x10, .counted), (0x30, [.counted, .enforced]), (0xFFFF, [.counted, .enforced]), (0x0F, []),
    ] as [(UInt16, ProjectQuota.State)])
  func stateIsThatOfProjectsAlone(flags: UInt16, state: ProjectQuota.State) {
    var answer = [UInt8](repeating: 0, count: 80)
    answer[0] = 1
    answer[2] = UInt8(truncatingIfNeeded: flags)
    answer[3] = UInt8(truncatingIfNeeded: flags >> 8)
    #expect(ProjectQuota.state(in: answer) == state)
  }

  @Test(.enabled(if: isRoot)) func whatHasNoQuotasSaysSo() throws {
    let scratch = try Scratch()
    try FileSystem.makeDirectory(scratch.at("mount"))
    try NamespaceThread.run(unsharing: .mount, propagation: .private) {
      try MountAPI.mount(source: "none", target: scratch.at("mount"), type: "ramfs")
      let folder = try Descriptor.open(scratch.at("mount"), flags: O_RDONLY | O_DIRECTORY)
      #expect(try ProjectQuota.state(on: folder) == [])
      #expect(throws: SystemError.self) { try ProjectQuota.setProject(5, of: folder) }
      #expect(throws: SystemError.self) { try ProjectQuota.setLimits(5, bytes: 1 << 20, files: 1, on: folder) }
    }
  }

  @Test func roomIsNoMoreThanThereIs() throws {
    let space = try FileSystem.space(of: "/tmp")
    #expect(space.freeBytes > 0 && space.freeBytes <= space.totalBytes)
    #expect(try errorNumber { _ = try FileSystem.space(of: "/nowhere/at/all") } == ENOENT)
  }

  @Test(arguments: [("/", "/"), ("/a", "/a"), ("/a/b", "/a/b"), ("/a/bc", "/a"), ("/a/b/c", "/a/b"), ("/ab", "/")])
  func theMountThatHoldsAPath(path: String, mountPoint: String) throws {
    let table = """
      1 0 8:1 / / rw - ext4 /dev/one rw
      2 1 8:2 / /a rw - ext4 /dev/two rw
      3 2 8:3 / /a/b rw - xfs /dev/three rw
      4 2 8:4 / /a/b rw - xfs /dev/four rw

      """
    let found = MountTable.holding(path, in: try MountTable.parse(Array(table.utf8)))
    #expect(found?.mountPoint == mountPoint)
    if mountPoint == "/a/b" { #expect(found?.source == "/dev/four") }
  }
}
