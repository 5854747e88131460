/// What of `deploy` is heeded besides replicas, resources and the restart policy, which stand in the service.
public struct ComposeDeploy: Sendable, Equatable {
  public enum Order: String, Sendable, CaseIterable {
    case startFirst = "start-first"
    case stopFirst = "stop-first"
  }

  public enum OnFailure: String, Sendable, CaseIterable { case `continue`, rollback, pause }

  public struct Update: Sendable, Equatable {
    /// Containers replaced at once; 0: all.
    public var parallelism = 1
    /// Between one group and the next.
    public var delayNanoseconds: Int64 = 0
    /// nil: start first where nothing forbids it (see `ComposeService.replacesByStartingFirst`).
    public var order: Order?
    public var onFailure = OnFailure.pause
    /// How long a new container has to live before the next is replaced.
    public var monitorNanoseconds: Int64 = 0

    public init() {}
  }

  public var update = Update()
  public var rollback = Update()
  /// For the service, not for its containers: kept for `config`.
  public var labels: [String: String] = [:]

  public init() {}
}
