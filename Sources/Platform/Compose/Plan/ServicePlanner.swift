/// The steps for one service's containers.
struct ServicePlanner {
  let planner: ComposePlanner
  let service: ComposeService
  let options: ComposeUpOptions
  let graph: ComposeGraph
  let observed: [ObservedContainer]

  private var desired: Int { options.scale[service.name] ?? service.replicas }

  mutating func plan(resources: [Int], _ builder: inout PlanBuilder) {
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
    let kept = ranked.prefix(desired).sorted { $0.number < $1.number }
    let surplus = ranked.dropFirst(desired).sorted { $0.number > $1.number }
    let ready = dependencies(&builder)
    // Its containers refer to others by id: these have to exist before they are made.
    let existing = referredServices.flatMap { builder.progress[$0]?.created ?? [] }
    let before = resources + existing
    var progress = PlanBuilder.Progress()
    keep(kept.filter { !differs($0) }, ready, &progress, &builder)
    make(taken: Set(observed.map(\.number)), count: desired - kept.count, before, ready, &progress, &builder)
    replace(kept.filter(differs), before, ready, &progress, &builder)
    progress.containers.sort { $0.number < $1.number }
    builder.progress[service.name] = progress
    remove(surplus, progress, &builder)
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

  private func keep(
    _ containers: [ObservedContainer], _ ready: [Int], _ progress: inout PlanBuilder.Progress,
    _ builder: inout PlanBuilder
  ) {
    let mustRestart = service.dependencies.contains {
      $0.restart && builder.progress[$0.service]?.hasReplaced == true
    }
    for container in containers {
      let reference = planner.reference(container)
      progress.containers.append(reference)
      if options.createsOnly { continue }
      switch container.state {
      case .running, .restarting, .paused:
        guard mustRestart else { continue }
        let stop = builder.add(.stop(reference), after: ready)
        progress.started.append(builder.add(.start(reference), after: [stop]))
      default: progress.started.append(builder.add(.start(reference), after: ready))
      }
    }
  }

  private func make(
    taken: Set<Int>, count: Int, _ before: [Int], _ ready: [Int], _ progress: inout PlanBuilder.Progress,
    _ builder: inout PlanBuilder
  ) {
    guard count > 0 else { return }
    let numbers = (1...(taken.count + count)).filter { !taken.contains($0) }.prefix(count)
    for number in numbers {
      let reference = ComposeContainerReference(
        service: service.name, number: number, name: planner.project.containerName(service, number: number), id: nil)
      progress.containers.append(reference)
      let create = builder.add(.create(reference, temporaryName: nil, replaces: nil), after: before)
      progress.created.append(create)
      if !options.createsOnly { progress.started.append(builder.add(.start(reference), after: ready + [create])) }
    }
  }

  /// Replaces containers in groups; a group begins when the one before it serves.
  private func replace(
    _ containers: [ObservedContainer], _ before: [Int], _ ready: [Int], _ progress: inout PlanBuilder.Progress,
    _ builder: inout PlanBuilder
  ) {
    guard !containers.isEmpty else { return }
    progress.hasReplaced = true
    let update = service.deploy.update
    let size = update.parallelism == 0 ? containers.count : update.parallelism
    var previous: [Int] = []
    for start in stride(from: 0, to: containers.count, by: size) {
      let group = containers[start..<min(start + size, containers.count)]
      if start > 0, update.delayNanoseconds > 0 {
        previous = [builder.add(.pause(nanoseconds: update.delayNanoseconds), after: previous)]
      }
      var ends: [Int] = []
      for old in group {
        let isLast = start + size >= containers.count
        ends += replace(old, after: previous, before, ready, waits: !isLast, &progress, &builder)
      }
      previous = ends
    }
  }

  /// The steps after which the next group may begin.
  private func replace(
    _ old: ObservedContainer, after previous: [Int], _ before: [Int], _ ready: [Int], waits: Bool,
    _ progress: inout PlanBuilder.Progress, _ builder: inout PlanBuilder
  ) -> [Int] {
    let name = planner.project.containerName(service, number: old.number)
    let fresh = ComposeContainerReference(service: service.name, number: old.number, name: name, id: nil)
    let gone = planner.reference(old)
    progress.containers.append(fresh)
    // The old one's name is free when the old one is gone.
    let temporary = "\(name)-\(String(old.id.prefix(12)))"
    let create = builder.add(
      .create(fresh, temporaryName: temporary, replaces: options.renewsAnonymousVolumes ? nil : old.id),
      after: before + previous)
    progress.created.append(create)
    let runs = [.running, .restarting, .paused].contains(old.state)
    if runs, !options.createsOnly, service.replacesByStartingFirst(replicas: desired) {
      let start = builder.add(.start(fresh), after: ready + [create])
      let serves = lasting(fresh, after: start, &builder)
      let drained = builder.add(.drain(gone), after: [serves])
      let stop = builder.add(.stop(gone), after: [drained])
      let remove = builder.add(.remove(gone, withAnonymousVolumes: false), after: [stop])
      let rename = builder.add(.rename(fresh), after: [remove])
      progress.started.append(start)
      return [rename]
    }
    // Stopped as late as can be: when all that the new one waits for is there.
    var last = [create]
    if runs { last = [builder.add(.stop(gone), after: ready + [create])] }
    let remove = builder.add(.remove(gone, withAnonymousVolumes: false), after: last)
    let rename = builder.add(.rename(fresh), after: [remove])
    if options.createsOnly { return [rename] }
    let start = builder.add(.start(fresh), after: ready + [rename])
    progress.started.append(start)
    return waits ? [lasting(fresh, after: start, &builder)] : [start]
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

  private func remove(
    _ containers: [ObservedContainer], _ progress: PlanBuilder.Progress, _ builder: inout PlanBuilder
  ) {
    for container in containers {
      let reference = planner.reference(container)
      var last = progress.started
      if [.running, .restarting, .paused].contains(container.state) {
        let drained = builder.add(.drain(reference), after: last)
        last = [builder.add(.stop(reference), after: [drained])]
      }
      _ = builder.add(.remove(reference, withAnonymousVolumes: true), after: last)
    }
  }
}
