import Glibc
import LinuxSystem
import Model

extension SnapshotStore {
  /// Makes a container's writable layer, owned by the first id of its range.
  /// - Throws: `conflict` when it has one already.
  public func createWritable(_ container: ContainerID, ids: IDRange) throws {
    let directory = "\(writablePath)/\(container.hex)"
    do {
      try FileSystem.makeDirectory(directory, mode: 0o700)
    } catch let error as SystemError where error.errno == EEXIST {
      throw PlatformError(.conflict, "container \(container.short) has a writable layer already")
    } catch let error as SystemError {
      throw platformError("make the writable layer of container \(container.short)", error)
    }
    do {
      for (name, mode) in [("work", 0o700), ("upper", 0o755)] as [(String, UInt32)] {
        let path = "\(directory)/\(name)"
        try FileSystem.makeDirectory(path, mode: mode)
        try systemCall("chown", path) { chown(path, ids.first, ids.first) }
      }
    } catch let error as SystemError {
      try? FileSystem.removeTree(directory)
      throw platformError("make the writable layer of container \(container.short)", error)
    }
  }

  /// Removes a container's writable layer with everything in it. What is not there is success.
  public func removeWritable(_ container: ContainerID) throws {
    try translatingSystemErrors("remove the writable layer of container \(container.short)") {
      let gone = "\(stagingPath)/removed-\(String(UInt64.random(in: .min ... .max), radix: 36))"
      do {
        try FileSystem.rename("\(writablePath)/\(container.hex)", to: gone)
      } catch let error as SystemError where error.errno == ENOENT {
        return
      }
      try FileSystem.removeTree(gone)
    }
  }

  /// Every container that has a writable layer.
  public func writables() throws -> [ContainerID] {
    try translatingSystemErrors("list writable layers") {
      try FileSystem.list(writablePath).compactMap { try? ContainerID($0) }
    }
  }

  /// The directory with what a container changed, in overlay's form.
  public func upperPath(_ container: ContainerID) -> String { "\(writablePath)/\(container.hex)/upper" }

  /// Bytes of the files that a container added or changed; a file with several links counts once.
  public func writableSizeBytes(_ container: ContainerID) throws -> Int64 {
    try sizeBytes(upper: upperPath(container))
  }

  /// Bytes of the regular files below a directory; a file with several links counts once, other mounts do not count.
  public func sizeBytes(upper: String) throws -> Int64 {
    try translatingSystemErrors("measure '\(upper)'") { try TreeSize.measure(upper) }
  }
}
