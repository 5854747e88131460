extension ComposePlanner {
  /// What takes services down: dependents before what they need, containers of `run` too, then networks and, where asked,
  /// volumes. External networks and volumes stay.
  ///
  /// - Throws: `notFound` for a service that neither the files nor the engine have.
  public func down(_ options: ComposeDownOptions) throws(ComposeFault) -> ComposePlan {
    let all = project.services + project.disabledServices
    for name in options.services
    where !all.contains(where: { $0.name == name }) && !observation.containers.contains(where: { $0.service == name }) {
      throw ComposeFault(
        .notFound, at: nil, "there is no service '\(name.prefix(100))' in the project '\(project.name)'")
    }
    let isWhole = options.services.isEmpty
    let order = ComposeGraph(all).stopOrder
    let needs = Dictionary(all.map { ($0.name, $0.dependencies.map(\.service)) }) { first, _ in first }
    var builder = PlanBuilder()
    var stops: [String: [Int]] = [:]
    var removed: [Int] = []
    for name in order where isWhole || options.services.contains(name) {
      let dependents = needs.filter { $0.value.contains(name) }.keys.sorted()
      let before = dependents.flatMap { stops[$0] ?? [] }
      for container in observation.containers where container.service == name && (isWhole || !container.isOneOff) {
        let (stop, remove) = take(container, after: before, options, &builder)
        stops[name, default: []].append(stop)
        removed.append(remove)
      }
    }
    let known = Set(order)
    let strangers = observation.containers.filter {
      !known.contains($0.service) && (options.services.contains($0.service) || (isWhole && options.removesOrphans))
    }
    for container in strangers { removed.append(take(container, after: [], options, &builder).remove) }
    if isWhole {
      for network in observation.networks { _ = builder.add(.removeNetwork(network.name), after: removed) }
      if options.removesVolumes {
        for volume in observation.volumes { _ = builder.add(.removeVolume(volume.name), after: removed) }
      }
      let left = observation.containers.filter { !known.contains($0.service) }
      if !left.isEmpty, !options.removesOrphans {
        builder.warn(
          "containers of services that the files no longer have stay: \(left.map(\.name).joined(separator: ", ")); "
            + "--remove-orphans removes them")
      }
    }
    return builder.plan
  }

  private func take(
    _ container: ObservedContainer, after before: [Int], _ options: ComposeDownOptions, _ builder: inout PlanBuilder
  ) -> (stop: Int, remove: Int) {
    let reference = reference(container)
    let needsStop = [.running, .restarting, .paused].contains(container.state)
    let stop = needsStop ? [builder.add(.stop(reference), after: before)] : []
    let remove = builder.add(
      .remove(reference, withAnonymousVolumes: options.removesVolumes), after: needsStop ? stop : before)
    return (stop.first ?? remove, remove)
  }
}
