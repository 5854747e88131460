import LinuxSystem

/// A container's init process and the conmon that watches it.
public struct MonitoredProcess: Sendable {
  public var initial: ProcessIdentity
  public var initialDescriptor: Descriptor
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

  /// Finds a running container's processes again after a restart of the engine; nil when conmon has gone.
  public static func adopt(initial: ProcessIdentity, monitor: ProcessIdentity) throws -> MonitoredProcess? {
    guard let monitorDescriptor = try monitor.open() else { return nil }
    // The init process may have ended a moment ago while conmon still writes; its descriptor is then conmon's own.
    let initialDescriptor = try initial.open() ?? monitorDescriptor
    return MonitoredProcess(
      initial: initial, initialDescriptor: initialDescriptor, monitor: monitor, monitorDescriptor: monitorDescriptor)
  }
}
