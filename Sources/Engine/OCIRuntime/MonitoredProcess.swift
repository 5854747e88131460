import Glibc
import LinuxSystem
import Model

/// A container's init process and the conmon that watches it.
public struct MonitoredProcess: Sendable {
  public var initial: ProcessIdentity
  public var initialDescriptor: Descriptor
  /// It had ended before it could be held: its number says nothing any more.
  private var initialHasEnded = false
  public var monitor: ProcessIdentity
  /// Becomes readable when conmon ends, which is after it wrote the exit file.
  public var monitorDescriptor: Descriptor

  public init(
    initial: ProcessIdentity, initialDescriptor: Descriptor, monitor: ProcessIdentity, monitorDescriptor: Descriptor
  ) {
    self.initial = initial
    self.initialDescriptor = initialDescriptor
    self.monitor = monitor
    self.monitorDescriptor = monitorDescriptor
  }

  /// Finds a running container's processes again after a restart of the engine; nil when conmon has ended, even where its
  /// new parent has not asked for it yet.
  public static func adopt(initial: ProcessIdentity, monitor: ProcessIdentity) throws -> MonitoredProcess? {
    guard let monitorDescriptor = try monitor.open(), try !PidFD.hasExited(monitorDescriptor) else { return nil }
    // The init process may have ended a moment ago while conmon still writes; its descriptor is then conmon's own.
    let initialDescriptor = try initial.open()
    var process = MonitoredProcess(
      initial: initial, initialDescriptor: initialDescriptor ?? monitorDescriptor, monitor: monitor,
      monitorDescriptor: monitorDescriptor)
    process.initialHasEnded = initialDescriptor == nil
    return process
  }

  /// The container's root directory as its init process sees it, opened with O_PATH.
  /// - Throws: `conflict` when the process has ended.
  public func root() throws -> Descriptor { try openInitial("root", flags: O_PATH | O_DIRECTORY) }

  /// A namespace of the init process.
  /// - Throws: `conflict` when the process has ended.
  public func namespace(_ kind: Namespace.Kind) throws -> Descriptor {
    try openInitial("ns/\(kind.rawValue)", flags: O_RDONLY)
  }

  /// The mount namespace in which the container's root was put together.
  /// - Throws: `conflict` when conmon has ended.
  public func monitorMounts() throws -> Descriptor {
    try Self.open("ns/mnt", of: monitor, held: monitorDescriptor, flags: O_RDONLY)
  }

  private func openInitial(_ name: String, flags: Int32) throws -> Descriptor {
    guard !initialHasEnded else { throw Self.ended(cause: nil) }
    return try Self.open(name, of: initial, held: initialDescriptor, flags: flags)
  }

  /// Opens something below /proc/PID, and looks only then whether the process still lives: had its number gone to another
  /// process before, it would not.
  private static func open(_ name: String, of process: ProcessIdentity, held: Descriptor, flags: Int32) throws
    -> Descriptor
  {
    let opened: Descriptor
    do {
      opened = try Descriptor.open("/proc/\(process.pid)/\(name)", flags: flags)
    } catch let error as SystemError where error.errno == ENOENT || error.errno == ESRCH {
      throw ended(cause: error)
    }
    guard try !PidFD.hasExited(held) else { throw ended(cause: nil) }
    return opened
  }

  private static func ended(cause: (any Error)?) -> PlatformError {
    PlatformError(.conflict, "the container has just ended: try again", cause: cause)
  }
}
