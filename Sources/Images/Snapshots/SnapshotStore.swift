import Glibc
import LinuxSystem
import Model

/// Unpacked layers, containers' writable layers, and the overlay mounts made of both.
///
/// Layout below the root, which only root may enter:
/// - `layers/<chain id>/fs` files of a published layer with the ids of the image (0…65535), `size`, and `boot` or `synced`
/// - `staging/<random>` layers being unpacked
/// - `writable/<container id>/{upper,work}` what a container changed, with host ids of its range
/// - `mnt/<n>`, `mnt/rootfs` empty directories that mounts cover, each time in a private mount namespace
///
/// The life of a layer: `stageLayer` → files are unpacked → `publish` (a rename: it exists whole or not at all) →
/// `removeLayer`. A layer published in this boot need not be on disk yet: `flush` makes all of them durable, and a layer
/// that a power loss may have torn is dropped at the next start (`lostLayers`), to be unpacked again from its blob.
public final class SnapshotStore: Sendable {
  /// Layers of one image: the kernel's overlay takes 500.
  public static let maximumLayers = 500
  private static let bootIDPath = "/proc/sys/kernel/random/boot_id"

  let root: String
  /// Layers that were there but could not be trusted after a power loss; removed when the store was opened.
  public let lostLayers: [Digest]

  var layersPath: String { root + "/layers" }
  var stagingPath: String { root + "/staging" }
  var writablePath: String { root + "/writable" }
  var mountsPath: String { root + "/mnt" }
  private let bootID: [UInt8]

  /// Opens or makes the store and removes leftovers of an earlier process. `root` must be an absolute path.
  public init(root: String) throws {
    guard root.hasPrefix("/") else {
      throw PlatformError(.invalidArgument, "the snapshot store's folder '\(root)' must be an absolute path")
    }
    self.root = root
    (bootID, lostLayers) = try translatingSystemErrors("open snapshot store '\(root)'") {
      try FileSystem.makeDirectories(root, mode: 0o700)
      for name in ["layers", "staging", "writable", "mnt", "mnt/rootfs"] {
        try FileSystem.makeDirectories("\(root)/\(name)", mode: 0o700)
      }
      for name in try FileSystem.list(root + "/staging") { try FileSystem.removeTree("\(root)/staging/\(name)") }
      Self.spread(root + "/staging")
      let bootID = try FileSystem.read(Self.bootIDPath, maxBytes: 64)
      return (bootID, try Self.removeTornLayers(root + "/layers", bootID: bootID))
    }
  }

  /// Asks the file system to put each directory made in this one elsewhere on the disk, as they have nothing to do with
  /// each other. Else ext4 puts all layers into one group of inodes, where each new file passes over those of a layer that
  /// was removed just before, thousands of them. Where a file system does not know the wish, nothing is lost. Source:
  /// ioctl_iflags(2), FS_TOPDIR_FL.
  private static func spread(_ directory: String) {
    let (getFlags, setFlags, topDirectory): (UInt, UInt, CLong) = (0x8008_6601, 0x4008_6602, 0x0002_0000)
    guard let folder = try? Descriptor.open(directory, flags: O_RDONLY | O_DIRECTORY | O_NOFOLLOW) else { return }
    var flags: CLong = 0
    guard ioctl(folder.raw, getFlags, &flags) == 0, flags & topDirectory == 0 else { return }
    flags |= topDirectory
    _ = ioctl(folder.raw, setFlags, &flags)
  }

  // MARK: - Layers

  public func hasLayer(_ chainID: Digest) -> Bool { FileSystem.exists(layerPath(chainID)) }

  /// The directory with the files of a published layer.
  public func layerPath(_ chainID: Digest) -> String { "\(layersPath)/\(chainID.hex)/fs" }

  /// Makes an empty directory for a layer to be unpacked into.
  public func stageLayer() throws -> LayerStaging {
    let staging = LayerStaging(
      directory: "\(stagingPath)/\(String(UInt64.random(in: .min ... .max), radix: 36))")
    try translatingSystemErrors("stage a layer") {
      try FileSystem.makeDirectory(staging.directory, mode: 0o700)
      try FileSystem.makeDirectory(staging.path, mode: 0o755)
    }
    return staging
  }

  /// Makes a staged layer visible under its chain id. Where another thread was faster, its layer stays and this one goes.
  /// - Parameter sizeBytes: bytes of the layer's files, as docker counts an image's size.
  public func publish(_ staging: LayerStaging, as chainID: Digest, sizeBytes: Int64) throws {
    try translatingSystemErrors("publish layer \(chainID)") {
      try FileSystem.atomicWrite(
        staging.directory + "/size", Array(String(sizeBytes).utf8), mode: 0o600, durable: false)
      try FileSystem.atomicWrite(staging.directory + "/boot", bootID, mode: 0o600, durable: false)
      do {
        try FileSystem.rename(staging.directory, to: "\(layersPath)/\(chainID.hex)")
      } catch let error as SystemError where error.errno == ENOTEMPTY || error.errno == EEXIST {
        try FileSystem.removeTree(staging.directory)
      }
    }
  }

  /// Gives up a staged layer.
  public func discard(_ staging: LayerStaging) throws {
    try translatingSystemErrors("remove a staged layer") { try FileSystem.removeTree(staging.directory) }
  }

  /// Removes a layer that no image and no container uses any more. What is not there is success.
  public func removeLayer(_ chainID: Digest) throws {
    try translatingSystemErrors("remove layer \(chainID)") {
      // The rename makes it disappear at once; a crash during the removal leaves a leftover of staging.
      let gone = "\(stagingPath)/removed-\(String(UInt64.random(in: .min ... .max), radix: 36))"
      do {
        try FileSystem.rename("\(layersPath)/\(chainID.hex)", to: gone)
      } catch let error as SystemError where error.errno == ENOENT {
        return
      }
      try FileSystem.removeTree(gone)
    }
  }

  /// Every published layer, ordered by chain id.
  public func layers() throws -> [Digest] {
    try translatingSystemErrors("list layers") {
      try FileSystem.list(layersPath).compactMap { try? Digest(hex: $0) }
    }
  }

  /// Bytes of a published layer's files; throws `notFound`.
  public func layerSizeBytes(_ chainID: Digest) throws -> Int64 {
    do {
      let text = try FileSystem.read("\(layersPath)/\(chainID.hex)/size", maxBytes: 32)
      return Int64(String(decoding: text, as: UTF8.self)) ?? 0
    } catch let error as SystemError where error.errno == ENOENT {
      throw PlatformError(.notFound, "layer \(chainID) is not in the store")
    } catch let error as SystemError {
      throw platformError("examine layer \(chainID)", error)
    }
  }

  /// Puts every published layer on disk and notes it. Blocks for as long as the disk takes: call it in the background.
  public func flush() throws {
    try translatingSystemErrors("flush layers") {
      let pending = try FileSystem.list(layersPath).filter { !FileSystem.exists("\(layersPath)/\($0)/synced") }
      guard !pending.isEmpty else { return }
      try flushFileSystem()
      for name in pending where FileSystem.exists("\(layersPath)/\(name)") {
        try FileSystem.atomicWrite("\(layersPath)/\(name)/synced", [], mode: 0o600, durable: false)
      }
      try flushFileSystem()
    }
  }

  private func flushFileSystem() throws {
    sync()
  }

  /// A layer is whole when its files were flushed, or when the kernel that wrote them is still running.
  private static func removeTornLayers(_ layers: String, bootID: [UInt8]) throws -> [Digest] {
    var lost: [Digest] = []
    for name in try FileSystem.list(layers) {
      let path = "\(layers)/\(name)"
      if FileSystem.exists(path + "/synced") { continue }
      if let boot = try? FileSystem.read(path + "/boot", maxBytes: 64), boot == bootID { continue }
      try FileSystem.removeTree(path)
      if let chainID = try? Digest(hex: name) { lost.append(chainID) }
    }
    return lost
  }
}
