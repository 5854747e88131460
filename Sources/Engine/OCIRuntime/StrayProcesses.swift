import Glibc
import LinuxSystem
import Model

/// A process of a run that no record knows.
public struct StrayProcess: Sendable, Equatable {
  public var pid: Int32
  public var container: ContainerID
}

extension ContainerMonitor {
  private static let commandLineLimitBytes = 64 << 10
  private static let endSeconds = 2.0
  /// Killing one process can show another: conmon's runtime, and the runtime's child that is to become the container.
  private static let strayRounds = 10

  /// Ends conmon and runtime processes of this engine's containers, but for those of `known`.
  ///
  /// Called when an engine starts: its predecessor may have been killed while the runtime was creating a container. They
  /// are recognised by their arguments, which name the runtime's state folder and the container. A process in a container
  /// that gives itself such arguments ends nobody but itself.
  /// - Returns: what was ended.
  public func endStrays(keeping known: Set<ContainerID>) throws -> [StrayProcess] {
    var ended: [StrayProcess] = []
    for _ in 0..<Self.strayRounds {
      let strays = try strayProcesses(keeping: known)
      if strays.isEmpty { break }
      for stray in strays where try end(stray) { ended.append(stray) }
    }
    return ended
  }

  private func strayProcesses(keeping known: Set<ContainerID>) throws -> [StrayProcess] {
    try FileSystem.list("/proc").compactMap { name in
      guard let pid = Int32(name), let container = container(ofProcess: pid), !known.contains(container) else {
        return nil
      }
      return StrayProcess(pid: pid, container: container)
    }
  }

  /// The container that a conmon or a runtime process of this engine works for; nil for every other process.
  private func container(ofProcess pid: Int32) -> ContainerID? {
    guard let bytes = try? FileSystem.read("/proc/\(pid)/cmdline", maxBytes: Self.commandLineLimitBytes) else {
      return nil
    }
    return container(inCommandLine: bytes)
  }

  /// The container that a command line (proc_pid_cmdline(5)) of conmon or a runtime names; nil for any other.
  func container(inCommandLine bytes: [UInt8]) -> ContainerID? {
    let arguments = bytes.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
    guard arguments.contains(where: { $0.hasPrefix(stateDirectory + "/") }) else { return nil }
    return arguments.lazy.compactMap { try? ContainerID($0) }.first
  }

  private func end(_ stray: StrayProcess) throws -> Bool {
    guard let process = try? PidFD.open(stray.pid), container(ofProcess: stray.pid) == stray.container else {
      return false
    }
    try? PidFD.signal(process, SIGKILL)
    return try process.waitReadable(until: Clock.monotonicNanoseconds() + UInt64(Self.endSeconds * 1e9))
  }
}
