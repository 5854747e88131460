import CRIProtocol
import ContainerEngine
import Logging
import Model

/// The Container Runtime Interface, version 1, on an engine. Translates, and decides nothing.
///
/// What is not answered is told by its name with `unimplemented`.
package struct CRIService: Sendable {
  /// Where it is served, below the engine's `--run`.
  package static let socketName = "cri.sock"

  let engine: Engine
  let version: String
  let streaming: StreamingServer
  let usage: UsageHistory
  /// Of all `ExecSync` at once.
  let execOutputs = OutputBudget(bytes: execSyncBudgetBytes)
  let logger: Logger

  /// - Parameter streaming: answers what `Exec`, `Attach` and `PortForward` lead to.
  package init(engine: Engine, version: String, streaming: StreamingServer, logger: Logger) {
    self.engine = engine
    self.version = version
    self.streaming = streaming
    self.logger = logger
    usage = UsageHistory()
  }

  /// What a gRPC server is to answer.
  package var handlers: GRPCHandlers {
    let logger = logger
    var handlers = GRPCHandlers { error in StatusMap.status(of: error, logger: logger) }
    addRuntime(&handlers)
    addSandboxes(&handlers)
    addContainers(&handlers)
    addStreams(&handlers)
    addImages(&handlers)
    addStatistics(&handlers)
    return handlers
  }
}

/// The one place where errors become statuses of the CRI.
enum StatusMap {
  static func status(of error: any Error, logger: Logger) -> GRPCStatus {
    switch error {
    case let error as PlatformError:
      if error.code == .internal { logger.error("a CRI call failed: \(error)") }
      return GRPCStatus(code(of: error), error.message)
    case is CancellationError: return GRPCStatus(.cancelled, "the call was given up")
    default:
      logger.error("a CRI call failed: \(error)")
      return GRPCStatus(.internal, "an internal failure; the engine's log has the details")
    }
  }

  static func code(of error: PlatformError) -> GRPCStatus.Code {
    switch error.code {
    case .invalidArgument: .invalidArgument
    case .notFound: .notFound
    case .conflict: .failedPrecondition
    case .notModified: .failedPrecondition
    case .forbidden: .permissionDenied
    case .unauthenticated: .unauthenticated
    case .resourceExhausted: .resourceExhausted
    case .notImplemented: .unimplemented
    case .unavailable: .unavailable
    case .cancelled: .cancelled
    case .internal: .internal
    }
  }
}

/// Runs a body for which it is no error that something is gone or done already.
func idempotent(_ body: () async throws -> Void) async throws {
  do {
    try await body()
  } catch let error as PlatformError where error.code == .notFound || error.code == .notModified {}
}
