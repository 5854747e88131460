import HTTPServing
import KubeMachinery
import KubeResources

/// A pod's document, and what it says.
public struct PodDocument: Sendable, Equatable {
  /// As the server has it.
  public let document: JSONValue
  public let identity: PodIdentity

  /// Takes any document: what is missing reads as empty.
  public init(_ document: JSONValue) {
    self.document = document
    identity = PodIdentity(document.meta)
  }

  var meta: ObjectMeta { document.meta }
  var spec: JSONValue { document["spec"] ?? [:] }
  var status: JSONValue { document["status"] ?? [:] }
  var phase: String { document.textAt("status", "phase") }
  /// Has ended for good, as the server knows it.
  var hasEnded: Bool { phase == "Succeeded" || phase == "Failed" }
  var isTerminating: Bool { meta.deletionTimestamp != nil }
  var isOnHostNetwork: Bool { spec.flagAt("hostNetwork") }

  enum RestartPolicy: String { case always = "Always", onFailure = "OnFailure", never = "Never" }

  var restartPolicy: RestartPolicy { RestartPolicy(rawValue: spec.textAt("restartPolicy")) ?? .always }

  /// Time to end, in seconds.
  var graceSeconds: Int64 {
    Self.bounded(meta.deletionGracePeriodSeconds ?? spec.at("terminationGracePeriodSeconds")?.integer ?? 30)
  }

  /// Seconds that somebody waits for: none where they are negative, and no more than 32 bits count.
  static func bounded(_ seconds: Int64) -> Int64 { min(max(0, seconds), DeleteOptions.longestGraceSeconds) }

  var initContainers: [ContainerDocument] {
    spec.listAt("initContainers").map { item in
      ContainerDocument(item, item.textAt("restartPolicy") == "Always" ? .sidecar : .initial)
    }
  }
  var containers: [ContainerDocument] { spec.listAt("containers").map { ContainerDocument($0, .main) } }
  var ephemeralContainers: [ContainerDocument] {
    spec.listAt("ephemeralContainers").map { ContainerDocument($0, .ephemeral) }
  }
  /// In the order of their start.
  var allContainers: [ContainerDocument] { initContainers + containers + ephemeralContainers }

  func container(_ name: String) -> ContainerDocument? { allContainers.first { $0.name == name } }

  /// The pod with some of its volumes.
  func showing(_ volumes: [JSONValue]) -> PodDocument {
    var document = document
    document["spec"]?["volumes"] = .array(volumes)
    return PodDocument(document)
  }

  /// As messages name it.
  var shown: String { "\(identity.name)_\(identity.namespace)(\(identity.uid))" }

  /// As events name it; `container`: the field of one.
  func reference(_ container: ContainerDocument? = nil) -> JSONValue {
    var reference: JSONValue = [
      "kind": "Pod", "namespace": .string(identity.namespace), "name": .string(identity.name),
      "uid": .string(identity.uid), "apiVersion": "v1", "resourceVersion": .string(meta.resourceVersion),
    ]
    if let container { reference["fieldPath"] = .string("spec.\(container.kind.field){\(container.name)}") }
    return reference
  }
}

/// A container of a pod's specification.
struct ContainerDocument: Sendable, Equatable {
  enum Kind: Sendable {
    /// Runs before the others, and ends.
    case initial
    /// Starts before the others, and stays.
    case sidecar
    case main
    /// Added to a running pod.
    case ephemeral

    var field: String {
      switch self {
      case .initial, .sidecar: "initContainers"
      case .main: "containers"
      case .ephemeral: "ephemeralContainers"
      }
    }
  }

  let document: JSONValue
  let kind: Kind

  init(_ document: JSONValue, _ kind: Kind) {
    self.document = document
    self.kind = kind
  }

  var name: String { document.textAt("name") }
  var image: String { document.textAt("image") }
  var pullPolicy: String { document.textAt("imagePullPolicy") }

  enum ProbeKind: String, Sendable, CaseIterable {
    case startup, liveness, readiness

    var field: String { "\(rawValue)Probe" }
    /// As events begin.
    var title: String {
      switch self {
      case .startup: "Startup"
      case .liveness: "Liveness"
      case .readiness: "Readiness"
      }
    }
  }

  func probe(_ kind: ProbeKind) -> JSONValue? { self.kind == .initial ? nil : document[kind.field] }
  func hook(_ name: String) -> JSONValue? { document.at("lifecycle", name) }

  /// The number of a port that is given as a number or by its name; nil where there is none of that name.
  func port(_ value: JSONValue?) -> Int64? {
    if let number = value?.integer { return (1...65_535).contains(number) ? number : nil }
    guard let text = value?.text else { return nil }
    if let number = Int64(text) { return (1...65_535).contains(number) ? number : nil }
    return document.listAt("ports").first { $0.textAt("name") == text }?.numberAt("containerPort")
  }
}
