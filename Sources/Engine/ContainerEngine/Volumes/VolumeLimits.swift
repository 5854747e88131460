import ContentStore
import Glibc
import LinuxSystem
import Model

/// What counts and bounds the files of folders. Folders are open for reading.
protocol ProjectQuotas: Sendable {
  func state(on folder: Descriptor) throws -> ProjectQuota.State
  func project(of folder: Descriptor) throws -> UInt32
  func setProject(_ id: UInt32, of folder: Descriptor) throws
  func setLimits(_ id: UInt32, bytes: Int64, files: Int64, on folder: Descriptor) throws
  func usage(_ id: UInt32, on folder: Descriptor) throws -> ProjectQuota.Usage
}

/// The kernel's.
struct KernelProjectQuotas: ProjectQuotas {
  func state(on folder: Descriptor) throws -> ProjectQuota.State { try ProjectQuota.state(on: folder) }
  func project(of folder: Descriptor) throws -> UInt32 { try ProjectQuota.project(of: folder) }
  func setProject(_ id: UInt32, of folder: Descriptor) throws { try ProjectQuota.setProject(id, of: folder) }
  func setLimits(_ id: UInt32, bytes: Int64, files: Int64, on folder: Descriptor) throws {
    try ProjectQuota.setLimits(id, bytes: bytes, files: files, on: folder)
  }
  func usage(_ id: UInt32, on folder: Descriptor) throws -> ProjectQuota.Usage {
    try ProjectQuota.usage(id, on: folder)
  }
}

/// Bounds of volumes: each volume that has one is a project of the file system that holds them all.
final class VolumeLimits: Sendable {
  /// Projects that are volumes'. Other programs number theirs from 1.
  static let projects: ClosedRange<UInt32> = 0x4248_0000...0x4249_FFFF
  private static let attempts = 64
  /// Empty files take no bytes: so many bytes of the bound allow one file more.
  private static let bytesPerFile: Int64 = 2_048
  private static let leastFiles: Int64 = 4_096

  private let path: String
  private let folder: Descriptor
  private let quotas: any ProjectQuotas
  private let taken = Locked<Set<UInt32>>([])

  /// - Parameter path: the folder of all volumes.
  init(path: String, quotas: any ProjectQuotas = KernelProjectQuotas()) throws {
    self.path = path
    self.quotas = quotas
    folder = try Descriptor.open(path, flags: O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
  }

  /// - Throws: `invalidArgument` where nothing would hold to the bound, with what can be done about it.
  func requireSupport() throws {
    let state = try translatingSystemErrors("ask for the quotas of '\(path)'") { try quotas.state(on: folder) }
    guard !state.contains(.enforced) else { return }
    let mount = try? MountTable.holding(path)
    throw PlatformError(
      .invalidArgument,
      "quota size requested but no quota support: " + Self.reason(state, path, mount?.type ?? "", mount?.source ?? ""))
  }

  static func reason(_ state: ProjectQuota.State, _ path: String, _ type: String, _ device: String) -> String {
    let place = "volumes are in '\(path)' on \(type.isEmpty ? "a file system" : type)"
    let mountOption = "mounted with the option prjquota (for the root file system: rootflags=prjquota)"
    switch type {
    case "ext4" where state.contains(.counted):
      return "\(place), whose project quotas are counted but not enforced: it has to be \(mountOption)"
    case "ext4":
      return
        "\(place) without project quotas: unmounted, it gets them by 'tune2fs -O project,quota \(device)', then it has to be "
        + "\(mountOption), by a kernel with CONFIG_QFMT_V2"
    case "xfs":
      return "\(place) without project quotas: it has to be \(mountOption), by a kernel with CONFIG_XFS_QUOTA"
    default:
      return "\(place), which has no project quotas: they are there with a --root on ext4 or xfs \(mountOption)"
    }
  }

  /// Notes what volumes have from an earlier run.
  func adopt(_ project: UInt32) { taken.withLock { _ = $0.insert(project) } }

  /// Makes an empty folder a project of its own with a bound.
  /// - Returns: the project.
  func bound(_ data: String, to limitBytes: Int64) throws -> UInt32 {
    try requireSupport()
    let id = try reserve()
    do {
      let root = try Descriptor.open(data, flags: O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
      try quotas.setProject(id, of: root)
      try setLimit(id, limitBytes)
      return id
    } catch {
      release(id)
      throw (error as? SystemError).map { platformError("bound '\(data)'", $0) } ?? error
    }
  }

  /// Sets the bound of a volume's files anew, as after a start of the host.
  /// - Returns: the project that they are, which is another one than the record says where a crash came between.
  /// - Throws: `internal` where they are no project's of ours.
  func renew(_ data: String, limitBytes: Int64) throws -> UInt32 {
    let root = try Descriptor.open(data, flags: O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
    let id = try quotas.project(of: root)
    guard Self.projects.contains(id) else {
      throw PlatformError(.internal, "'\(data)' has lost its bound: back the volume up and restore it with --force")
    }
    try setLimit(id, limitBytes)
    adopt(id)
    return id
  }

  /// The project of a folder; nil where it is none of a volume's.
  func project(of data: String) -> UInt32? {
    guard let root = try? Descriptor.open(data, flags: O_RDONLY | O_DIRECTORY | O_NOFOLLOW),
      let id = try? quotas.project(of: root), Self.projects.contains(id)
    else { return nil }
    return id
  }

  func usage(_ project: UInt32) throws -> ProjectQuota.Usage {
    try translatingSystemErrors("read what a volume has") { try quotas.usage(project, on: folder) }
  }

  /// Takes a bound away once its files are gone. What cannot be taken away is passed over by `reserve`.
  func release(_ project: UInt32) {
    try? quotas.setLimits(project, bytes: 0, files: 0, on: folder)
    taken.withLock { _ = $0.remove(project) }
  }

  private func setLimit(_ id: UInt32, _ limitBytes: Int64) throws {
    let files = max(Self.leastFiles, limitBytes / Self.bytesPerFile)
    try quotas.setLimits(id, bytes: limitBytes, files: files, on: folder)
  }

  /// A number that no volume has, and nobody else on the file system.
  private func reserve() throws -> UInt32 {
    for _ in 0..<Self.attempts {
      let id = UInt32.random(in: Self.projects)
      guard taken.withLock({ $0.insert(id).inserted }) else { continue }
      do {
        let usage = try quotas.usage(id, on: folder)
        if usage == ProjectQuota.Usage(bytes: 0, files: 0) { return id }
      } catch let error as SystemError {
        taken.withLock { _ = $0.remove(id) }
        throw error
      }
      // Another engine's on the same disk: it stays noted, so that nobody asks again.
    }
    throw PlatformError(.resourceExhausted, "no number for a project quota was found in \(Self.attempts) attempts")
  }
}
