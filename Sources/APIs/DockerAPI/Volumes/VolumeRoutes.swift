import ContainerEngine
import HTTPServing
import LinuxSystem
import Model

/// Volumes.
enum VolumeRoutes {
  private static let filterKeys: Set<String> = ["dangling", "driver", "label", "name"]

  static func add(to routes: inout Routes) {
    routes.on(.GET, "/volumes", list)
    routes.on(.POST, "/volumes/create", create)
    routes.on(.POST, "/volumes/prune", prune)
    routes.on(.GET, "/volumes/{name}") { request, context in
      var writer = JSONWriter()
      VolumeResponse.write(try context.engine.volume(request["name"]), into: &writer)
      return .json(writer.bytes)
    }
    routes.on(.DELETE, "/volumes/{name}") { request, context in
      try await context.engine.removeVolume(request["name"], force: request.flag("force"))
      return .noContent
    }
  }

  static func list(_ request: DockerRequest, _ context: DockerContext) async throws -> HTTPResponse {
    let filters = try request.filters()
    try filters.requireKeys(filterKeys)
    let dangling = try filters.flag("dangling")
    let volumes = context.engine.volumes().filter { volume in
      (dangling.map { $0 == volume.references.isEmpty } ?? true) && filters.equals("driver", "local")
        && filters.matches("name", volume.record.name) && filters.matchesLabels("label", volume.record.labels)
    }
    return .json { writer in
      writer.list("Volumes", volumes) { VolumeResponse.write($1, into: &$0) }
      writer.null("Warnings")
    }
  }

  static func create(_ request: DockerRequest, _ context: DockerContext) async throws -> HTTPResponse {
    let fields = try await request.optionalFields()
    let name = try fields?.text("Name")
    let driver = try fields?.text("Driver")
    let options = try fields?.stringMap("DriverOpts") ?? [:]
    let labels = try fields?.stringMap("Labels") ?? [:]
    try fields?.finish()
    let volume = try await context.engine.createVolume(name: name, driver: driver, labels: labels, options: options)
    var writer = JSONWriter()
    VolumeResponse.write(volume, into: &writer)
    return .json(writer.bytes, status: .created)
  }

  static func prune(_ request: DockerRequest, _ context: DockerContext) async throws -> HTTPResponse {
    let filters = try request.filters()
    // Docker's volumes know no time.
    try filters.requireKeys(["all", "label", "label!"])
    var filter = try PruneFilter(filters, now: Int64(Clock.realTimeNanoseconds()), further: ["all"])
    // Older clients expect named volumes to be taken too.
    filter.all = try filters.flag("all") ?? (request.version < .v1(42))
    let report = try await context.engine.pruneVolumes(filter)
    return .json { writer in
      writer.field("VolumesDeleted", report.removed)
      writer.field("SpaceReclaimed", report.reclaimedBytes)
    }
  }
}

/// Volumes as docker's JSON shows them.
enum VolumeResponse {
  static func write(_ volume: VolumeView, into writer: inout JSONWriter) {
    let record = volume.record
    writer.object { writer in
      writer.field("CreatedAt", Timestamps.rfc3339(record.createdAt / 1_000_000_000 * 1_000_000_000))
      writer.field("Driver", "local")
      writer.field("Labels", record.labels.isEmpty ? nil : record.labels)
      writer.field("Mountpoint", volume.mountpoint)
      writer.field("Name", record.name)
      writer.field("Options", record.options.isEmpty ? nil : record.options)
      writer.field("Scope", "local")
      if let usage = volume.usage {
        writer.object("Status") { writer in
          writer.field("LimitBytes", usage.limitBytes)
          writer.field("UsedBytes", usage.bytes)
          writer.field("LimitFiles", usage.limitFiles)
          writer.field("UsedFiles", usage.files)
        }
      }
      if let size = volume.sizeBytes {
        writer.object("UsageData") { writer in
          writer.field("RefCount", volume.references.count)
          writer.field("Size", size)
        }
      }
    }
  }
}
