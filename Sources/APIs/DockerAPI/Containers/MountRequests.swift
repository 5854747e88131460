import Model

/// The two ways in which clients ask for mounts: `Binds` (`-v`) and `Mounts` (`--mount`).
enum MountRequests {
  private static let propagations = ["rprivate", "private", "rshared", "shared", "rslave", "slave"]

  // MARK: Binds

  static func binds(_ fields: JSONFields) throws -> [MountRequest] {
    try (fields.strings("Binds") ?? []).enumerated().map { index, text in
      do {
        return try bind(text)
      } catch let error as PlatformError {
        throw fields.failure("Binds[\(index)]", error.message)
      }
    }
  }

  /// `source:destination[:mode]`, or `destination` alone for an anonymous volume.
  static func bind(_ text: String) throws -> MountRequest {
    func invalid(_ reason: String) -> PlatformError {
      PlatformError(.invalidArgument, "invalid volume specification: '\(text.prefix(256))': \(reason)")
    }
    let parts = text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
    guard (1...3).contains(parts.count), parts.allSatisfy({ !$0.isEmpty }) else {
      throw invalid("expected source:destination[:mode]")
    }
    let destination = parts.count == 1 ? parts[0] : parts[1]
    guard destination.hasPrefix("/") else {
      throw invalid("invalid mount path: '\(destination.prefix(128))' mount path must be absolute")
    }
    guard destination.contains(where: { $0 != "/" }) else { throw invalid("destination can't be '/'") }
    let source = parts.count == 1 ? nil : parts[0]
    var mount = MountRequest(
      kind: source?.hasPrefix("/") == true ? .bind : .volume, source: source, destination: destination)
    mount.shortSyntax = true
    mount.createSource = mount.kind == .bind
    if parts.count == 3 {
      mount.modeText = parts[2]
      for option in parts[2].split(separator: ",", omittingEmptySubsequences: false) {
        guard applyMode(String(option), to: &mount) else { throw invalid("invalid mode: \(parts[2].prefix(64))") }
      }
    }
    return mount
  }

  private static func applyMode(_ option: String, to mount: inout MountRequest) -> Bool {
    switch option {
    case "rw": mount.readOnly = false
    case "ro": mount.readOnly = true
    // Labels for systems with SELinux and hints for other systems: accepted, nothing to do.
    case "z", "Z", "consistent", "cached", "delegated": break
    case "nocopy" where mount.kind == .volume: mount.noCopy = true
    case _ where propagations.contains(option) && mount.kind == .bind: mount.propagation = option
    default: return false
    }
    return true
  }

  // MARK: Mounts

  static func mounts(_ fields: JSONFields, version: APIVersion) throws -> [MountRequest] {
    try (fields.objects("Mounts") ?? []).map { try mount($0, version: version) }
  }

  private static func mount(_ fields: JSONFields, version: APIVersion) throws -> MountRequest {
    let name = try fields.text("Type") ?? ""
    guard let kind = MountRequest.Kind(rawValue: name) else {
      if ["npipe", "cluster", "image"].contains(name) {
        throw PlatformError(
          .notImplemented, "\(fields.place("Type")): mounts of type '\(name)' are not supported by this engine")
      }
      throw fields.failure("Type", "mount type unknown: \"\(name.prefix(32))\"")
    }
    guard let target = try fields.text("Target") else {
      throw fields.failure("Target", "field Target must not be empty")
    }
    guard target.hasPrefix("/"), target.contains(where: { $0 != "/" }) else {
      throw fields.failure(
        "Target", "invalid mount path: '\(target.prefix(128))' mount path must be absolute and not '/'")
    }
    var mount = MountRequest(kind: kind, source: try fields.text("Source"), destination: target)
    mount.readOnly = try fields.bool("ReadOnly") ?? false
    fields.ignore("Consistency")
    try checkSource(fields, mount)
    for (option, owner) in [
      ("BindOptions", MountRequest.Kind.bind), ("VolumeOptions", .volume), ("TmpfsOptions", .tmpfs),
    ] {
      guard let options = try fields.object(option) else { continue }
      guard owner == kind else {
        if version < .v1(42) { continue }
        throw fields.failure(option, "\(option) must not be specified on mount type \"\(name)\"")
      }
      switch owner {
      case .bind: try readBindOptions(options, version: version, into: &mount)
      case .volume: try readVolumeOptions(options, version: version, into: &mount)
      case .tmpfs: try readTmpfsOptions(options, into: &mount)
      }
      try options.finish()
    }
    try fields.refuse("ImageOptions", "ClusterOptions")
    try fields.finish()
    return mount
  }

  private static func checkSource(_ fields: JSONFields, _ mount: MountRequest) throws {
    switch mount.kind {
    case .bind:
      guard let source = mount.source else { throw fields.failure("Source", "field Source must not be empty") }
      guard source.hasPrefix("/") else {
        throw fields.failure("Source", "invalid mount path: '\(source.prefix(128))' mount path must be absolute")
      }
    case .tmpfs:
      if mount.source != nil { throw fields.failure("Source", "field Source must not be specified") }
    case .volume: break
    }
  }

  private static func readBindOptions(
    _ options: JSONFields, version: APIVersion, into mount: inout MountRequest
  ) throws {
    if let propagation = try options.text("Propagation") {
      guard propagations.contains(propagation) else {
        throw options.failure("Propagation", "invalid propagation mode '\(propagation.prefix(32))'")
      }
      mount.propagation = propagation
    }
    let nonRecursive = try options.bool("NonRecursive") ?? false
    mount.nonRecursive = version >= .v1(40) && nonRecursive
    let create = try options.bool("CreateMountpoint") ?? false
    mount.createSource = version >= .v1(42) && create
    // Read-only applies to the whole tree here, which is what the forced form asks for.
    options.ignore("ReadOnlyForceRecursive")
    if version >= .v1(44) { try options.refuse("ReadOnlyNonRecursive") } else { options.ignore("ReadOnlyNonRecursive") }
  }

  private static func readVolumeOptions(
    _ options: JSONFields, version: APIVersion, into mount: inout MountRequest
  ) throws {
    mount.noCopy = try options.bool("NoCopy") ?? false
    mount.volumeLabels = try options.stringMap("Labels") ?? [:]
    if let subpath = try options.text("Subpath") {
      guard version >= .v1(45) else {
        throw options.failure("Subpath", "VolumeOptions.Subpath needs API v1.45 or newer")
      }
      mount.volumeSubpath = subpath
    }
    if let driver = try options.object("DriverConfig") {
      mount.volumeDriver = try driver.text("Name")
      mount.volumeDriverOptions = try driver.stringMap("Options") ?? [:]
      try driver.finish()
    }
  }

  private static func readTmpfsOptions(_ options: JSONFields, into mount: inout MountRequest) throws {
    mount.tmpfsSizeBytes = try options.integer("SizeBytes", in: Int64(0)...Int64.max).flatMap { $0 == 0 ? nil : $0 }
    mount.tmpfsMode = try options.integer("Mode", in: UInt32(0)...0o7777).flatMap { $0 == 0 ? nil : $0 }
    try options.refuse("Options")
  }
}
