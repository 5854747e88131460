import ContainerEngine
import HTTPServing
import Networking

/// What of the host is reachable from outside: a route of the platform's own.
enum ExposureRoutes {
  private static let (projectLabel, serviceLabel) = ("com.docker.compose.project", "com.docker.compose.service")

  static func add(to routes: inout Routes) {
    routes.on(.GET, "/bulkhead/v1/exposure") { _, context in
      let (entries, warnings) = try context.engine.exposure()
      return .json { writer in
        writer.list("Ports", entries) { writer, entry in writer.object { write(entry, into: &$0) } }
        writer.field("Warnings", warnings)
      }
    }
  }

  static func write(_ entry: ExposureEntry, into writer: inout JSONWriter) {
    let port = entry.port
    writer.field("Protocol", port.transport.rawValue)
    writer.field("Address", port.address)
    writer.field("Port", port.port)
    writer.field("Interfaces", port.interfaces)
    writer.field("Firewall", port.verdict.kind.rawValue)
    writer.field("Reason", port.verdict.reason)
    if let limits = port.limits {
      writer.object("Limits") { writer in for (name, value) in limits.texts { writer.field(name, value) } }
      writer.field("Dropped", port.droppedByLimits ?? 0)
    }
    switch port.opener {
    case .published(let id, let inner):
      writer.field("Opener", "published")
      writer.field("ContainerPort", inner)
      if entry.container == nil { writer.field("Container", id.hex) }
    case .otherEngine(let name, let inner):
      writer.field("Opener", "engine")
      writer.field("Engine", name)
      writer.field("ContainerPort", inner)
    case .process(let id, let program, _):
      writer.field("Opener", "process")
      writer.field("Pid", id)
      writer.field("Program", program)
    case .service(let name, let place, let table):
      writer.field("Opener", "service")
      writer.field("ServicePlace", place.rawValue)
      writer.field("Table", table)
      if let name { writer.field("ClusterService", name) }
    case .unknown: writer.field("Opener", "unknown")
    }
    guard let container = entry.container else { return }
    writer.field("Container", container.id.hex)
    writer.field("Name", container.name)
    if let project = container.settings.labels[projectLabel] { writer.field("Project", project) }
    if let service = container.settings.labels[serviceLabel] { writer.field("Service", service) }
  }
}
