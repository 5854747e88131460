import Glibc
import LinuxSystem

/// The network namespace that an engine works in, for sockets that are opened later on some other thread.
///
/// In production it is the process's own and costs nothing; in tests an engine may live in a namespace of its own.
public struct HostNamespace: Sendable {
  /// Nil where every thread of the process is in it already.
  private let foreign: Descriptor?

  /// Takes the namespace of the calling thread.
  public init() throws {
    let here = try Namespace.current(.net)
    let process = try Namespace.open(.net, ofProcess: getpid())
    foreign = try Namespace.identity(here) == Namespace.identity(process) ? nil : here
  }

  /// Runs code that opens sockets in the namespace.
  public func run<Result: Sendable>(_ body: @Sendable () throws -> Result) throws -> Result {
    guard let foreign else { return try body() }
    return try NamespaceThread.run(entering: [foreign], body)
  }
}
