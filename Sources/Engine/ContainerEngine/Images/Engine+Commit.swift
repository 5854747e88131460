import ImageCatalog
import LinuxSystem
import Model

extension Engine {
  /// Makes an image from what a container has changed.
  ///
  /// - Parameter configuration: values that take the place of the container's own in the image.
  public func commitContainer(
    _ reference: String, reference name: String?, comment: String, author: String, pause: Bool,
    configuration: ContainerSettings? = nil, changes: [String]
  ) async throws -> Digest {
    let container = try await containerAtRest(reference)
    let parsed = try name.map { try ImageReference(parsing: $0) }
    let laid = container.record.settings.overlaid(by: configuration)
    return try await container.lock.withLock { _ in
      let record = container.record
      let freezes = pause && record.run.status == .running
      if freezes { try cgroups.freeze(try cgroupPath(record)) }
      defer { if freezes { try? cgroups.thaw(try cgroupPath(record)) } }
      let id = try catalog.commit(
        upper: snapshots.upperPath(record.id), ids: record.ids, parent: record.imageID, settings: laid,
        reference: parsed, comment: comment, author: author, changes: changes)
      emit("commit", record, ["comment": comment, "imageID": id.description, "imageRef": name ?? ""])
      return id
    }
  }
}

extension ContainerSettings {
  /// These settings with what another says of the image's own values laid over them: docker's rules of a commit.
  func overlaid(by other: ContainerSettings?) -> ContainerSettings {
    guard let other else { return self }
    var result = self
    if let entrypoint = other.entrypoint, !entrypoint.isEmpty {
      result.entrypoint = entrypoint
      result.command = other.command
    } else if let command = other.command, !command.isEmpty {
      result.command = command
    }
    result.environment += other.environment
    result.workingDirectory = other.workingDirectory ?? workingDirectory
    result.user = other.user ?? user
    result.stopSignal = other.stopSignal ?? stopSignal
    result.stopTimeoutSeconds = other.stopTimeoutSeconds ?? stopTimeoutSeconds
    result.shell = other.shell ?? shell
    result.onBuild = other.onBuild ?? onBuild
    result.labels.merge(other.labels) { $1 }
    result.exposedPorts = Set(exposedPorts + other.exposedPorts).sorted()
    result.anonymousVolumes = Set(anonymousVolumes + other.anonymousVolumes).sorted()
    result.healthcheck = other.healthcheck ?? healthcheck
    return result
  }
}
