import HTTPServing
import KubeMachinery
import KubeResources

/// Resources of containers as control groups know them. Source: Kubernetes *Resource Management for Pods and Containers*,
/// *Node-pressure Eviction* (scores of the kernel's killer).
enum ResourceSettings {
  static let periodMicroseconds: Int64 = 100_000
  static let minimumShares: Int64 = 2
  private static let minimumQuota: Int64 = 1_000
  /// A million processors: what a document says beyond that limits nothing more, and what is computed of it stays a number.
  private static let mostMilli: Int64 = 1_000_000_000

  static func request(
    _ container: ContainerDocument, of pod: PodDocument, nodeMemoryBytes: Int64
  ) -> ResourceRequest {
    let limits = container.document.at("resources", "limits")
    let requests = container.document.at("resources", "requests")
    let processors = milli(limits) ?? 0
    let memory = amount(limits, "memory")?.value ?? 0
    var request = ResourceRequest()
    request.cpuShares = shares(milli(requests) ?? processors)
    if processors > 0 {
      request.cpuPeriodMicroseconds = periodMicroseconds
      request.cpuQuotaMicroseconds = max(minimumQuota, processors * periodMicroseconds / 1_000)
    }
    request.memoryLimitBytes = memory
    request.outOfMemoryScore = score(
      pod, memoryRequest: amount(requests, "memory")?.value ?? memory, nodeMemoryBytes: nodeMemoryBytes)
    return request
  }

  /// A whole pod's: for its sandbox.
  static func request(_ pod: PodDocument) -> ResourceRequest {
    var request = ResourceRequest()
    let containers = pod.containers + pod.initContainers.filter { $0.kind == .sidecar }
    request.cpuShares = shares(
      containers.reduce(Int64(0)) { sum, container in
        min(sum + (milli(container.document.at("resources", "requests")) ?? 0), mostMilli)
      })
    return request
  }

  static func shares(_ milli: Int64) -> Int64 {
    milli <= 0 ? minimumShares : min(max(minimumShares, min(milli, mostMilli) * 1_024 / 1_000), 262_144)
  }

  /// The higher, the sooner it is killed where memory is short.
  static func score(_ pod: PodDocument, memoryRequest: Int64, nodeMemoryBytes: Int64) -> Int64 {
    switch qualityOfService(pod) {
    case "Guaranteed": return -997
    case "BestEffort": return 1_000
    default:
      guard nodeMemoryBytes > 0 else { return 999 }
      let share = Int64(min(Double(memoryRequest) / Double(nodeMemoryBytes), 1) * 1_000)
      return min(max(1_000 - share, 3), 999)
    }
  }

  /// As the server decided it.
  static func qualityOfService(_ pod: PodDocument) -> String {
    let known = pod.status.textAt("qosClass")
    return known.isEmpty ? "BestEffort" : known
  }

  /// Thousandths of processors.
  private static func milli(_ amounts: JSONValue?) -> Int64? {
    amount(amounts, "cpu").map { min($0.milliValue, mostMilli) }
  }

  private static func amount(_ amounts: JSONValue?, _ name: String) -> Quantity? {
    guard let amount = amounts?[name].flatMap(FieldReference.quantity), amount > .zero else { return nil }
    return amount
  }
}
