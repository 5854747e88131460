/// One run of a rule, as the history keeps it.
public struct ReplicationExecution: Sendable, Hashable, Codable {
  public enum State: String, Sendable, Codable, CaseIterable {
    case running, succeeded, failed
    /// The server ended meanwhile.
    case interrupted
  }

  public enum Cause: String, Sendable, Codable, CaseIterable { case manual, schedule, push }

  /// Something that could not be copied, and why.
  public struct Failure: Sendable, Hashable, Codable {
    /// `repository:tag` here, or the rule's name for the whole run.
    public let subject: String
    public let message: String
  }

  public static let maximumFailures = 100

  /// Rises with time.
  public let id: String
  public let rule: String
  public let cause: Cause
  /// Seconds since 1970.
  public let startedAt: Int64
  public var endedAt: Int64?
  public var state = State.running
  /// How often it was tried; more than one where something failed at first.
  public var attempts = 0
  public var copied = 0
  /// The other side had them.
  public var skipped = 0
  public var failed = 0
  /// The first `maximumFailures`.
  public var failures: [Failure] = []
}
