import Compose
import Glibc

/// Carries a plan out: each step as soon as the steps that it waits for are done, beside others, at most `width` at a time.
///
/// After a failure what runs already is finished and nothing new begins; then services that are between an old container and a new one
/// are put back (`ComposePlan.restoration`).
final class PlanRunner: Sendable {
  struct Settings: Sendable {
    /// Seconds until what does not stop is killed; nil: each container's own.
    var stopTimeoutSeconds: Int?
    /// For the waits of `--wait`; nil: without end.
    var waitTimeoutNanoseconds: Int64?
    var isOneOff = false
  }

  private struct State {
    var statuses: [ComposeStepStatus]
    var failure: ClientError?
  }

  static let width = 16

  let engine: Engine
  let project: ComposeProject
  let view: PlanView
  let settings: Settings
  let observation: ComposeObservation
  /// Image of each service, by its name for the engine and its id.
  let images: [String: ServiceImage]
  let hashes: ComposeHashes
  private let watch: ContainerWatch?
  /// What the load balancer was told to send nothing more to: backend and addresses by the container's id.
  let drained = Monitor<[String: [String]]>([:])
  private let madeContainers = Monitor<[String: String]>([:])

  init(
    engine: Engine, project: ComposeProject, observation: ComposeObservation, images: [String: ServiceImage],
    hashes: ComposeHashes, view: PlanView, watch: ContainerWatch?, settings: Settings = Settings()
  ) {
    self.engine = engine
    self.project = project
    self.observation = observation
    self.images = images
    self.hashes = hashes
    self.view = view
    self.watch = watch
    self.settings = settings
  }

  /// Blocks until the plan is done. Throws the first failure.
  func run(_ plan: ComposePlan) throws(ClientError) {
    guard !plan.steps.isEmpty else { return }
    let state = Monitor(State(statuses: Array(repeating: .waiting, count: plan.steps.count)))
    let steps = plan.steps
    var handles: [Threads.Handle] = []
    for _ in 0..<min(Self.width, steps.count) {
      handles.append(
        try Threads.start { [self] in
          while let index = Self.take(state, steps) {
            do throws(ClientError) {
              try perform(steps[index].action)
              state.with { $0.statuses[index] = .done }
            } catch {
              state.with { state in
                state.statuses[index] = .failed
                state.failure = state.failure ?? error
              }
            }
          }
        })
    }
    for handle in handles { Threads.join(handle) }
    let (failure, statuses) = state.with { ($0.failure, $0.statuses) }
    guard let failure else { return }
    restore(plan.restoration(after: statuses))
    throw failure
  }

  /// What fails here is told beside what led here.
  private func restore(_ steps: [ComposeRestoration]) {
    for step in steps {
      do throws(ClientError) {
        switch step {
        case .discard(let reference):
          // It was not made where the engine refused it.
          guard let id = try? id(reference) else { continue }
          // Volumes without a name that it shares with the old one stay.
          try engine.call(.delete, "/containers/\(id)", query: [("force", "1"), ("v", "1")])
          view.show("Container \(reference.name)", "Taken back", isDone: true)
        case .restart(let reference):
          try engine.call(.post, "/containers/\(try id(reference))/start")
          view.show("Container \(reference.name)", "Running as before", isDone: true)
        case .undrain(let reference): try undrain(try id(reference))
        case .remove(let reference): try perform(.remove(reference, withAnonymousVolumes: false))
        case .rename(let reference): try perform(.rename(reference))
        }
      } catch {
        guard error.status != 304, error.status != 404 else { continue }
        view.warn("what failed could not be put back in every place: \(error.message)")
      }
    }
  }

  /// The next step that can be done, as soon as there is one; nil when there will be none.
  private static func take(_ state: Monitor<State>, _ steps: [ComposeStep]) -> Int? {
    let taken: Int?? = state.wait { state -> Int?? in
      if state.failure != nil { return .some(nil) }
      var isAnyOpen = false
      for index in steps.indices where state.statuses[index] == .waiting {
        if steps[index].after.allSatisfy({ state.statuses[$0] == .done }) {
          state.statuses[index] = .running
          return .some(index)
        }
        isAnyOpen = true
      }
      return isAnyOpen ? nil : .some(nil)
    }
    return taken.flatMap { $0 }
  }

  // MARK: Containers by reference

  func remember(_ reference: ComposeContainerReference, _ id: String) {
    madeContainers.with { $0[Self.key(reference)] = id }
  }

  func id(_ reference: ComposeContainerReference) throws(ClientError) -> String {
    if let id = reference.id ?? madeContainers.with({ $0[Self.key(reference)] }) { return id }
    throw ClientError("container \(reference.name) was not made")
  }

  /// The containers of a service by id, the lowest number first: made by this plan where it made some.
  func containers(of service: String) -> [String] {
    let made = madeContainers.with { made in
      made.filter { $0.key.hasPrefix("\(service)/") }.sorted { $0.key < $1.key }.map(\.value)
    }
    if !made.isEmpty { return made }
    return observation.containers.filter { $0.service == service && !$0.isOneOff }.map(\.id)
  }

  private static func key(_ reference: ComposeContainerReference) -> String {
    let digits = String(reference.number)
    return reference.service + "/" + String(repeating: "0", count: max(0, 8 - digits.count)) + digits
  }

  func wait(
    _ reference: ComposeContainerReference, _ condition: ComposeDependency.Condition, required: Bool
  ) throws(ClientError) {
    guard let watch else { throw ClientError("nobody follows the engine's events") }
    let title = "Container \(reference.name)"
    view.show(title, "Waiting")
    do {
      let deadline = settings.waitTimeoutNanoseconds.map(Deadline.init(nanosecondsFromNow:))
      let word = try watch.wait(
        try id(reference), named: reference.name, condition, deadline: deadline)
      view.show(title, word, isDone: true)
    } catch {
      view.show(title, "Error", isFailed: true)
      guard required else { return view.warn("\(error.message); what depends on it does not require it") }
      // It is taken back, and its log with it.
      let isTakenBack = reference.id == nil && observation.containers.contains { $0.service == reference.service }
      guard isTakenBack, let id = try? id(reference) else { throw error }
      let isTerminal = project.service(reference.service)?.terminal ?? false
      let words = LastWords.written(by: id, isTerminal: isTerminal, on: engine)
      throw words.isEmpty ? error : error.saying("\(error.message); it wrote:\(words)")
    }
  }
}

/// What a service is made from.
struct ServiceImage: Sendable, Equatable {
  /// As the engine is told.
  let name: String
  let id: String
}

/// How the parts of a project are told apart from those of an earlier version of its files.
struct ComposeHashes: Sendable {
  let services: [String: String]
  let networks: [String: String]
  let volumes: [String: String]
}
