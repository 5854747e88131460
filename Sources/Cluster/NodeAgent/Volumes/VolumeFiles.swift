import HTTPServing
import KubeMachinery

/// The files of a volume: a pure function of its sources and of what they name.
struct VolumeFiles: Equatable {
  struct File: Equatable {
    let bytes: [UInt8]
    let mode: UInt32
  }

  /// Why a volume cannot be made; users read it at the pod.
  struct Failure: Error, Equatable {
    let message: String
  }

  static let maxFiles = 10_000

  /// By path below the volume.
  private(set) var files: [String: File] = [:]

  /// - Parameter tokenMode: of files with tokens. Throws `Failure`.
  init(
    _ sources: [VolumeSource.FileSource], defaultMode: UInt32, pod: PodDocument, objects: PodObjects,
    fields: FieldReference, tokens: [ProjectedToken.Key: ProjectedToken], tokenMode: UInt32
  ) throws {
    let namespace = pod.identity.namespace
    for source in sources {
      switch source {
      case .configMap(let name, let items, let isOptional):
        try add(
          objects.all(configMap: name), items, isOptional, defaultMode, missing: "configmap \"\(name)\" not found",
          noKey: "configmap references non-existent config key: ")
      case .secret(let name, let items, let isOptional):
        try add(
          objects.all(secret: name), items, isOptional, defaultMode, missing: "secret \"\(name)\" not found",
          noKey: "references non-existent secret key: ")
      case .downward(let items):
        for item in items {
          let value =
            item.field.flatMap { fields.value($0["fieldPath"]?.text ?? "") }
            ?? item.resource.flatMap { fields.amount($0, of: nil) }
          guard let value else { throw Failure(message: "the file \(item.path) names a field that pods do not have") }
          try put(item.path, Array(value.utf8), item.mode ?? defaultMode)
        }
      case .token(let path, let audience, let seconds):
        guard let token = tokens[ProjectedToken.Key(audience: audience, seconds: seconds)] else {
          throw Failure(
            message:
              "failed to fetch token for service account \(namespace)/\(pod.spec["serviceAccountName"]?.text ?? "")"
          )
        }
        try put(path, Array(token.text.utf8), tokenMode)
      }
    }
  }

  private mutating func add(
    _ all: [(key: String, value: [UInt8])]?, _ items: [VolumeSource.Item], _ isOptional: Bool, _ defaultMode: UInt32,
    missing: String, noKey: String
  ) throws {
    guard let all else {
      if isOptional { return }
      throw Failure(message: missing)
    }
    guard !items.isEmpty else {
      for item in all { try put(item.key, item.value, defaultMode) }
      return
    }
    for item in items {
      guard let found = all.first(where: { $0.key == item.key }) else {
        if isOptional { continue }
        throw Failure(message: noKey + item.key)
      }
      try put(item.path, found.value, item.mode ?? defaultMode)
    }
  }

  private mutating func put(_ path: String, _ bytes: [UInt8], _ mode: UInt32) throws {
    // The server has checked it; a volume must not lead out of itself whoever wrote it.
    let parts = path.split(separator: "/", omittingEmptySubsequences: false)
    guard !path.isEmpty, parts.allSatisfy({ !$0.isEmpty && $0 != "." && $0 != ".." }), !path.hasPrefix(".."),
      !path.utf8.contains(0)
    else { throw Failure(message: "the path \(GoText.quoted(path)) is no file below the volume") }
    files[path] = File(bytes: bytes, mode: mode)
    guard files.count <= Self.maxFiles else { throw Failure(message: "more than \(Self.maxFiles) files") }
  }

  /// Names at the volume's top.
  var topNames: Set<String> {
    Set(files.keys.map { path in path.split(separator: "/", maxSplits: 1).first.map(String.init) ?? path })
  }
}
