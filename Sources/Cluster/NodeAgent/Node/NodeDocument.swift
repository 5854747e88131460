import HTTPServing
import KubeMachinery
import KubeResources

/// What a node says about itself. Pure: what was observed comes in.
///
/// Source: Kubernetes `core/v1.NodeSystemInfo`. Texts are empty where the machine does not tell.
public struct NodeFacts: Sendable, Equatable {
  /// Of machine-id(5).
  public var machineID = ""
  /// Of the firmware (SMBIOS).
  public var systemUUID = ""
  /// Another one after each boot.
  public var bootID = ""
  public var kernelVersion = ""
  /// `PRETTY_NAME` of os-release(5).
  public var osImage = ""
  /// `amd64`, `arm64`, as images name it.
  public var architecture = ""
  /// Of the API that the agent speaks.
  public var version = ""
  /// `MemAvailable` of `/proc/meminfo`; 100 MiB or less is memory pressure.
  public var availableMemoryBytes: Int64 = 0
  /// Of the file system that holds what pods write; a tenth of it or less is disk pressure.
  public var freeStorageBytes: Int64 = 0
  /// Nil where the runtime does not answer: the node is not ready then.
  public var runtime: RuntimeVersion?

  public init() {}
}

struct NodeDocument {
  static let pressureMemoryBytes: Int64 = 100 << 20
  /// A tenth of the disk has to be free.
  static let pressureStorageShare: Int64 = 10

  let settings: NodeSettings
  let facts: NodeFacts
  let now: Timestamp

  /// For its registration.
  var document: JSONValue {
    [
      "apiVersion": "v1", "kind": "Node",
      "metadata": ["name": .string(settings.name), "labels": labels], "spec": [:], "status": status(after: [:]),
    ]
  }

  var labels: JSONValue {
    [
      "kubernetes.io/arch": .string(facts.architecture), "kubernetes.io/hostname": .string(settings.name),
      "kubernetes.io/os": "linux",
    ]
  }

  /// - Parameter old: the status that the server has.
  func status(after old: JSONValue) -> JSONValue {
    let capacity = settings.capacity.document
    return [
      "capacity": capacity, "allocatable": capacity,
      "addresses": [
        ["type": "InternalIP", "address": .string(settings.address)],
        ["type": "Hostname", "address": .string(settings.name)],
      ],
      "conditions": .array(conditions(old)),
      "nodeInfo": [
        "machineID": .string(facts.machineID), "systemUUID": .string(facts.systemUUID),
        "bootID": .string(facts.bootID), "kernelVersion": .string(facts.kernelVersion),
        "osImage": .string(facts.osImage),
        "containerRuntimeVersion": .string(facts.runtime.map { "\($0.name)://\($0.version)" } ?? "unknown://"),
        "kubeletVersion": .string(facts.version), "kubeProxyVersion": .string(facts.version),
        "operatingSystem": "linux", "architecture": .string(facts.architecture),
      ],
    ]
  }

  private func conditions(_ old: JSONValue) -> [JSONValue] {
    let hasMemory = facts.availableMemoryBytes > Self.pressureMemoryBytes
    let hasDisk = facts.freeStorageBytes > settings.capacity.storageBytes / Self.pressureStorageShare
    let all: [(type: String, status: Bool, reason: String, message: String)] = [
      (
        "MemoryPressure", !hasMemory, hasMemory ? "KubeletHasSufficientMemory" : "KubeletHasInsufficientMemory",
        hasMemory ? "kubelet has sufficient memory available" : "kubelet has insufficient memory available"
      ),
      (
        "DiskPressure", !hasDisk, hasDisk ? "KubeletHasNoDiskPressure" : "KubeletHasDiskPressure",
        hasDisk ? "kubelet has no disk pressure" : "kubelet has disk pressure"
      ),
      ("PIDPressure", false, "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
      (
        "Ready", facts.runtime != nil, facts.runtime == nil ? "KubeletNotReady" : "KubeletReady",
        facts.runtime == nil ? "the container runtime does not answer" : "kubelet is posting ready status"
      ),
    ]
    return all.map { item in
      let known = old.listAt("conditions").first { $0.textAt("type") == item.type }
      let status = item.status ? "True" : "False"
      let since = known?.textAt("status") == status ? known?["lastTransitionTime"] : nil
      return [
        "type": .string(item.type), "status": .string(status), "lastHeartbeatTime": .string(now.text),
        "lastTransitionTime": since ?? .string(now.text), "reason": .string(item.reason),
        "message": .string(item.message),
      ]
    }
  }

  /// Whether a status says something else than another one, beside when it was said.
  static func differs(_ one: JSONValue, _ other: JSONValue) -> Bool {
    func still(_ status: JSONValue) -> JSONValue {
      var status = status
      status.changeItems("conditions") { $0["lastHeartbeatTime"] = nil }
      return .object(
        status.members.filter { ["capacity", "allocatable", "addresses", "conditions", "nodeInfo"].contains($0.name) })
    }
    return !still(one).means(still(other))
  }
}

/// The lease by which the server knows that the agent lives. Source: Kubernetes *Leases*, node heartbeats.
enum NodeLease {
  static let namespace = "kube-node-lease"
  static let durationSeconds: Int64 = 40
  static let renewSeconds: Int64 = 10

  static func document(_ node: String, uid: String, at now: Timestamp) -> JSONValue {
    [
      "apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
      "metadata": [
        "name": .string(node), "namespace": .string(namespace),
        "ownerReferences": [["apiVersion": "v1", "kind": "Node", "name": .string(node), "uid": .string(uid)]],
      ],
      "spec": [
        "holderIdentity": .string(node), "leaseDurationSeconds": .integer(durationSeconds),
        "renewTime": .string(now.microText),
      ],
    ]
  }
}
