import Glibc
import LinuxSystem
import Model

/// Tries what container mounts need, for real, in a mount namespace of its own and in a scratch folder where the
/// engine's root is or will be: whether a feature is there depends on the kernel, its configuration and that file
/// system together.
struct MountTrials {
  let folder: String
  let ids: IDRange

  struct Results {
    var userNamespaces = HostFacts.Trial.works
    var idMappedMounts = HostFacts.Trial.fails("not tried")
    var overlay = HostFacts.Trial.fails("not tried")
    var overlayOnIDMapped = HostFacts.Trial.fails("not tried")
  }

  func run() -> Results {
    var results = Results()
    let scratch = folder + "/.bulkhead-doctor-" + ContainerID.random().short
    do {
      try FileSystem.makeDirectory(scratch, mode: 0o700)
    } catch {
      let reason = HostFacts.Trial.fails("no scratch folder could be made: \(error)")
      return Results(idMappedMounts: reason, overlay: reason, overlayOnIDMapped: reason)
    }
    defer { try? FileSystem.removeTree(scratch) }
    let entry = IDMapEntry(inside: 0, outside: ids.first, count: IDRange.standardCount)
    let namespace: Descriptor
    do {
      namespace = try UserNamespace.create(uidMap: [entry], gidMap: [entry])
    } catch {
      results.userNamespaces = .fails("\(error)")
      results.idMappedMounts = .fails("user namespaces do not work")
      results.overlayOnIDMapped = results.idMappedMounts
      results.overlay = attempt { try overlay(scratch, name: "plain", idmap: nil) }
      return results
    }
    results.idMappedMounts = attempt { try idMapped(scratch, namespace) }
    results.overlay = attempt { try overlay(scratch, name: "plain", idmap: nil) }
    results.overlayOnIDMapped = attempt { try overlay(scratch, name: "mapped", idmap: namespace) }
    return results
  }

  private func attempt(_ body: @Sendable () throws -> Void) -> HostFacts.Trial {
    do {
      try NamespaceThread.run(unsharing: .mount, propagation: .private, body)
      return .works
    } catch {
      return .fails("\(error)")
    }
  }

  private func idMapped(_ scratch: String, _ namespace: Descriptor) throws {
    let source = scratch + "/source"
    try FileSystem.makeDirectory(source)
    let mount = try MountAPI.openTree(source, clone: true)
    try MountAPI.setAttributes(mount, idmap: namespace)
    let target = scratch + "/target"
    try FileSystem.makeDirectory(target)
    try MountAPI.moveMount(from: mount, to: target)
    let owner = try Descriptor.open(target, flags: O_PATH | O_DIRECTORY).status().uid
    guard owner == ids.first else {
      throw SystemError(errno: EOVERFLOW, operation: "mount_setattr", subject: "owner \(owner)")
    }
  }

  private func overlay(_ scratch: String, name: String, idmap namespace: Descriptor?) throws {
    let base = scratch + "/" + name
    for part in ["", "/lower", "/mapped", "/upper", "/work", "/merged"] { try FileSystem.makeDirectory(base + part) }
    try FileSystem.atomicWrite(base + "/lower/file", [1], durable: false)
    var lower = base + "/lower"
    if let namespace {
      let mount = try MountAPI.openTree(lower, clone: true)
      try MountAPI.setAttributes(mount, idmap: namespace)
      lower = base + "/mapped"
      try MountAPI.moveMount(from: mount, to: lower)
    }
    let context = try FileSystemContext(type: "overlay")
    try context.set("lowerdir", lower)
    try context.set("upperdir", base + "/upper")
    try context.set("workdir", base + "/work")
    try MountAPI.moveMount(from: context.mount(), to: base + "/merged")
    // A change of a lower file makes the kernel copy it up, which is where old kernels fail.
    let file = try Descriptor.open(base + "/merged/file", flags: O_WRONLY | O_APPEND)
    try file.write(all: [2])
    let owner = try file.status().uid
    let wanted = namespace == nil ? 0 : ids.first
    guard owner == wanted else { throw SystemError(errno: EOVERFLOW, operation: "overlay", subject: "owner \(owner)") }
  }
}
