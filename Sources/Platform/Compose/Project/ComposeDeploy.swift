/// What of `deploy` is heeded besides replicas, resources and the restart policy, which stand in the service.
public struct ComposeDeploy: Sendable, Equatable {
  public enum Order: String, Sendable, CaseIterable {
    case startFirst = "start-first"
    case stopFirst = "stop-first"
  }

  public struct Update: Sendable, Equatable {
    /// Containers replaced at once; 0: all.
    public var parallelism = 1
    /// Between one group and the next.
    public var delayNanoseconds: Int64 = 0
    /// nil: start first where nothing forbids it (see `ComposeService.replacesByStartingFirst`).
    public var order: Order?
    /// How long a new container has to serve before the old one goes, or the next is replaced.
    public var monitorNanoseconds: Int64 = 0

    public init() {}
  }

  public var update = Update()

  public init() {}
}
