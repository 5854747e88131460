extension ComposePlanner {
  /// What brings services up: makes what is missing, replaces what differs, starts what does not run, removes what is too much.
  /// Where everything is as the files say the plan is empty.
  ///
  /// - Throws: `notFound` for a service that there is none of.
  public func up(_ options: ComposeUpOptions) throws(ComposeFault) -> ComposePlan {
    for name in options.services + options.scale.keys.sorted() where project.service(name) == nil {
      throw ComposeFault(
        .notFound, at: nil, "there is no service '\(name.prefix(100))' in the project '\(project.name)'")
    }
    let graph = ComposeGraph(project.services)
    var selected = Set(options.services)
    if options.services.isEmpty { selected = Set(project.services.map(\.name)) }
    if !options.withoutDependencies { selected = graph.closure(of: Array(selected)) }
    var builder = PlanBuilder()
    let changed = changedNetworks(of: selected)
    // A network cannot be replaced while containers are on it, whoever's they are.
    let dislodged = project.services.filter { service in
      service.endpoints.contains { changed.contains($0.network) } && !containers(of: service.name).isEmpty
    }
    selected.formUnion(dislodged.map(\.name))
    let removed = clear(dislodged, graph, &builder)
    let made = resources(of: selected, changed: changed, after: removed, &builder)
    var planners: [ServicePlanner] = []
    for name in graph.startOrder where selected.contains(name) {
      guard let service = project.service(name) else { continue }
      let isCleared = dislodged.contains { $0.name == name }
      var planner = ServicePlanner(
        planner: self, service: service, options: options, graph: graph, observed: isCleared ? [] : containers(of: name)
      )
      planner.make(resources: made, &builder)
      planners.append(planner)
    }
    for planner in planners { planner.bring(&builder) }
    orphans(options, &builder)
    if options.waits, !options.createsOnly {
      for name in graph.startOrder where selected.contains(name) {
        _ = builder.waits(for: name, finalCondition(of: name), required: true)
      }
    }
    return builder.plan
  }

  func containers(of service: String) -> [ObservedContainer] {
    observation.containers.filter { $0.service == service && !$0.isOneOff }.sorted {
      ($0.number, $0.id) < ($1.number, $1.id)
    }
  }

  /// A service whose end others wait for is done when it has ended well.
  private func finalCondition(of name: String) -> ComposeDependency.Condition {
    let isJob = project.services.contains { service in
      service.dependencies.contains { $0.service == name && $0.condition == .completed }
    }
    return isJob ? .completed : .healthy
  }

  // MARK: Networks and volumes

  private func changedNetworks(of selected: Set<String>) -> Set<String> {
    var changed: Set<String> = []
    for service in project.services where selected.contains(service.name) {
      for endpoint in service.endpoints {
        guard let network = project.network(endpoint.network), !network.isExternal,
          let present = observation.networks.first(where: { $0.key == network.key }), let hash = present.configHash
        else { continue }
        if hash != project.configHash(network: network.key, sha256: sha256) { changed.insert(network.key) }
      }
    }
    return changed
  }

  /// Removes the containers that stand on networks which have to be made anew.
  private func clear(_ services: [ComposeService], _ graph: ComposeGraph, _ builder: inout PlanBuilder) -> [Int] {
    var removed: [Int] = []
    for name in graph.stopOrder where services.contains(where: { $0.name == name }) {
      for container in containers(of: name) {
        let reference = reference(container)
        let stop = builder.add(.stop(reference))
        removed.append(builder.add(.remove(reference, withAnonymousVolumes: false), after: [stop]))
      }
    }
    return removed
  }

  /// The steps after which networks and volumes are there.
  private func resources(
    of selected: Set<String>, changed: Set<String>, after removed: [Int], _ builder: inout PlanBuilder
  ) -> [Int] {
    let services = project.services.filter { selected.contains($0.name) }
    var steps: [Int] = []
    for network in project.networks
    where services.contains(where: { $0.endpoints.contains { $0.network == network.key } }) {
      let present = observation.networks.first { $0.key == network.key }
      if network.isExternal {
        steps.append(builder.add(.requireNetwork(network.name)))
      } else if let present, changed.contains(network.key) {
        let gone = builder.add(.removeNetwork(present.name), after: removed)
        steps.append(builder.add(.createNetwork(network.key), after: [gone]))
      } else if present == nil {
        steps.append(builder.add(.createNetwork(network.key)))
      }
    }
    let used = Set(services.flatMap(\.mounts).filter { $0.kind == .volume }.compactMap(\.source))
    for volume in project.volumes where used.contains(volume.key) {
      let present = observation.volumes.first { $0.key == volume.key }
      if volume.isExternal {
        steps.append(builder.add(.requireVolume(volume.name)))
      } else if present == nil {
        steps.append(builder.add(.createVolume(volume.key)))
      } else if let hash = present?.configHash, hash != project.configHash(volume: volume.key, sha256: sha256) {
        builder.warn(
          "the volume '\(volume.name)' was made by other settings than the files have now: it is left as it is; "
            + "save its data and remove it to have it made anew")
      }
    }
    return steps
  }

  private func orphans(_ options: ComposeUpOptions, _ builder: inout PlanBuilder) {
    let orphans = self.orphans
    guard !orphans.isEmpty else { return }
    guard options.removesOrphans else {
      let names = orphans.map(\.name).joined(separator: ", ")
      builder.warn("containers of services that the files no longer have: \(names); --remove-orphans removes them")
      return
    }
    for container in orphans {
      let stop = builder.add(.stop(reference(container)), after: builder.agreed())
      _ = builder.add(.remove(reference(container), withAnonymousVolumes: false), after: [stop])
    }
  }

  /// Containers of services that the files do not have.
  var orphans: [ObservedContainer] {
    let known = Set((project.services + project.disabledServices).map(\.name))
    return observation.containers.filter { !known.contains($0.service) && !$0.isOneOff }
  }

  func reference(_ container: ObservedContainer) -> ComposeContainerReference {
    ComposeContainerReference(
      service: container.service, number: container.number, name: container.name, id: container.id)
  }
}
