import ImageCatalog
import Model
import OCITypes

/// Images as docker's JSON shows them.
enum ImageResponse {
  /// One entry of the list. Minus one stands for "not computed".
  static func summary(
    _ image: ImageRecord, containers: Int, sharedBytes: Int64, version: APIVersion, into writer: inout JSONWriter
  ) {
    let showsNone = version < .v1(43) && image.isDangling
    writer.object { writer in
      writer.field("Containers", containers)
      writer.field("Created", image.createdAt / 1_000_000_000)
      writer.field("Id", image.id.description)
      writer.field("Labels", image.labels.isEmpty ? nil : image.labels)
      writer.field("ParentId", image.parent?.description ?? "")
      writer.field("RepoDigests", showsNone ? ["<none>@<none>"] : image.repoDigests)
      writer.field("RepoTags", showsNone ? ["<none>:<none>"] : image.repoTags)
      writer.field("SharedSize", sharedBytes)
      writer.field("Size", image.sizeBytes)
      if version < .v1(44) { writer.field("VirtualSize", image.sizeBytes) }
    }
  }

  static func inspect(_ image: ImageRecord, version: APIVersion) -> [UInt8] {
    let config = image.config
    return JSONWriter.object(capacity: 4_096) { writer in
      writer.field("Id", image.id.description)
      writer.field("RepoTags", image.repoTags)
      writer.field("RepoDigests", image.repoDigests)
      writer.field("Parent", image.parent?.description ?? "")
      writer.field("Comment", config.comment ?? config.history?.last?.comment ?? "")
      writer.field("Created", image.created)
      writer.field("DockerVersion", config.dockerVersion ?? "")
      writer.field("Author", config.author ?? "")
      let execution = config.config ?? ImageExecution()
      write(execution, named: "Config", into: &writer)
      // Gone from the API with 1.45, but docker-compose 1.29 takes the newest version and cannot make a container anew without
      // it. It reads the volumes only: those of the container that made the image are the image's.
      write(execution, named: "ContainerConfig", into: &writer)
      writer.field("Architecture", config.architecture)
      if let variant = config.variant, !variant.isEmpty { writer.field("Variant", variant) }
      writer.field("Os", config.os)
      if let version = config.osVersion, !version.isEmpty { writer.field("OsVersion", version) }
      writer.field("Size", image.sizeBytes)
      if version < .v1(44) { writer.field("VirtualSize", image.sizeBytes) }
      writer.object("GraphDriver") { writer in
        writer.null("Data")
        writer.field("Name", "overlay2")
      }
      writer.object("RootFS") { writer in
        writer.field("Type", "layers")
        writer.field("Layers", config.rootfs.diffIDs.map(\.description))
      }
      writer.object("Metadata") { $0.field("LastTagTime", Timestamps.rfc3339(image.lastTaggedAt)) }
    }
  }

  private static func write(_ execution: ImageExecution, named name: String, into writer: inout JSONWriter) {
    writer.object(name) { writer in
      writer.field("Hostname", execution.hostname ?? "")
      writer.field("Domainname", execution.domainname ?? "")
      writer.field("User", execution.user ?? "")
      for name in ["AttachStdin", "AttachStdout", "AttachStderr"] { writer.field(name, false) }
      if let ports = execution.exposedPorts, !ports.isEmpty { writer.set("ExposedPorts", ports.keys.sorted()) }
      for name in ["Tty", "OpenStdin", "StdinOnce"] { writer.field(name, false) }
      writer.field("Env", execution.env)
      writer.field("Cmd", execution.cmd)
      if let health = execution.healthcheck { healthcheck(health, into: &writer) }
      if let escaped = execution.argsEscaped, escaped { writer.field("ArgsEscaped", true) }
      writer.field("Image", "")
      if let volumes = execution.volumes, !volumes.isEmpty {
        writer.set("Volumes", volumes.keys.sorted())
      } else {
        writer.null("Volumes")
      }
      writer.field("WorkingDir", execution.workingDir ?? "")
      writer.field("Entrypoint", execution.entrypoint)
      writer.field("OnBuild", execution.onBuild)
      writer.field("Labels", execution.labels)
      if let signal = execution.stopSignal, !signal.isEmpty { writer.field("StopSignal", signal) }
      if let seconds = execution.stopTimeout { writer.field("StopTimeout", seconds) }
      if let shell = execution.shell { writer.field("Shell", shell) }
    }
  }

  private static func healthcheck(_ health: ImageHealthcheck, into writer: inout JSONWriter) {
    writer.object("Healthcheck") { writer in
      if let test = health.test { writer.field("Test", test) }
      if let value = health.interval { writer.field("Interval", value) }
      if let value = health.timeout { writer.field("Timeout", value) }
      if let value = health.startPeriod { writer.field("StartPeriod", value) }
      if let value = health.startInterval { writer.field("StartInterval", value) }
      if let value = health.retries { writer.field("Retries", value) }
    }
  }

  /// The steps that made an image, newest first; `layerSizes` in bytes unpacked, lowest layer first.
  static func history(_ image: ImageRecord, layerSizes: [Int64]) -> [UInt8] {
    var layers = layerSizes[...]
    let steps = (image.config.history ?? []).map { step in
      (step: step, sizeBytes: step.emptyLayer == true ? 0 : layers.popFirst() ?? 0)
    }
    return JSONWriter.list(steps.reversed().enumerated()) { writer, item in
      let (index, (step, sizeBytes)) = item
      writer.object { writer in
        writer.field("Comment", step.comment ?? "")
        writer.field("Created", (step.created.flatMap(Timestamps.rfc3339) ?? 0) / 1_000_000_000)
        writer.field("CreatedBy", step.createdBy ?? "")
        writer.field("Id", index == 0 ? image.id.description : "<missing>")
        writer.field("Size", sizeBytes)
        writer.field("Tags", index == 0 && !image.repoTags.isEmpty ? image.repoTags : nil)
      }
    }
  }

  static func removal(_ removal: ImageRemoval, into writer: inout JSONWriter) {
    writer.object { writer in
      switch removal {
      case .untagged(let name): writer.field("Untagged", name)
      case .deleted(let id): writer.field("Deleted", id)
      }
    }
  }
}
