import Glibc
import LinuxSystem
import Model
import Synchronization
import Testing

@testable import ContainerEngine

@Suite(.enabled(if: geteuid() == 0)) struct VolumeLimitTests {
  let folder: VolumeFolder
  init() throws { folder = try VolumeFolder() }

  private var quotas: QuotaDouble { folder.quotas }
  private var limits: [UInt32: Int64] { quotas.state.withLock { $0.limits } }
  private var names: [String] { get throws { try FileSystem.list(folder.paths.volumes) } }

  @Test func aSizeIsAProjectOfItsOwnUntilTheVolumeGoes() throws {
    let volumes = try folder.open()
    let one = try volumes.create(name: "one", options: ["size": "10m"])
    let two = try volumes.create(name: "two", options: ["size": "20m"])
    let plain = try volumes.create(name: "plain")
    let projects = try [#require(one.project), #require(two.project)]
    #expect(projects[0] != projects[1] && plain.project == nil)
    #expect(projects.allSatisfy { VolumeLimits.projects.contains($0) })
    #expect(limits == [projects[0]: 10 << 20, projects[1]: 20 << 20])
    #expect(volumes.limits.project(of: folder.paths.volumeData("one")) == projects[0])
    try volumes.remove("one")
    #expect(limits == [projects[1]: 20 << 20])
    #expect(try names == ["plain", "two"])
  }

  @Test func theSameProjectAndSizeComeBackWithTheNextEngine() throws {
    let project = try folder.open().create(name: "one", options: ["size": "10m"]).project
    // As after a start of the host that has lost the quota's file.
    quotas.state.withLock { $0.limits = [:] }
    let volumes = try folder.open()
    #expect(try volumes.record("one").project == project && volumes.troubles == [])
    #expect(limits.values.sorted() == [10 << 20])
    let other = try volumes.create(name: "two", options: ["size": "1m"]).project
    #expect(other != project)
  }

  @Test func whatACrashHasLeftGoesWithItsSize() throws {
    let volumes = try folder.open()
    let staged = try volumes.stage(limitBytes: 5 << 20)
    let left = try #require(staged.project)
    #expect(limits == [left: 5 << 20])
    _ = try folder.open()
    #expect(limits == [:])
    #expect(try names == [])
    withExtendedLifetime(staged) {}
  }

  @Test func aCrashBetweenFilesAndRecordIsMended() throws {
    let old: UInt32?
    let new: UInt32?
    do {
      let volumes = try folder.open()
      old = try volumes.create(name: "one", options: ["size": "10m"]).project
      let staged = try volumes.stage(limitBytes: 10 << 20)
      new = staged.project
      // The exchange has come to the disk, and the record has not.
      try RootedDirectory(path: folder.paths.volumes).rename(from: staged.name, to: "one", exchange: true)
      let volumesAgain = try folder.open()
      #expect(try volumesAgain.record("one").project == new && volumesAgain.troubles == [])
      withExtendedLifetime(staged) {}
    }
    #expect(old != new)
    #expect(try folder.open().record("one").project == new)
  }

  @Test func withoutQuotasASizeIsRefusedAndNothingMade() throws {
    for offers in [[], .counted] as [ProjectQuota.State] {
      quotas.state.withLock { $0.offers = offers }
      let volumes = try folder.open()
      let error = #expect(throws: PlatformError.self) { try volumes.create(name: "one", options: ["size": "10m"]) }
      #expect(error?.code == .invalidArgument)
      #expect(error?.message.hasPrefix("quota size requested but no quota support: volumes are in '") == true)
      #expect(!volumes.contains("one"))
      #expect(try names == [])
      #expect(limits == [:])
      _ = try volumes.create(name: "plain")
      try volumes.remove("plain")
    }
  }

  @Test(
    arguments: [
      ([], "ext4", "'tune2fs -O project,quota /dev/sdb1'"), (.counted, "ext4", "counted but not enforced"),
      ([], "xfs", "CONFIG_XFS_QUOTA"), ([], "btrfs", "on btrfs, which has no project quotas"),
      ([], "", "on a file system, which has no project quotas"),
    ] as [(ProjectQuota.State, String, String)])
  func theReasonNamesTheFileSystemAndWhatToDo(state: ProjectQuota.State, type: String, text: String) {
    let reason = VolumeLimits.reason(state, "/var/lib/bulkhead/engine/volumes", type, "/dev/sdb1")
    #expect(reason.contains(text) && reason.contains("prjquota"), "\(reason)")
  }

  @Test func aFailureHalfWayLeavesNothing() throws {
    let volumes = try folder.open()
    quotas.state.withLock { $0.failure = EPERM }
    let error = #expect(throws: PlatformError.self) { try volumes.create(name: "one", options: ["size": "10m"]) }
    #expect(error?.message.contains("Operation not permitted") == true)
    #expect(try names == [])
    #expect(try volumes.create(name: "one", options: ["size": "10m"]).project != nil)
  }

  @Test func aVolumeThatHasLostItsSizeIsTold() throws {
    _ = try folder.open().create(name: "one", options: ["size": "10m"])
    quotas.state.withLock { $0.offers = [] }
    let volumes = try folder.open()
    #expect(volumes.troubles.count == 1 && volumes.troubles[0].contains("volume one"))
    quotas.state.withLock {
      $0.offers = [.counted, .enforced]
      $0.projects = [:]
    }
    #expect(try folder.open().troubles.first?.contains("has lost its bound") == true)
  }

  @Test func replacingTakesTheNewFilesBoundAlong() throws {
    let volumes = try folder.open()
    let old = try #require(try volumes.create(name: "one", options: ["size": "10m"]).project)
    try folder.write("f", "old", in: folder.paths.volumeData("one"))
    do {
      let staged = try volumes.stage(limitBytes: 10 << 20)
      try folder.write("f", "new", in: staged.data)
      try volumes.replace("one", by: staged)
      #expect(staged.project == old)
    }
    let new = try #require(try volumes.record("one").project)
    #expect(new != old && limits == [new: 10 << 20])
    #expect(try folder.text("\(folder.paths.volumeData("one"))/f") == "new")
    #expect(try names == ["one"])
  }

  @Test func aFlushThatFailsBringsTheOldFilesBack() throws {
    let fails = Mutex(false)
    let volumes = try folder.open { path in
      if fails.withLock({ $0 }) { throw SystemError(errno: EIO, operation: "fsync", subject: path) }
      try FileSystem.syncDirectory(path)
    }
    let project = try volumes.create(name: "one", options: ["size": "10m"]).project
    try folder.write("f", "old", in: folder.paths.volumeData("one"))
    fails.withLock { $0 = true }
    do {
      let staged = try volumes.stage(limitBytes: 10 << 20)
      try folder.write("f", "new", in: staged.data)
      #expect(throws: PlatformError.self) { try volumes.replace("one", by: staged) }
    }
    #expect(try folder.text("\(folder.paths.volumeData("one"))/f") == "old")
    #expect(try volumes.record("one").project == project && volumes.record("one").populated == false)
    #expect(limits.values.sorted() == [10 << 20])
    // Nor is a new volume there of which the disk has not said so.
    let staged = try volumes.stage()
    #expect(throws: PlatformError.self) { try volumes.install(staged, as: "two", labels: [:]) }
    #expect(!volumes.contains("two") && !FileSystem.exists("\(folder.paths.volumes)/two"))
  }

  @Test func bytesOfTheEnginesOwnBringingKeepTheBound() throws {
    let used = Mutex<Int64>(0)
    let room = try VolumeRoom(disk: folder.path, expected: 1 << 20, what: "the archive", limitBytes: 4 << 20) {
      ProjectQuota.Usage(bytes: used.withLock { $0 }, files: 1, limitBytes: 4 << 20, limitFiles: 2)
    }
    used.withLock { $0 = 4 << 20 }
    try room.check()
    used.withLock { $0 = 4 << 20 + 1 }
    let error = #expect(throws: PlatformError.self) { try room.taken(16 << 20) }
    #expect(error?.code == .resourceExhausted)
    #expect(error?.message.contains("more than the volume's size of 4194304 bytes allows") == true)
    #expect(throws: PlatformError.self) {
      try VolumeRoom(disk: folder.path, expected: 5 << 20, what: "x", limitBytes: 4 << 20) { .init(bytes: 0, files: 0) }
    }
    let many = try VolumeRoom(disk: folder.path, expected: 0, what: "x", limitBytes: 4 << 20) {
      .init(bytes: 0, files: 3, limitBytes: 4 << 20, limitFiles: 2)
    }
    #expect(throws: PlatformError.self) { try many.check() }
  }

  @Test func aFullDiskThatHasRoomIsTheVolumesBound() throws {
    let full = PlatformError(.resourceExhausted, "failed to write 'f': No space left on device", isDiskFull: true)
    let disk = try VolumeRoom(disk: folder.path, what: "the archive")
    #expect(disk.explained(full).message == full.message)
    let files = Mutex<Int64>(1)
    let room = try VolumeRoom(disk: folder.path, expected: 0, what: "the archive", limitBytes: 4 << 20) {
      .init(bytes: 4 << 20 - 4_096, files: files.withLock { $0 }, limitBytes: 4 << 20, limitFiles: 9)
    }
    let bytes = "the archive has more than the volume's size of 4194304 bytes allows: at least 4194305"
    #expect(room.explained(full).message == bytes)
    files.withLock { $0 = 9 }
    #expect(room.explained(full).message == "the archive has more than the 9 files that the volume's size allows")
    let other = PlatformError(.invalidArgument, "no archive")
    #expect(room.explained(other).message == other.message)
  }

  @Test func aDiskKeepsAReserve() throws {
    let mount = "\(folder.path)/small"
    try FileSystem.makeDirectory(mount)
    try NamespaceThread.run(unsharing: .mount, propagation: .private) {
      try MountAPI.mount(source: "none", target: mount, type: "tmpfs", data: "size=20m")
      #expect(VolumeRoom.reserve(20 << 20) == 1 << 20)
      let room = try VolumeRoom(disk: mount, expected: 18 << 20, what: "the archive")
      try room.check()
      #expect(throws: PlatformError.self) { try VolumeRoom(disk: mount, expected: 20 << 20, what: "the archive") }
      // What does not fit into the volume is not the disk's to refuse.
      let bound = #expect(throws: PlatformError.self) {
        try VolumeRoom(disk: mount, expected: 20 << 20, what: "x", limitBytes: 4 << 20) { .init(bytes: 0, files: 0) }
      }
      #expect(bound?.message.contains("size of 4194304 bytes allows") == true)
      let file = try Descriptor.open("\(mount)/f", flags: O_WRONLY | O_CREAT, mode: 0o600)
      #expect(posix_fallocate(file.raw, 0, off_t(19 << 20 + 4_096)) == 0)
      let error = #expect(throws: PlatformError.self) { try room.taken(1 << 30) }
      #expect(error?.code == .resourceExhausted && error?.message.contains("the reserve of 1048576 bytes") == true)
    }
  }
}
