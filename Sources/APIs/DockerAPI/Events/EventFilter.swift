import Model

/// Which events `GET /events` sends.
struct EventFilter: Sendable {
  static let keys: Set<String> = [
    "config", "container", "daemon", "event", "image", "label", "network", "node", "plugin", "scope", "secret",
    "service", "type", "volume",
  ]
  /// Actions that carry a detail after a colon; these words alone match all of them.
  private static let actionsWithDetail: Set<String> = ["health_status", "exec_create", "exec_start"]

  private let filters: Filters

  init(_ filters: Filters) throws {
    try filters.requireKeys(Self.keys)
    self.filters = filters
  }

  func includes(_ event: EngineEvent) -> Bool {
    // Pods' sandboxes are nothing that docker's clients know.
    event.kind != .sandbox
      && includesAction(event.action) && filters.equals("scope", "local") && filters.equals("type", event.kind.rawValue)
      && names("container", event) && names("daemon", event) && names("volume", event) && names("network", event)
      && includesImage(event) && filters.matchesLabels("label", event.attributes)
      && ["config", "node", "plugin", "secret", "service"].allSatisfy { filters[$0].isEmpty }
  }

  private func includesAction(_ action: String) -> Bool {
    filters["event"].contains(where: Self.actionsWithDetail.contains)
      ? filters.hasPrefix("event", action) : filters.equals("event", action)
  }

  /// Whether the event's subject, or what it happened to, is one of those named.
  private func names(_ key: String, _ event: EngineEvent) -> Bool {
    guard !filters[key].isEmpty else { return true }
    guard event.kind.rawValue == key else { return false }
    return filters.hasPrefix(key, event.actorID) || event.attributes["name"].map { filters.hasPrefix(key, $0) } ?? false
  }

  private func includesImage(_ event: EngineEvent) -> Bool {
    guard !filters["image"].isEmpty else { return true }
    let name = event.attributes[event.kind == .image ? "name" : "image"] ?? ""
    return filters.equals("image", event.actorID) || filters.equals("image", name)
      || filters.equals("image", ImageFilter.repository(name))
  }
}
