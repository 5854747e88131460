import LinuxSystem
import Testing

/// Runs tests that block on threads of their own, so that relays and name service, which need the cooperative pool,
/// get on.
public struct BlockingThreads: SuiteTrait, TestTrait, TestScoping {
  /// Kept for the whole run: tasks prefer it to the end.
  private static let executor = Result { try BlockingExecutor(maxThreads: 32, name: "tests") }

  public var isRecursive: Bool { true }

  public func provideScope(
    for test: Test, testCase: Test.Case?, performing function: @Sendable () async throws -> Void
  ) async throws {
    try await withTaskExecutorPreference(try Self.executor.get()) { try await function() }
  }
}

extension Trait where Self == BlockingThreads {
  public static var blockingThreads: Self { BlockingThreads() }
}
