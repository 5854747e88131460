import ContainerEngine
import Model

/// Which containers `GET /containers/json` lists.
struct ContainerFilter {
  static let keys: Set<String> = [
    "ancestor", "before", "exited", "expose", "health", "id", "is-task", "isolation", "label", "name", "network",
    "publish", "since", "status", "volume",
  ]

  /// What the filter must ask the engine for.
  struct Lookups {
    /// The id of the container a reference names; throws `notFound`.
    var container: (String) throws -> ContainerID
    /// The ids of the image a reference names and of all images made from it; empty where there is none.
    var images: (String) -> Set<Digest>
    /// Name and id of the network a record's network name stands for.
    var networkID: (String) -> String
  }

  private let filters: Filters
  private let showsAll: Bool
  private let limit: Int
  private let before: ContainerID?
  private let since: ContainerID?
  private let exitCodes: [Int32]
  private let images: Set<Digest>?
  private let published: Set<ContainerPort>
  private let exposed: Set<ContainerPort>
  private let isTask: Bool?
  private let networkID: (String) -> String

  /// Throws `invalidArgument` for unknown keys and bad values, `notFound` for containers named by `before` and `since`.
  init(_ filters: Filters, all: Bool, limit: Int, lookups: Lookups) throws {
    try filters.requireKeys(Self.keys)
    self.filters = filters
    self.limit = limit
    for status in filters["status"] where ContainerStatus(rawValue: status) == nil {
      let names = ContainerStatus.allCases.map(\.rawValue).joined(separator: ", ")
      throw PlatformError(
        .invalidArgument,
        "invalid filter 'status=\(status.prefix(32))': invalid value for state (\(status.prefix(32))): must be one of \(names)"
      )
    }
    for health in filters["health"] where !["none", "starting", "healthy", "unhealthy"].contains(health) {
      throw PlatformError(
        .invalidArgument,
        "invalid filter 'health=\(health.prefix(32))': must be one of none, starting, healthy, unhealthy")
    }
    exitCodes = try filters["exited"].map { text in
      guard let code = Int32(text) else {
        throw PlatformError(.invalidArgument, "invalid filter 'exited=\(text.prefix(32))': expected an integer")
      }
      return code
    }
    isTask = try filters.flag("is-task")
    showsAll = all || limit > 0 || !filters["status"].isEmpty
    before = try filters["before"].last.map(lookups.container)
    since = try filters["since"].last.map(lookups.container)
    images = filters.contains("ancestor") ? Set(filters["ancestor"].flatMap(lookups.images)) : nil
    published = try Self.ports(filters, "publish")
    exposed = try Self.ports(filters, "expose")
    networkID = lookups.networkID
  }

  private static func ports(_ filters: Filters, _ key: String) throws -> Set<ContainerPort> {
    try PortText.set(filters[key]) { text, reason in
      PlatformError(.invalidArgument, "invalid filter '\(key)=\(text.prefix(32))': \(reason)")
    }
  }

  /// The places of the containers to list among those given, newest first. Places, as copying a container costs more
  /// than all the rest.
  func select(_ views: [ContainerView]) -> [Int] {
    var places = views.indices
    if let before {
      places = (views.firstIndex { $0.record.id == before }.map { $0 + 1 } ?? places.upperBound)..<places.upperBound
    }
    if let since {
      places =
        places.lowerBound..<max(places.lowerBound, views.firstIndex { $0.record.id == since } ?? places.upperBound)
    }
    var selected: [Int] = []
    for place in places {
      let isRunning = ContainerWords.isRunning(views[place].record.run)
      guard isRunning || showsAll, filters.isEmpty || matches(views[place], isRunning: isRunning) else { continue }
      if limit > 0, selected.count == limit { break }
      selected.append(place)
    }
    return selected
  }

  private func matches(_ view: ContainerView, isRunning: Bool) -> Bool {
    let record = view.record
    guard filters.matches("name", "/" + record.name) || filters.matches("name", record.name) else { return false }
    guard filters["id"].isEmpty || filters["id"].contains(where: { record.id.hex.hasPrefix($0) }) else { return false }
    guard filters.matchesLabels("label", record.labels) else { return false }
    // There are no tasks of a swarm here.
    if isTask == true { return false }
    if !exitCodes.isEmpty {
      guard !isRunning, record.run.startedAt != 0, exitCodes.contains(record.run.exitCode) else { return false }
    }
    guard filters.equals("status", record.run.status.rawValue),
      filters.equals("health", ContainerWords.healthName(view))
    else { return false }
    if let images, !images.contains(record.imageID) { return false }
    return includesVolumes(record) && includesNetworks(record) && includesPorts(record)
  }

  private func includesVolumes(_ record: ContainerRecord) -> Bool {
    let wanted = filters["volume"]
    guard filters.contains("volume") else { return true }
    return record.mounts.contains { mount in
      wanted.contains(mount.destination) || wanted.contains(mount.volumeName ?? mount.source)
    }
  }

  private func includesNetworks(_ record: ContainerRecord) -> Bool {
    guard filters.contains("network") else { return true }
    let names = ContainerNetworks.names(record)
    return filters["network"].contains { wanted in
      names.contains { name in
        if name == wanted { return true }
        let id = record.endpoints[name]?.networkID.hex ?? networkID(name)
        return !wanted.isEmpty && id.hasPrefix(wanted)
      }
    }
  }

  /// As docker does, one port suffices: published on a wanted port of the host, or wanted as a port of the container.
  private func includesPorts(_ record: ContainerRecord) -> Bool {
    if published.isEmpty, exposed.isEmpty { return true }
    guard record.run.isRunning else { return false }
    func port(_ number: UInt16, _ kind: String) -> ContainerPort? {
      ContainerPort.Transport(rawValue: kind).map { ContainerPort(number: number, transport: $0) }
    }
    return record.exposedPorts.contains(where: exposed.contains)
      || record.publishedPorts.contains { binding in
        let kind = binding.protocol.rawValue
        return port(binding.hostPort, kind).map(published.contains) == true
          || port(binding.containerPort, kind).map(exposed.contains) == true
      }
  }
}
