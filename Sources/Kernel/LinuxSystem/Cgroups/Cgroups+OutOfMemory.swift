import CLinuxShim
import Glibc

extension Cgroups {
  /// A non-blocking descriptor that becomes readable when memory runs out in a cgroup (and when the cgroup is removed).
  /// Read it empty by `drain`, then compare `oomKills` with what it was: not every event is a kill.
  ///
  /// Version 1: an eventfd registered at memory.oom_control. Version 2: inotify on memory.events.
  /// - Throws: ENOENT without the memory controller or the cgroup.
  public func oomEvents(_ path: CgroupPath) throws -> Descriptor {
    if layout.controllers["memory"] == nil {
      let inotify = try Inotify()
      _ = try inotify.add(file(path, "memory", "memory.events"), .modify)
      return try inotify.descriptor.duplicate()
    }
    let event = Descriptor(owning: try systemCall("eventfd") { bh_eventfd(0, O_CLOEXEC | O_NONBLOCK) })
    let control = try Descriptor.open(file(path, "memory", "memory.oom_control"), flags: O_RDONLY)
    try write("\(event.raw) \(control.raw)", to: file(path, "memory", "cgroup.event_control"))
    return event
  }

  /// Takes the waiting events off a descriptor of `oomEvents`.
  public static func drain(_ events: Descriptor) throws {
    let bufferBytes = 4096
    do {
      while true {
        let count = try withUnsafeTemporaryAllocation(byteCount: bufferBytes, alignment: 8) {
          try events.read(into: $0)
        }
        if count == 0 { return }
      }
    } catch let error as SystemError where error.errno == EAGAIN {}
  }
}
