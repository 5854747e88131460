import HTTPServing
import KubeMachinery
import KubeResources

/// What containers can ask about their own pod: variables and files of the downward API.
/// Source: Kubernetes *Downward API*.
struct FieldReference {
  let pod: PodDocument
  /// The node's.
  let hostAddress: String
  /// Those of the pod as it runs now; the sandbox knows them before the server does.
  let addresses: [String]
  let capacity: NodeCapacity

  /// Nil for a path that leads to nothing.
  func value(_ path: String) -> String? {
    let meta = pod.meta
    switch path {
    case "metadata.name": return pod.identity.name
    case "metadata.namespace": return pod.identity.namespace
    case "metadata.uid": return pod.identity.uid
    case "metadata.labels": return Self.lines(meta.labels)
    case "metadata.annotations": return Self.lines(meta.annotations)
    case "spec.nodeName": return pod.spec.textAt("nodeName")
    case "spec.serviceAccountName": return pod.spec.textAt("serviceAccountName")
    case "status.hostIP", "status.hostIPs": return hostAddress
    case "status.podIP": return addresses.first ?? ""
    case "status.podIPs": return addresses.joined(separator: ",")
    default:
      if let key = Self.key(path, of: "metadata.labels") { return meta.labels[key] ?? "" }
      if let key = Self.key(path, of: "metadata.annotations") { return meta.annotations[key] ?? "" }
      return nil
    }
  }

  /// Of `metadata.labels['KEY']`.
  private static func key(_ path: String, of field: String) -> String? {
    let (prefix, suffix) = ("\(field)['", "']")
    guard path.hasPrefix(prefix), path.hasSuffix(suffix), path.utf8.count > prefix.utf8.count + suffix.utf8.count
    else { return nil }
    return String(path.dropFirst(prefix.count).dropLast(suffix.count))
  }

  /// `KEY="VALUE"`, a line each, sorted. Source: Kubernetes `fieldpath.FormatMap`.
  private static func lines(_ texts: [String: String]) -> String {
    texts.sorted { $0.key < $1.key }.map { "\($0.key)=\(GoText.quoted($0.value))" }.joined(separator: "\n")
  }

  /// An amount of a container's resources, in units of `divisor`, rounded up. Limits that are not set are what the node has.
  /// Nil where the container or the resource is unknown.
  func amount(_ selector: JSONValue, of container: ContainerDocument?) -> String? {
    let name = selector.textAt("containerName")
    guard let container = name.isEmpty ? container : pod.container(name) else { return nil }
    let parts = selector.textAt("resource").split(separator: ".", maxSplits: 1).map(String.init)
    guard parts.count == 2 else { return nil }
    let (kind, resource) = (parts[0], parts[1])
    let given = container.document.at("resources", kind, resource).flatMap(Self.quantity)
    let amount: Quantity
    switch (kind, given) {
    case ("requests", let given): amount = given ?? .zero
    case ("limits", let given?) where given > .zero: amount = given
    case ("limits", _):
      guard let whole = capacity.quantity(resource) else { return nil }
      amount = whole
    default: return nil
    }
    let wished = selector["divisor"].flatMap(Self.quantity) ?? .zero
    let divisor = wished > .zero ? wished : Quantity(1)
    let (quotient, rest) = amount.billionths.quotientAndRemainder(dividingBy: divisor.billionths)
    return String(rest > 0 ? quotient + 1 : quotient)
  }

  static func quantity(_ value: JSONValue) -> Quantity? {
    (value.text ?? value.integer.map { String($0) }).flatMap { try? Quantity(parsing: $0) }
  }
}

/// What a node has for its pods. Source: Kubernetes `core/v1.NodeStatus`, `capacity`.
public struct NodeCapacity: Sendable, Equatable {
  /// Whole ones.
  public let processors: Int64
  public let memoryBytes: Int64
  /// The size of the file system that holds what pods write.
  public let storageBytes: Int64
  /// How many may be there at once.
  public let pods: Int64

  public init(processors: Int64, memoryBytes: Int64, storageBytes: Int64, pods: Int64) {
    self.processors = processors
    self.memoryBytes = memoryBytes
    self.storageBytes = storageBytes
    self.pods = pods
  }

  func quantity(_ resource: String) -> Quantity? {
    switch resource {
    case "cpu": Quantity(processors)
    case "memory": Quantity(memoryBytes)
    case "ephemeral-storage": Quantity(storageBytes)
    default: nil
    }
  }

  /// As a node's status tells it.
  var document: JSONValue {
    [
      "cpu": .string(String(processors)), "ephemeral-storage": .string("\(storageBytes / 1_024)Ki"),
      "memory": .string("\(memoryBytes / 1_024)Ki"), "pods": .string(String(pods)),
    ]
  }
}
