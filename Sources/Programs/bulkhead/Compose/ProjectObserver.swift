import Compose

extension Engine {
  /// Everything that carries a project's label; nil for the engine's every project.
  func observe(_ project: String) throws(ClientError) -> ComposeObservation {
    let filters = try Filters.encode(["label=\(ComposeLabel.project)=\(project)"])
    var observation = ComposeObservation()
    let containers = try call(.get, "/containers/json", query: [("all", "1"), ("filters", filters)])
    observation.containers = containers.items.map(ObservedContainer.init(listed:))
      .sorted { ($0.service, $0.number, $0.name) < ($1.service, $1.number, $1.name) }
    let networks = try call(.get, "/networks", query: [("filters", filters)])
    observation.networks = networks.items.map { ObservedResource(listed: $0, label: ComposeLabel.network) }
    let volumes = try call(.get, "/volumes", query: [("filters", filters)])
    observation.volumes = volumes["Volumes"].items.map { ObservedResource(listed: $0, label: ComposeLabel.volume) }
    return observation
  }
}

extension ObservedContainer {
  /// From an entry of `GET /containers/json`.
  init(listed entry: JSONValue) {
    let labels = entry["Labels"]
    let status = entry.text("Status")
    self.init(
      id: entry.text("Id"), name: String((entry["Names"].items.first?.string ?? "").drop { $0 == "/" }),
      service: labels.text(ComposeLabel.service), number: Int(labels.text(ComposeLabel.containerNumber)) ?? 0,
      configHash: labels.text(ComposeLabel.configHash), imageID: entry["ImageID"].string,
      state: State(rawValue: entry.text("State")) ?? .dead, health: Self.health(inStatus: status))
    exitCode = Self.exitCode(inStatus: status)
    isOneOff = labels.text(ComposeLabel.oneOff).lowercased() == "true"
    imageName = entry["Image"].string
    dependsOn = labels.text(ComposeLabel.dependsOn)
  }

  /// From `Up 2 minutes (healthy)`, as docker writes it.
  static func health(inStatus status: String) -> Health {
    if status.hasSuffix("(healthy)") { return .healthy }
    if status.hasSuffix("(unhealthy)") { return .unhealthy }
    return status.hasSuffix("(health: starting)") ? .starting : .none
  }

  /// From `Exited (137) 5 seconds ago`.
  static func exitCode(inStatus status: String) -> Int? {
    guard status.hasPrefix("Exited ("), let (_, rest) = splitOnce(status, "("), let (digits, _) = splitOnce(rest, ")")
    else { return nil }
    return Int(digits)
  }
}

extension ObservedResource {
  init(listed entry: JSONValue, label: String) {
    self.init(
      name: entry.text("Name"), key: entry["Labels"].text(label),
      configHash: entry["Labels"][ComposeLabel.configHash].string)
  }
}
