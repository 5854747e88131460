/// What has to be done, as steps that name the steps that they wait for. A step whose `after` are all done may run beside
/// others. Steps stand in an order in which they can also be done one by one.
public struct ComposePlan: Sendable, Equatable {
  public var steps: [ComposeStep] = []
  /// What the user should know: orphans, volumes that are no longer as the files say.
  public var warnings: [String] = []
  /// What is put back when the plan fails (`restoration`).
  public var replacements: [ComposeReplacement] = []

  public init() {}

  /// Nothing has to be changed: waits alone change nothing.
  public var isEmpty: Bool { !steps.contains { !$0.action.isWait } }
}

public struct ComposeStep: Sendable, Equatable {
  public var action: ComposeAction
  /// Indices into the plan's steps, all smaller than this step's own.
  public var after: [Int]

  public init(_ action: ComposeAction, after: [Int]) {
    self.action = action
    self.after = after
  }
}

/// A container of a plan: there already, or made by an earlier step, which then knows its id.
public struct ComposeContainerReference: Sendable, Hashable {
  public var service: String
  public var number: Int
  /// The name that it has when the plan is done.
  public var name: String
  /// nil: made by the plan.
  public var id: String?

  public init(service: String, number: Int, name: String, id: String?) {
    self.service = service
    self.number = number
    self.name = name
    self.id = id
  }
}

public enum ComposeAction: Sendable, Equatable {
  /// By the key of the files.
  case createNetwork(String)
  case createVolume(String)
  /// By the engine's name.
  case removeNetwork(String)
  case removeVolume(String)
  /// An external network or volume has to be there: by the engine's name.
  case requireNetwork(String)
  case requireVolume(String)
  /// Makes a container under `temporaryName` where its name is still taken by `replaces`, else under its own; anonymous volumes
  /// are taken over from `replaces` (an id).
  case create(ComposeContainerReference, temporaryName: String?, replaces: String?)
  case start(ComposeContainerReference)
  /// Waits until the container runs and is healthy (where it has a check), or has ended with 0. A failure ends what waits
  /// for it; `required` false makes it a warning.
  case wait(ComposeContainerReference, ComposeDependency.Condition, required: Bool)
  /// Takes the container out of the names and the load balancer's list, and waits until its requests are done or its
  /// period of grace is over.
  case drain(ComposeContainerReference)
  case stop(ComposeContainerReference)
  case remove(ComposeContainerReference, withAnonymousVolumes: Bool)
  /// Gives the container the name of its reference.
  case rename(ComposeContainerReference)
  /// Between groups of a rolling update.
  case pause(nanoseconds: Int64)
  /// Nothing by itself: all that it waits for is done before what waits for it begins.
  case gather

  var isWait: Bool {
    switch self {
    case .wait, .requireNetwork, .requireVolume, .pause, .gather: true
    default: false
    }
  }
}
