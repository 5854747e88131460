/// The steps for one service's containers: first those that make containers, and when every service has them what touches those that
/// run, so that what the engine refuses of any of them leaves all as they are.
struct ServicePlanner {
  /// A container of the files that is made, in the place of `old` where there is one.
  private struct Fresh {
    var reference: ComposeContainerReference
    var create: Int
    var old: ObservedContainer?
  }

  let planner: ComposePlanner
  let service: ComposeService
  let options: ComposeUpOptions
  let graph: ComposeGraph
  let observed: [ObservedContainer]
  private var unchanged: [ObservedContainer] = []
  private var made: [Fresh] = []
  private var replaced: [Fresh] = []
  private var surplus: [ObservedContainer] = []

  init(
    planner: ComposePlanner, service: ComposeService, options: ComposeUpOptions, graph: ComposeGraph,
    observed: [ObservedContainer]
  ) {
    self.planner = planner
    self.service = service
    self.options = options
    self.graph = graph
    self.observed = observed
  }

  private var desired: Int { options.scale[service.name] ?? service.replicas }

  /// - Parameter resources: the steps after which networks and volumes are there.
  mutating func make(resources: [Int], _ builder: inout PlanBuilder) {
    let hash = planner.project.configHash(service, sha256: planner.sha256)
    let mustReplace = isForced || followsReplaced(builder)
    let differs: (ObservedContainer) -> Bool = { [planner, service, options] container in
      if [.dead, .removing].contains(container.state) { return true }
      if mustReplace { return true }
      if options.noRecreate { return false }
      let image = planner.imageIDs[service.name]
      return container.configHash != hash || (image != nil && container.imageID != nil && image != container.imageID)
    }
    // Those that need nothing stay; of the others those with the smallest numbers.
    let ranked = observed.sorted { (differs($0) ? 1 : 0, $0.number) < (differs($1) ? 1 : 0, $1.number) }
    var kept: [ObservedContainer] = []
    for container in ranked {
      // Two have one number where somebody ended this program while it put one in the other's place.
      if kept.count < desired, !kept.contains(where: { $0.number == container.number }) {
        kept.append(container)
      } else {
        surplus.append(container)
      }
    }
    kept.sort { $0.number < $1.number }
    surplus.sort { $0.number > $1.number }
    unchanged = kept.filter { !differs($0) }
    // Its containers refer to others by id: these have to exist before they are made.
    let before = resources + referredServices.flatMap { builder.progress[$0]?.created ?? [] }
    let taken = Set(observed.map(\.number))
    let missing = desired - kept.count
    let numbers = missing > 0 ? (1...(taken.count + missing)).filter { !taken.contains($0) }.prefix(missing) : []
    made = numbers.map { create($0, in: nil, before, &builder) }
    replaced = kept.filter(differs).map { create($0.number, in: $0, before, &builder) }
    var progress = PlanBuilder.Progress()
    progress.created = (made + replaced).map(\.create)
    progress.hasReplaced = !replaced.isEmpty
    progress.containers = (unchanged.map(planner.reference) + (made + replaced).map(\.reference))
      .sorted { $0.number < $1.number }
    builder.progress[service.name] = progress
  }

  /// What comes after `make` of all services.
  func bring(_ builder: inout PlanBuilder) {
    let ready = dependencies(&builder)
    var started = keep(ready, &builder)
    if !options.createsOnly {
      started += made.map { builder.add(.start($0.reference), after: ready + [$0.create]) }
    }
    started += replace(ready, &builder)
    builder.progress[service.name]?.started = started
    let removed = remove(after: started, &builder)
    nameAtLast(removed, &builder)
  }

  private var isForced: Bool {
    guard options.forceRecreate else { return false }
    return options.services.isEmpty || options.services.contains(service.name) || options.recreatesDependencies
  }

  /// Services whose namespaces or volumes its containers join, or that they are linked to.
  private var referredServices: [String] {
    let places =
      [service.networkMode, service.ipcMode, service.pidMode].compactMap { $0 } + service.volumesFrom.map(\.source)
    return places.compactMap { if case .service(let name) = $0 { name } else { nil } } + service.links.map(\.service)
  }

  /// A container that lives in another's namespace, or is linked to it, is of no use when that is gone.
  private func followsReplaced(_ builder: PlanBuilder) -> Bool {
    let names = referredServices + (options.recreatesDependencies ? service.dependencies.map(\.service) : [])
    return names.contains { builder.progress[$0]?.hasReplaced == true }
  }

  /// The steps that have to be done before its containers start.
  private func dependencies(_ builder: inout PlanBuilder) -> [Int] {
    guard !options.createsOnly else { return [] }
    var steps: [Int] = []
    for dependency in service.dependencies {
      steps += builder.waits(for: dependency.service, dependency.condition, required: dependency.required)
    }
    return steps
  }

  // MARK: The containers

  private func create(
    _ number: Int, in old: ObservedContainer?, _ before: [Int], _ builder: inout PlanBuilder
  ) -> Fresh {
    let name = planner.project.containerName(service, number: number)
    let reference = ComposeContainerReference(service: service.name, number: number, name: name, id: nil)
    // The old one's name is free when the old one is gone.
    let temporary = old.map { Self.temporaryName(name, replacing: $0) }
    let create = builder.add(
      .create(reference, temporaryName: temporary, replaces: options.renewsAnonymousVolumes ? nil : old?.id),
      after: before)
    return Fresh(reference: reference, create: create, old: old)
  }

  private static func temporaryName(_ name: String, replacing old: ObservedContainer) -> String {
    "\(name)-\(String(old.id.prefix(12)))"
  }

  /// The steps after which those that stay run.
  private func keep(_ ready: [Int], _ builder: inout PlanBuilder) -> [Int] {
    guard !options.createsOnly else { return [] }
    let mustRestart = service.dependencies.contains {
      $0.restart && builder.progress[$0.service]?.hasReplaced == true
    }
    var started: [Int] = []
    for container in unchanged {
      let reference = planner.reference(container)
      switch container.state {
      case .running, .restarting, .paused:
        guard mustRestart else { continue }
        let stop = builder.add(.stop(reference), after: ready + builder.agreed())
        builder.note(ComposeReplacement(old: reference, new: nil, wasRunning: true))
        started.append(builder.add(.start(reference), after: [stop]))
      default: started.append(builder.add(.start(reference), after: ready))
      }
    }
    return started
  }

  /// Replaces containers in groups; a group begins when the one before it serves. Returns the steps after which the new ones run.
  private func replace(_ ready: [Int], _ builder: inout PlanBuilder) -> [Int] {
    let update = service.deploy.update
    let size = update.parallelism == 0 ? max(replaced.count, 1) : update.parallelism
    var started: [Int] = []
    var previous: [Int] = []
    for start in stride(from: 0, to: replaced.count, by: size) {
      if start > 0, update.delayNanoseconds > 0 {
        previous = [builder.add(.pause(nanoseconds: update.delayNanoseconds), after: previous)]
      }
      let isLast = start + size >= replaced.count
      var ends: [Int] = []
      for fresh in replaced[start..<min(start + size, replaced.count)] {
        guard let old = fresh.old else { continue }
        ends += replace(old, by: fresh, after: previous, ready, waits: !isLast, &started, &builder)
      }
      previous = ends
    }
    return started
  }

  /// The steps after which the next group may begin.
  private func replace(
    _ old: ObservedContainer, by fresh: Fresh, after previous: [Int], _ ready: [Int], waits: Bool,
    _ started: inout [Int], _ builder: inout PlanBuilder
  ) -> [Int] {
    let gone = planner.reference(old)
    let new = fresh.reference
    let runs = [.running, .restarting, .paused].contains(old.state)
    builder.note(ComposeReplacement(old: gone, new: new, wasRunning: runs))
    let before = previous + builder.agreed()
    if runs, !options.createsOnly, service.replacesByStartingFirst(replicas: desired) {
      let start = builder.add(.start(new), after: ready + before)
      let serves = lasting(new, after: start, &builder)
      let drained = builder.add(.drain(gone), after: [serves])
      let stop = builder.add(.stop(gone), after: [drained])
      let remove = builder.add(.remove(gone, withAnonymousVolumes: false), after: [stop])
      started.append(start)
      return [builder.add(.rename(new), after: [remove])]
    }
    // Stopped as late as can be: when all that the new one waits for is there. Removed when the new one runs: until then it can go on.
    var last = before
    if runs { last = [builder.add(.stop(gone), after: ready + before)] }
    if !options.createsOnly { last = [builder.add(.start(new), after: ready + last)] }
    let remove = builder.add(.remove(gone, withAnonymousVolumes: false), after: last)
    let rename = builder.add(.rename(new), after: [remove])
    if options.createsOnly { return [rename] }
    started.append(rename)
    return waits ? [lasting(new, after: rename, &builder)] : [rename]
  }

  /// The step after which a new container serves, and has done so for as long as `update_config.monitor` says.
  private func lasting(
    _ container: ComposeContainerReference, after start: Int, _ builder: inout PlanBuilder
  ) -> Int {
    let serves = builder.add(.wait(container, .healthy, required: true), after: [start])
    let monitor = service.deploy.update.monitorNanoseconds
    guard monitor > 0 else { return serves }
    let watched = builder.add(.pause(nanoseconds: monitor), after: [serves])
    return builder.add(.wait(container, .healthy, required: true), after: [watched])
  }

  /// The steps after which the names of those that are too many are free.
  private func remove(after started: [Int], _ builder: inout PlanBuilder) -> [String: Int] {
    var removed: [String: Int] = [:]
    for container in surplus {
      let reference = planner.reference(container)
      var last = started + builder.agreed()
      if [.running, .restarting, .paused].contains(container.state) {
        let drained = builder.add(.drain(reference), after: last)
        last = [builder.add(.stop(reference), after: [drained])]
      }
      removed[container.name] = builder.add(.remove(reference, withAnonymousVolumes: true), after: last)
    }
    return removed
  }

  /// Gives those their names that still have the one for the time beside the container that they replaced.
  private func nameAtLast(_ removed: [String: Int], _ builder: inout PlanBuilder) {
    for container in unchanged {
      var reference = planner.reference(container)
      reference.name = planner.project.containerName(service, number: container.number)
      let suffix = container.name.dropFirst(reference.name.count)
      guard container.name.hasPrefix(reference.name + "-"), suffix.count == 13,
        suffix.dropFirst().allSatisfy(\.isHexDigit)
      else { continue }
      _ = builder.add(.rename(reference), after: removed[reference.name].map { [$0] } ?? [])
    }
  }
}
