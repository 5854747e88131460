/// Puts the steps of a plan together, service by service.
struct PlanBuilder {
  /// What later steps have to know of a service.
  struct Progress {
    /// The steps after which its containers exist.
    var created: [Int] = []
    /// The steps after which they run.
    var started: [Int] = []
    var containers: [ComposeContainerReference] = []
    var hasReplaced = false
  }

  private(set) var plan = ComposePlan()
  var progress: [String: Progress] = [:]
  private var waits: [String: [Int]] = [:]
  private var known: [Int]?

  mutating func add(_ action: ComposeAction, after: some Sequence<Int> = []) -> Int {
    plan.steps.append(ComposeStep(action, after: Set(after).sorted()))
    return plan.steps.count - 1
  }

  /// The steps after which the engine has agreed to every container of the plan: nothing that runs is touched before. To be asked
  /// when all steps that make containers are in the plan.
  mutating func agreed() -> [Int] {
    if let known { return known }
    let creates = plan.steps.indices.filter { if case .create = plan.steps[$0].action { true } else { false } }
    // One step between, as each of many steps would otherwise name each of many others.
    let steps = creates.count > 1 ? [add(.gather, after: creates)] : creates
    known = steps
    return steps
  }

  mutating func note(_ replacement: ComposeReplacement) { plan.replacements.append(replacement) }

  mutating func warn(_ message: String) { plan.warnings.append(message) }

  /// The steps after which a condition holds; a wait stands in the plan once, whoever waits.
  mutating func waits(for service: String, _ condition: ComposeDependency.Condition, required: Bool) -> [Int] {
    guard let progress = progress[service] else { return [] }
    if condition == .started { return progress.started }
    let key = "\(service) \(condition.rawValue) \(required)"
    if let known = waits[key] { return known }
    let steps = progress.containers.map { add(.wait($0, condition, required: required), after: progress.started) }
    waits[key] = steps
    return steps
  }
}
