import Model

/// Opens the sockets by which containers may ask the engine about their own project. The engine knows no wire format, so the
/// program that serves one gives it this.
public protocol ContainerSocketHost: Sendable {
  /// Listens for one container; returns when it does.
  /// - Parameters:
  ///   - project: the container's; nil: it belongs to none and learns nothing.
  ///   - path: of the socket, in a folder that only root enters.
  ///   - owner: the host's id of the container's root, whose socket it is.
  func open(for container: ContainerID, project: String?, path: String, owner: UInt32) async throws
  /// Ends it and cuts its connections; what is not open is no error.
  func close(_ container: ContainerID) async
}

extension ContainerRecord {
  /// The label by which a container belongs to a compose project.
  public static let projectLabel = "com.docker.compose.project"

  /// The project that the container's own engine socket tells of.
  public var project: String? { labels[Self.projectLabel].flatMap { $0.isEmpty ? nil : $0 } }

  /// Labels that others of the project may see: those that tell of the host's folders are left out.
  public static func shownLabels(_ labels: [String: String]) -> [String: String] {
    labels.filter { !$0.key.hasPrefix(projectLabel + ".") }
  }

  var hasEngineSocket: Bool { mounts.contains { $0.isEngineSocket == true } }
}

extension ContainerView {
  /// The container as another one of its project may see it: names, labels, image, state, networks and ports.
  ///
  /// Made anew of what may be told, so that whatever a record holds besides stays here: variables, arguments, mounts,
  /// commands and output of health checks, paths, process numbers, limits, log options.
  public func outline() -> ContainerView {
    var settings = ContainerSettings(image: record.settings.image)
    settings.networkDisabled = record.settings.networkDisabled
    settings.host.networkMode = record.settings.host.networkMode
    settings.host.publishedPorts = record.settings.host.publishedPorts
    settings.host.restart = record.settings.host.restart
    var outline = ContainerRecord(
      id: record.id, name: record.name, settings: settings, imageID: record.imageID, layers: [], ids: .host,
      createdAt: record.createdAt, arguments: [], environment: [], workingDirectory: "/", user: "",
      stopSignal: record.stopSignal, stopSignalName: record.stopSignalName, exposedPorts: record.exposedPorts,
      healthcheck: nil, labels: ContainerRecord.shownLabels(record.labels), mounts: [], hostname: record.hostname,
      networks: record.networks,
      runtime: record.runtime, logDriver: "")
    outline.endpoints = record.endpoints
    outline.publishedPorts = record.publishedPorts
    outline.run = record.run
    outline.run.pid = 0
    outline.run.monitorPid = 0
    outline.run.error = ""
    return ContainerView(
      record: outline, health: health.map { HealthState(status: $0.status) }, execIDs: [], revision: revision,
      logPath: "", hostnamePath: "", hostsPath: "", resolvConfPath: "")
  }
}
