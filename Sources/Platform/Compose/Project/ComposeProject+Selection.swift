extension ComposeProject {
  /// The image that a service runs: its own name, or that of what is built for it.
  public func imageName(_ service: ComposeService) -> String { service.image ?? "\(name)-\(service.name)" }

  /// The project with these services and all that they need alone; all where none is named. The canonical form has no more.
  public func limited(to names: [String]) -> ComposeProject {
    guard !names.isEmpty else { return self }
    let kept = ComposeGraph(services).closure(of: names)
    var result = self
    result.services = services.filter { kept.contains($0.name) }
    guard case .map(var members) = canonical else { return result }
    members["services"] = .map(Dictionary(result.services.map { ($0.name, $0.canonical) }) { first, _ in first })
    result.canonical = .map(members)
    return result
  }
}
