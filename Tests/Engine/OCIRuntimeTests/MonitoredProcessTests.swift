import Glibc
import LinuxSystem
import Model
import Testing

@testable import OCIRuntime

@Suite struct MonitoredProcessTests {
  private static func spawn(_ arguments: String...) throws -> SpawnedProcess {
    try LinuxProcessSpawner().spawn(ProcessRequest(executable: arguments[0], arguments: arguments))
  }

  private static func process(pid: Int32, held: Descriptor) throws -> MonitoredProcess {
    let identity = try ProcessIdentity(of: pid)
    return MonitoredProcess(
      initial: identity, initialDescriptor: held, monitor: identity, monitorDescriptor: held)
  }

  @Test func opensWhatBelongsToALivingProcess() throws {
    let child = try Self.spawn("/bin/sleep", "60")
    let process = try Self.process(pid: child.pid, held: child.pidfd)
    #expect(try process.root().status().inode == FileSystemRoot.inode())
    #expect(try Namespace.identity(process.namespace(.net)) == Namespace.identity(Namespace.current(.net)))
    #expect(try Namespace.identity(process.monitorMounts()) == Namespace.identity(Namespace.current(.mnt)))
    try child.signal(SIGKILL)
    _ = try child.waitExit()
    Self.expectRefused { try process.root() }
  }

  /// The process that is held has ended, and its number belongs to one that lives: to this very one.
  @Test func refusesANumberThatWasGivenOutAgain() throws {
    let child = try Self.spawn("/bin/true")
    _ = try child.waitExit()
    let process = try Self.process(pid: getpid(), held: child.pidfd)
    Self.expectRefused { try process.root() }
    Self.expectRefused { try process.namespace(.pid) }
    Self.expectRefused { try process.monitorMounts() }
  }

  @Test func anAdoptedOneWhoseFirstProcessIsGoneHasNoRoot() throws {
    let own = try ProcessIdentity(of: getpid())
    var other = own
    other.startTime += 1
    let process = try #require(try MonitoredProcess.adopt(initial: other, monitor: own))
    Self.expectRefused { try process.root() }
    #expect(try Namespace.identity(process.monitorMounts()) == Namespace.identity(Namespace.current(.mnt)))
  }

  @Test func aMonitorThatHasEndedButWasNotAskedForIsNotAdopted() async throws {
    let child = try Self.spawn("/bin/sleep", "60")
    let identity = try ProcessIdentity(of: child.pid)
    #expect(try MonitoredProcess.adopt(initial: identity, monitor: identity) != nil)
    try child.signal(SIGKILL)
    try await Poller().waitEnd(child.pidfd)
    #expect(try MonitoredProcess.adopt(initial: identity, monitor: identity) == nil)
    _ = try child.waitExit()
  }

  private static func expectRefused(_ open: () throws -> Descriptor) {
    #expect { _ = try open() } throws: { ($0 as? PlatformError)?.code == .conflict }
  }

  private enum FileSystemRoot {
    static func inode() throws -> UInt64 { try Descriptor.open("/", flags: O_PATH).status().inode }
  }
}
