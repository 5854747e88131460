import HTTPServing
import KubeMachinery
import KubeResources

/// What a pod's volume is made of.
enum VolumeSource: Equatable {
  case empty(isMemory: Bool, limitBytes: Int64?)
  case host(path: String, type: String)
  /// Files from objects of the cluster, renewed while the pod runs.
  case files([FileSource], defaultMode: UInt32)
  case unsupported(String)

  /// One source of files.
  enum FileSource: Equatable {
    case configMap(name: String, items: [Item], isOptional: Bool)
    case secret(name: String, items: [Item], isOptional: Bool)
    case downward([DownwardItem])
    case token(path: String, audience: String, seconds: Int64)
  }

  /// Empty list of items: all keys.
  struct Item: Equatable {
    let key: String
    let path: String
    let mode: UInt32?

    init(_ document: JSONValue) {
      key = document.textAt("key")
      path = document.textAt("path")
      mode = VolumeSource.mode(document["mode"])
    }
  }

  struct DownwardItem: Equatable {
    let path: String
    let field: JSONValue?
    let resource: JSONValue?
    let mode: UInt32?

    init(_ document: JSONValue) {
      path = document.textAt("path")
      field = document["fieldRef"]
      resource = document["resourceFieldRef"]
      mode = VolumeSource.mode(document["mode"])
    }
  }

  static let standardMode: UInt32 = 0o644

  private static func mode(_ value: JSONValue?) -> UInt32? {
    value?.integer.flatMap { UInt32(exactly: $0) }.map { $0 & 0o777 }
  }

  init(_ volume: JSONValue) {
    if let source = volume["emptyDir"] {
      let limit = source["sizeLimit"].flatMap(FieldReference.quantity)?.value
      self = .empty(isMemory: source.textAt("medium") == "Memory", limitBytes: limit.flatMap { $0 > 0 ? $0 : nil })
    } else if let source = volume["hostPath"] {
      self = .host(path: source.textAt("path"), type: source.textAt("type"))
    } else if let source = volume["configMap"] {
      self = .files([Self.configMap(source)], defaultMode: Self.defaultMode(source))
    } else if let source = volume["secret"] {
      let items = source.listAt("items").map(Item.init)
      self = .files(
        [.secret(name: source.textAt("secretName"), items: items, isOptional: source.flagAt("optional"))],
        defaultMode: Self.defaultMode(source))
    } else if let source = volume["downwardAPI"] {
      self = .files([.downward(source.listAt("items").map(DownwardItem.init))], defaultMode: Self.defaultMode(source))
    } else if let source = volume["projected"] {
      let sources = source.listAt("sources")
      let files = sources.compactMap(Self.projection)
      guard files.count == sources.count else {
        self = .unsupported("a projected source of this kind")
        return
      }
      self = .files(files, defaultMode: Self.defaultMode(source))
    } else {
      self = .unsupported(volume.members.map(\.name).first { $0 != "name" } ?? "nothing")
    }
  }

  private static func defaultMode(_ source: JSONValue) -> UInt32 { mode(source["defaultMode"]) ?? standardMode }

  private static func configMap(_ source: JSONValue) -> FileSource {
    .configMap(
      name: source.textAt("name"), items: source.listAt("items").map(Item.init), isOptional: source.flagAt("optional"))
  }

  private static func projection(_ source: JSONValue) -> FileSource? {
    if let map = source["configMap"] { return configMap(map) }
    if let secret = source["secret"] {
      return .secret(
        name: secret.textAt("name"), items: secret.listAt("items").map(Item.init),
        isOptional: secret.flagAt("optional"))
    }
    if let downward = source["downwardAPI"] { return .downward(downward.listAt("items").map(DownwardItem.init)) }
    if let token = source["serviceAccountToken"] {
      let seconds = token["expirationSeconds"]?.integer ?? 3_600
      return .token(path: token.textAt("path"), audience: token.textAt("audience"), seconds: seconds)
    }
    return nil
  }
}

/// A token that a volume shows.
struct ProjectedToken: Sendable, Equatable {
  struct Key: Sendable, Hashable {
    let audience: String
    let seconds: Int64
  }

  let text: String
  let issuedAt: Timestamp
  let endsAt: Timestamp

  /// A new one is due after four fifths of its life, and after a day. Source: Kubernetes *Configure Service Accounts for Pods*.
  func isDue(at now: Timestamp) -> Bool {
    let life = endsAt.seconds - issuedAt.seconds
    return now.seconds >= endsAt.seconds - life / 5 || now.seconds - issuedAt.seconds >= 86_400
  }
}

/// What the pods' specifications ask the server for.
struct PodNeeds: Equatable {
  var configMaps: Set<String> = []
  var secrets: Set<String> = []
  var tokens: Set<ProjectedToken.Key> = []

  /// Some volume shows objects or fields, which change.
  private(set) var hasFiles = false

  /// For volumes.
  init(volumesOf pod: PodDocument) {
    for volume in pod.spec.listAt("volumes") {
      guard case .files(let sources, _) = VolumeSource(volume) else { continue }
      hasFiles = true
      for source in sources {
        switch source {
        case .configMap(let name, _, _): configMaps.insert(name)
        case .secret(let name, _, _): secrets.insert(name)
        case .token(_, let audience, let seconds):
          tokens.insert(ProjectedToken.Key(audience: audience, seconds: seconds))
        case .downward: break
        }
      }
    }
  }

  /// For a container's variables.
  init(variablesOf container: ContainerDocument) {
    for source in container.document.listAt("envFrom") {
      if let name = source.at("configMapRef", "name")?.text { configMaps.insert(name) }
      if let name = source.at("secretRef", "name")?.text { secrets.insert(name) }
    }
    for variable in container.document.listAt("env") {
      if let name = variable.at("valueFrom", "configMapKeyRef", "name")?.text { configMaps.insert(name) }
      if let name = variable.at("valueFrom", "secretKeyRef", "name")?.text { secrets.insert(name) }
    }
  }
}
