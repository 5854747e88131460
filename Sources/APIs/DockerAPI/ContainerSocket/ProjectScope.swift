import ContainerEngine
import HTTPServing
import LinuxSystem
import Model
import Networking

/// What one compose project has, as one of its containers may see it.
///
/// Names and ids are looked up among the project's alone, so that no answer tells whether somebody else has such a thing.
struct ProjectScope: Sendable {
  let engine: Engine
  let project: String

  private func members() -> [ContainerView] {
    engine.containers().filter { $0.record.project == project && $0.record.isBuildStep != true }.map { $0.outline() }
  }

  // MARK: Containers

  func containers(_ request: DockerRequest) throws -> HTTPResponse {
    let views = members()
    let lookups = ContainerFilter.Lookups(
      container: { try Self.find($0, in: views).record.id }, images: engine.imagesMade(from:), networkID: networkID)
    let filter = try ContainerFilter(
      try request.filters(), all: request.flag("all"), limit: try request.integer("limit") ?? 0, lookups: lookups)
    let now = Int64(Clock.realTimeNanoseconds())
    let selected = filter.select(views)
    return .json(
      JSONWriter.list(selected) { writer, place in
        let view = views[place]
        let entry = ContainerSummary.encode(view, image: view.record.settings.image, networkID: networkID)
        var bytes: [UInt8] = []
        ContainerSummary.write(
          entry, status: ContainerWords.status(view.record.run, view.health?.status, now: now), sizes: nil, into: &bytes
        )
        writer.encoded(bytes)
      })
  }

  func container(_ request: DockerRequest) throws -> HTTPResponse {
    let view = try Self.find(request["id"], in: members())
    return .json(ContainerInspect.encode(view, sizes: nil, version: request.version, networkID: networkID))
  }

  /// By id, name or the beginning of an id.
  static func find(_ reference: String, in views: [ContainerView]) throws -> ContainerView {
    let name = reference.hasPrefix("/") ? String(reference.dropFirst()) : reference
    if let exact = views.first(where: { $0.record.id.hex == name || $0.record.name == name }) { return exact }
    let found = name.isEmpty ? [] : views.filter { $0.record.id.hex.hasPrefix(name) }
    guard found.count == 1 else {
      throw PlatformError(.notFound, "No such container: \(reference.prefix(256))")
    }
    return found[0]
  }

  private var networkID: (String) -> String {
    let engine = engine
    return { name in (try? engine.network(name))?.id.hex ?? "" }
  }

  // MARK: Events

  /// Without a colon: what follows one may be a command.
  private static let actions: Set<String> = [
    "create", "destroy", "die", "health_status", "kill", "oom", "pause", "rename", "restart", "start", "stop",
    "unpause",
  ]

  func events(_ request: DockerRequest) throws -> HTTPResponse {
    let filter = try EventFilter(try request.filters())
    let project = project
    return try EventRoutes.stream(request, engine) { event in
      Self.shown(event, of: project).flatMap { filter.includes($0) ? $0 : nil }
    }
  }

  static func shown(_ event: EngineEvent, of project: String) -> EngineEvent? {
    let action = event.action.prefix { $0 != ":" }
    guard event.kind == .container, event.attributes[ContainerRecord.projectLabel] == project,
      actions.contains(String(action))
    else { return nil }
    var event = event
    event.attributes = ContainerRecord.shownLabels(event.attributes)
    return event
  }

  // MARK: Networks

  /// Those that the project made, and those that its containers are on.
  private func reachable() -> [(
    network: NetworkRecord, endpoints: [(container: ContainerView, endpoint: EndpointRecord)]
  )] {
    engine.networks().compactMap { network in
      var network = network
      let own = engine.endpoints(on: network.id).filter { $0.container.record.project == project }
      if network.labels[ContainerRecord.projectLabel] != project {
        guard !own.isEmpty else { return nil }
        network.labels = [:]
        network.options = [:]
      }
      return (network, own)
    }
  }

  func networks(_ request: DockerRequest) throws -> HTTPResponse {
    let all = reachable()
    let filter = try NetworkFilter(try request.filters()) { id in
      all.contains { $0.network.id == id && !$0.endpoints.isEmpty }
    }
    return .json(
      JSONWriter.list(all.filter { filter.includes($0.network) }) { writer, item in
        NetworkResponse.write(item.network, endpoints: [], into: &writer)
      })
  }

  func network(_ request: DockerRequest) throws -> HTTPResponse {
    let reference = request["id"]
    let all = reachable()
    let exact = all.first { $0.network.name == reference || $0.network.id.hex == reference }
    let begun = all.filter { $0.network.id.hex.hasPrefix(reference) }
    guard let found = exact ?? (begun.count == 1 ? begun.first : nil) else {
      throw PlatformError(.notFound, "network \(reference.prefix(128)) not found")
    }
    var writer = JSONWriter()
    NetworkResponse.write(found.network, endpoints: found.endpoints, into: &writer)
    return .json(writer.bytes)
  }

  // MARK: Images and the engine

  /// Those that the project's containers run, under the names that they were asked for by.
  func images() throws -> HTTPResponse {
    let used = Dictionary(grouping: members(), by: \.record.imageID)
    let images = try engine.images().filter { used[$0.id] != nil }
    return .json(
      JSONWriter.list(images) { writer, image in
        let names = Set((used[image.id] ?? []).map(\.record.settings.image))
        writer.object { writer in
          writer.field("Id", image.id.description)
          writer.field("ParentId", "")
          writer.field("RepoTags", image.repoTags.filter { names.contains($0) || names.contains(Self.untagged($0)) })
          writer.field("RepoDigests", [String]())
          writer.field("Created", image.createdAt / 1_000_000_000)
          writer.field("Size", image.sizeBytes)
          writer.field("SharedSize", -1)
          writer.field("Containers", used[image.id]?.count ?? 0)
          writer.field("Labels", [:] as [String: String]?)
        }
      })
  }

  /// `busybox` of `busybox:latest`, as which it can be asked for.
  private static func untagged(_ name: String) -> String {
    name.hasSuffix(":latest") ? String(name.dropLast(":latest".count)) : name
  }

  func info(version: String) -> HTTPResponse {
    let views = members()
    return .json { writer in
      writer.field("ID", "")
      writer.field("Name", "bulkhead")
      writer.field("Containers", views.count)
      writer.field("ContainersRunning", views.count { $0.record.run.status == .running })
      writer.field("ContainersPaused", views.count { $0.record.run.status == .paused })
      writer.field("ContainersStopped", views.count { !$0.record.run.isRunning })
      writer.field("Images", Set(views.map(\.record.imageID)).count)
      writer.field("Driver", "overlay2")
      writer.field("ServerVersion", version)
      writer.field("OSType", "linux")
      writer.object("Swarm") { $0.field("LocalNodeState", "inactive") }
      writer.field("Warnings", nil as [String]?)
    }
  }
}
