import HTTPServing
import KubeMachinery

/// What the machine has used since it was started, at one moment.
public struct MachineUsage: Sendable, Equatable {
  public var at: Timestamp
  /// Of all processors together.
  public var processorNanoseconds: UInt64
  /// What is in use without pages of files that have not been touched for a while.
  public var workingSetBytes: Int64

  public init(at: Timestamp, processorNanoseconds: UInt64, workingSetBytes: Int64) {
    self.at = at
    self.processorNanoseconds = processorNanoseconds
    self.workingSetBytes = workingSetBytes
  }
}

/// What a container of a pod has used since it was started, at one moment.
public struct ContainerUsage: Sendable, Equatable {
  /// The runtime's; another one after a restart, so that counts are never compared across it.
  public var id: String
  public var pod: PodIdentity
  /// Of the container in the pod's specification.
  public var name: String
  public var at: Timestamp
  /// Of all processors together, since its start.
  public var processorNanoseconds: UInt64
  /// As of `MachineUsage`.
  public var workingSetBytes: Int64

  public init(
    id: String, pod: PodIdentity, name: String, at: Timestamp, processorNanoseconds: UInt64, workingSetBytes: Int64
  ) {
    self.id = id
    self.pod = pod
    self.name = name
    self.at = at
    self.processorNanoseconds = processorNanoseconds
    self.workingSetBytes = workingSetBytes
  }
}

/// One look at the machine and at all containers that run.
struct ResourceSample: Sendable, Equatable {
  var machine: MachineUsage
  /// By id.
  var containers: [String: ContainerUsage]

  /// The same with what another look saw, where it saw it.
  func replaced(by other: ResourceSample) -> ResourceSample {
    ResourceSample(machine: other.machine, containers: containers.merging(other.containers) { $1 })
  }
}

/// What is used between two looks, as documents of `metrics.k8s.io/v1beta1` without kind and labels. Source: metrics-server.
struct ResourceReport: Sendable, Equatable {
  var nodes: [JSONValue]
  var pods: [JSONValue]

  /// - Parameter node: the machine's name as a node.
  init(node: String, from before: ResourceSample, to now: ResourceSample) {
    let span = Span(before.machine.at, now.machine.at)
    let machine = span.usage(
      before.machine.processorNanoseconds, now.machine.processorNanoseconds, now.machine.workingSetBytes)
    nodes =
      machine.map { usage in
        [span.document(["name": .string(node)], [("usage", usage)])]
      } ?? []
    let byPod = Dictionary(grouping: now.containers.values, by: \.pod)
    pods = byPod.sorted { ($0.key.namespace, $0.key.name) < ($1.key.namespace, $1.key.name) }.compactMap {
      Self.pod($0.key, $0.value.sorted { $0.name < $1.name }, before.containers)
    }
  }

  /// Nil where one of its containers was seen once only: half a pod would pass for a whole one.
  private static func pod(
    _ pod: PodIdentity, _ containers: [ContainerUsage], _ before: [String: ContainerUsage]
  ) -> JSONValue? {
    var documents: [JSONValue] = []
    var shortest: Span?
    for container in containers {
      guard let earlier = before[container.id] else { return nil }
      let span = Span(earlier.at, container.at)
      guard
        let usage = span.usage(
          earlier.processorNanoseconds, container.processorNanoseconds, container.workingSetBytes)
      else { return nil }
      documents.append(["name": .string(container.name), "usage": usage])
      if shortest.map({ span.nanoseconds < $0.nanoseconds }) ?? true { shortest = span }
    }
    let metadata: JSONValue = [
      "name": .string(pod.name), "namespace": .string(pod.namespace), "uid": .string(pod.uid),
    ]
    return shortest?.document(metadata, [("containers", .array(documents))])
  }
}

/// The time between two looks.
private struct Span {
  let end: Timestamp
  /// Not above 0 where the clock was set back.
  let nanoseconds: Int64

  init(_ start: Timestamp, _ end: Timestamp) {
    self.end = end
    let seconds = end.seconds.subtractingReportingOverflow(start.seconds)
    let whole = seconds.partialValue.multipliedReportingOverflow(by: 1_000_000_000)
    nanoseconds =
      seconds.overflow || whole.overflow ? 0 : whole.partialValue &+ Int64(end.nanoseconds - start.nanoseconds)
  }

  /// Nil where nothing can be told: no time has passed, or the count began anew.
  func usage(_ before: UInt64, _ now: UInt64, _ workingSetBytes: Int64) -> JSONValue? {
    guard nanoseconds > 0, now >= before else { return nil }
    let billionths = Double(now - before) * 1e9 / Double(nanoseconds)
    guard let rate = Int64(exactly: billionths.rounded()) else { return nil }
    // In whole KiB, as metrics-server tells it.
    let memory = Quantity(bytes: max(0, workingSetBytes) / 1_024 * 1_024)
    return ["cpu": .string(Quantity(billionths: rate).text), "memory": .string(memory.text)]
  }

  func document(_ metadata: JSONValue, _ rest: [(name: String, value: JSONValue)]) -> JSONValue {
    .object(
      [
        ("metadata", metadata), ("timestamp", .string(end.text)),
        ("window", .string(GoText.duration(milliseconds: nanoseconds / 1_000_000))),
      ] + rest)
  }
}
