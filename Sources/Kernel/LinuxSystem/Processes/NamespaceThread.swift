import CLinuxShim
import Glibc

/// Kinds of namespaces (namespaces(7), CLONE_NEW*).
public struct UnshareFlags: OptionSet, Sendable {
  public let rawValue: Int32

  public init(rawValue: Int32) {
    self.rawValue = rawValue
  }

  public static let mount = UnshareFlags(rawValue: 0x0002_0000)
  public static let cgroup = UnshareFlags(rawValue: 0x0200_0000)
  public static let uts = UnshareFlags(rawValue: 0x0400_0000)
  public static let ipc = UnshareFlags(rawValue: 0x0800_0000)
  public static let network = UnshareFlags(rawValue: 0x4000_0000)
}

/// Runs code in other namespaces than the program's, on a thread that ends with it.
public enum NamespaceThread {
  /// Enters the given namespaces in order, then creates the new ones, then runs `body` there. Blocks until it has run.
  ///
  /// The thread has a working directory and umask of its own. Children that `body` starts inherit its namespaces, and
  /// a parent-death signal asked for them comes when this thread ends. Keep `body` short and synchronous.
  /// - Parameters:
  ///   - entering: descriptors of namespaces (setns(2)), from `Namespace.open`.
  ///   - propagation: what all mounts become after unsharing `.mount`. `.slave`: later mounts of the host appear here,
  ///     ours never there.
  /// - Throws: `SystemError` of setns, unshare or mount, or what `body` throws.
  public static func run<T: Sendable>(
    entering: [Descriptor] = [], unsharing: UnshareFlags = [], propagation: MountPropagation = .slave,
    _ body: @Sendable () throws -> T
  ) throws -> T {
    try withoutActuallyEscaping(body) { body in
      let call = Call(body)
      let numbers = entering.map(\.raw)
      var request = bh_namespace_request()
      request.unshare_flags = unsharing.rawValue
      request.propagation = propagation.flag
      let code = numbers.withUnsafeBufferPointer { buffer in
        request.enter = buffer.baseAddress
        request.enter_count = buffer.count
        return bh_run_in_namespaces(
          &request,
          { context in
            guard let context else { return }
            Unmanaged<AnyCall>.fromOpaque(context).takeUnretainedValue().run()
          }, Unmanaged<AnyCall>.passUnretained(call).toOpaque())
      }
      withExtendedLifetime((call, entering)) {}
      if code != 0 {
        let operation = request.failed.map { String(cString: $0) } ?? "pthread_create"
        throw SystemError(errno: code, operation: operation, subject: "namespace")
      }
      guard let result = call.result else { throw SystemError(errno: ECANCELED, operation: "namespace thread") }
      return try result.get()
    }
  }

  private class AnyCall {
    func run() {}
  }

  private final class Call<T: Sendable>: AnyCall {
    private let body: @Sendable () throws -> T
    private(set) var result: Result<T, any Error>?

    init(_ body: @escaping @Sendable () throws -> T) {
      self.body = body
    }

    override func run() {
      result = Result(catching: body)
    }
  }
}
