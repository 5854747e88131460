import Model

extension SettingsValidator {
  static let maximumMounts = 512
  private static let propagations: Set<String> = ["private", "rprivate", "shared", "rshared", "slave", "rslave"]

  func checkMounts(_ settings: ContainerSettings) throws {
    let host = settings.host
    guard host.mounts.count + host.tmpfs.count + settings.anonymousVolumes.count <= Self.maximumMounts else {
      throw PlatformError(.invalidArgument, "more than \(Self.maximumMounts) mounts").about(.mounts)
    }
    var seen: Set<String> = []
    func add(_ path: String) throws {
      guard seen.insert(try MountDestination.checked(path)).inserted else {
        throw PlatformError(.invalidArgument, "Duplicate mount point: \(path)")
      }
    }
    for mount in host.mounts {
      try ContainerSetting.mounts.blamed(mount.destination) {
        try add(mount.destination)
        try check(mount)
      }
    }
    for (path, options) in host.tmpfs.sorted(by: { $0.key < $1.key }) {
      try ContainerSetting.tmpfs.blamed(path) {
        try add(path)
        try TmpfsOptions.validate(options)
      }
    }
    for path in settings.anonymousVolumes {
      _ = try ContainerSetting.anonymousVolumes.blamed(path) { try MountDestination.checked(path) }
    }
    for device in host.devices {
      try ContainerSetting.devices.blamed(device.pathOnHost) { try check(device) }
    }
  }

  private func check(_ device: DeviceRequest) throws {
    _ = try MountDestination.checked(device.pathInContainer)
    guard (1...3).contains(device.permissions.count), Set(device.permissions).isSubset(of: "rwm") else {
      throw PlatformError(.invalidArgument, "invalid device mode: \(device.permissions.prefix(20))")
    }
    guard device.pathOnHost.hasPrefix("/dev/") else {
      throw PlatformError(
        .invalidArgument, "bad format for path: \(device.pathOnHost.prefix(200)) is not a device path")
    }
  }

  private func check(_ mount: MountRequest) throws {
    func invalid(_ reason: String) -> PlatformError {
      PlatformError(.invalidArgument, "invalid mount config for type \"\(mount.kind.rawValue)\": \(reason)")
    }
    switch mount.kind {
    case .bind:
      guard let source = mount.source, !source.isEmpty else { throw invalid("field Source must not be empty") }
      guard source.hasPrefix("/") else {
        throw invalid("invalid mount path: '\(source.prefix(200))' mount path must be absolute")
      }
      guard source.utf8.count <= MountDestination.maximumBytes, !source.utf8.contains(0) else {
        throw invalid("the source is too long or has a zero byte")
      }
      if let propagation = mount.propagation, !propagation.isEmpty, !Self.propagations.contains(propagation) {
        throw invalid("invalid propagation mode: \(propagation.prefix(100))")
      }
    case .volume:
      if let name = mount.source, !name.isEmpty, !VolumeName.isValid(name) {
        throw PlatformError(
          .invalidArgument,
          "\"\(name.prefix(200))\" includes invalid characters for a local volume name, only \"[a-zA-Z0-9][a-zA-Z0-9_.-]\" "
            + "are allowed. If you intended to pass a host directory, use absolute path")
      }
      if let path = mount.volumeSubpath, !path.isEmpty, path.hasPrefix("/") || path.split(separator: "/").contains("..")
      {
        throw invalid("the volume's subpath must be relative and stay inside the volume")
      }
    case .tmpfs:
      if let source = mount.source, !source.isEmpty { throw invalid("field Source must not be specified") }
      if let size = mount.tmpfsSizeBytes, size < 0 { throw invalid("the size must not be negative") }
    }
    if mount.kind != .bind, let propagation = mount.propagation, !propagation.isEmpty {
      throw invalid("field BindOptions must not be specified")
    }
  }
}

/// Names of volumes, as docker takes them.
public enum VolumeName {
  static let maximumBytes = 255

  /// A letter or digit, then at least one more of letters, digits, `_`, `.` and `-`.
  public static func isValid(_ name: String) -> Bool {
    let bytes = Array(name.utf8)
    guard (2...maximumBytes).contains(bytes.count) else { return false }
    func isWord(_ byte: UInt8) -> Bool {
      byte >= 48 && byte <= 57 || byte >= 65 && byte <= 90 || byte >= 97 && byte <= 122
    }
    return isWord(bytes[0]) && bytes.dropFirst().allSatisfy { isWord($0) || "_.-".utf8.contains($0) }
  }
}
