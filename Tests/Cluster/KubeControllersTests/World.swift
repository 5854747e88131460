import HTTPServing
import KubeMachinery
import KubeResources
import Logging
import Synchronization
import Testing

@testable import KubeControllers

/// The same numbers for the same seed.
struct SeededGenerator: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  /// SplitMix64.
  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }
}

/// A whole cluster that a test moves step by step: a store, all controllers, a node with a pretended agent, a clock that goes
/// when it is told to. Which part moves next is drawn by a seed, so that parts lag behind each other in any way.
final class World {
  static let namespaces = ["default", "kube-system", "n"]

  let store = MemoryObjectStore()
  let service: ObjectService
  private(set) var machine: ControllerMachine
  private var followers: [Follower] = []
  private let clock: SharedClock
  var generator: SeededGenerator
  private var addresses = 0
  private var restarts: UInt64 = 0
  /// Called after every step.
  var check: (World) throws -> Void = { _ in }

  final class SharedClock: Sendable {
    private let moment = Mutex(Sample.start)
    var now: Timestamp { moment.withLock { $0 } }
    func advance(milliseconds: Int64) { moment.withLock { $0 = $0.adding(milliseconds: milliseconds) } }
    func advance(to moment: Timestamp) { self.moment.withLock { $0 = max($0, moment) } }
  }

  var now: Timestamp { clock.now }

  init(seed: UInt64) async throws {
    generator = SeededGenerator(seed: seed)
    let clock = SharedClock()
    self.clock = clock
    service = ObjectService(store: store, catalog: .all)
    machine = Self.machine(service, clock, 0)
    for name in Self.namespaces {
      try await create("namespace", ["metadata": ["name": .string(name)]])
    }
    try await create(
      "node",
      [
        "metadata": ["name": "node", "labels": ["kubernetes.io/hostname": "node"]],
        "status": [
          "allocatable": ["cpu": "8", "memory": "16Gi", "pods": "500"], "capacity": ["cpu": "8"],
          "conditions": [["type": "Ready", "status": "True", "lastHeartbeatTime": "2030-01-01T00:00:00Z"]],
        ],
      ])
    try await follow()
  }

  private static func machine(_ service: ObjectService, _ clock: SharedClock, _ serial: UInt64) -> ControllerMachine {
    ControllerMachine(
      controllers: ClusterControllers.all(catalog: .all, rootCertificate: "PEM"), service: service,
      eventSerial: serial << 32, now: { clock.now }, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
  }

  private func follow() async throws {
    followers = []
    for kind in machine.kinds { followers.append(try await Follower(kind, service, machine)) }
  }

  /// As after a kill: all that controllers know is what the store says.
  func restart() async throws {
    restarts += 1
    machine = Self.machine(service, clock, restarts)
    try await follow()
  }

  // MARK: users

  func kind(_ called: String) throws -> Kind { try #require(KindCatalog.all.kind(called: called)) }

  func create(_ called: String, _ body: JSONValue) async throws {
    let kind = try kind(called)
    let namespace = kind.isNamespaced ? (body.meta.namespace.isEmpty ? "n" : body.meta.namespace) : ""
    _ = try await service.create(kind, in: namespace, body, WriteOptions(), at: now)
  }

  func patch(_ called: String, _ name: String, _ patch: JSONValue, status: Bool = false) async throws {
    let kind = try kind(called)
    _ = try await service.patch(
      kind, in: kind.isNamespaced ? "n" : "", name, status ? .status : .whole, .merge, patch, WriteOptions(), at: now)
  }

  func delete(
    _ called: String, _ name: String, _ propagation: DeleteOptions.Propagation = .background
  ) async throws {
    var options = DeleteOptions()
    options.propagation = propagation
    let kind = try kind(called)
    _ = try await service.delete(kind, in: kind.isNamespaced ? "n" : "", name, options, at: now)
  }

  func all(_ called: String) throws -> [ClusterObject] {
    let kind = try kind(called)
    return try store.all(kind.resource).map { stored in
      if let known = parsed[stored.key], known.revision == stored.revision { return known }
      let object = try ClusterObject(stored, kind: kind)
      parsed[stored.key] = object
      return object
    }
  }

  /// What was read before: tests look at everything after every step.
  private var parsed: [ObjectKey: ClusterObject] = [:]

  func object(_ called: String, _ name: String) throws -> ClusterObject? { try all(called).first { $0.name == name } }

  // MARK: time

  func pick(_ count: Int) -> Int { Int.random(in: 0..<count, using: &generator) }

  /// One part moves.
  func step() async throws {
    switch pick(10) {
    case 0..<4: try await followers[pick(followers.count)].step()
    case 4..<8: if let job = machine.next() { await machine.run(job) }
    case 8: try await agent()
    default:
      if pick(4) == 0 { _ = await machine.writeEvents() }
      clock.advance(milliseconds: Int64(pick(400)))
    }
    try check(self)
  }

  /// Until nothing moves any more; time goes only where somebody waits for it.
  func settle(maxSteps: Int = 20_000) async throws {
    var quiet = 0
    for _ in 0..<maxSteps {
      let before = store.revision
      for place in followers.indices { try await followers[place].step() }
      while let job = machine.next() {
        await machine.run(job)
        try check(self)
      }
      _ = await machine.writeEvents()
      let agentActs = try await agent()
      try check(self)
      if store.revision != before || agentActs {
        quiet = 0
        continue
      }
      // Back-offs and deadlines that come soon are waited for; what looks again for ever is not.
      quiet += 1
      guard quiet < 12, let next = machine.nextMoment else { return }
      clock.advance(to: min(next, now.adding(seconds: 30)))
    }
    Issue.record("the cluster does not come to rest")
  }

  func advance(seconds: Int64) { clock.advance(milliseconds: seconds * 1_000) }

  // MARK: the node

  /// What pods of jobs do: the share that fails, in percent.
  var failingPercent = 0

  /// The pretended agent moves one pod a step on.
  /// - Returns: whether it had anything to do.
  @discardableResult
  func agent() async throws -> Bool {
    let pods = try all("pod").filter { !$0.nodeName.isEmpty }
    let busy = pods.filter { pod in
      pod.isTerminating || pod.phase == "Pending" || pod.phase == "Running" && !pod.isReady
        || pod.phase == "Running" && pod.spec.textAt("restartPolicy") != "Always"
    }.filter { !($0.isTerminating && $0.hasEnded && !$0.meta.finalizers.isEmpty) }
    guard !busy.isEmpty else { return false }
    try await move(busy[pick(busy.count)])
    return true
  }

  private func move(_ pod: ClusterObject) async throws {
    let kind = try kind("pod")
    if pod.isTerminating {
      if !pod.meta.finalizers.isEmpty { try await setPhase(pod, "Failed", ready: false) }
      var options = DeleteOptions()
      options.gracePeriodSeconds = 0
      options.uid = pod.uid
      _ = try await service.delete(kind, in: pod.namespace, pod.name, options, at: now)
      return
    }
    if pod.phase == "Pending" {
      try await setPhase(pod, "Running", ready: false)
    } else if !pod.isReady {
      try await setPhase(pod, "Running", ready: true)
    } else {
      try await setPhase(pod, pick(100) < failingPercent ? "Failed" : "Succeeded", ready: false)
    }
  }

  private func setPhase(_ pod: ClusterObject, _ phase: String, ready: Bool) async throws {
    addresses += 1
    var status = pod.status
    status["phase"] = .string(phase)
    if status["podIP"] == nil {
      let address = "10.0.\(addresses / 250).\(addresses % 250 + 1)"
      status["podIP"] = .string(address)
      status["podIPs"] = [["ip": .string(address)]]
    }
    status.setCondition("Ready", ready ? "True" : "False", reason: "", message: "", at: now)
    if phase == "Succeeded" || phase == "Failed" {
      status["containerStatuses"] = [
        [
          "name": "c", "ready": false, "restartCount": 0, "image": "i", "imageID": "",
          "state": ["terminated": ["exitCode": phase == "Failed" ? 1 : 0, "finishedAt": .string(now.text)]],
        ]
      ]
    }
    let kind = try kind("pod")
    _ = try await service.patch(
      kind, in: pod.namespace, pod.name, .status, .merge, ["status": status], WriteOptions(), at: now)
  }

  /// The pod's processes die, and its node says so.
  func kill(_ pod: ClusterObject) async throws { try await setPhase(pod, "Failed", ready: false) }

  func unready(_ pod: ClusterObject) async throws { try await setPhase(pod, "Running", ready: false) }
}

/// Bodies that users send.
enum Body {
  static func template(_ image: String, restart: String = "Always", labels: JSONValue = ["app": "a"]) -> JSONValue {
    [
      "metadata": ["labels": labels],
      "spec": [
        "restartPolicy": .string(restart),
        "containers": [["name": "c", "image": .string(image), "ports": [["containerPort": 80, "name": "web"]]]],
      ],
    ]
  }

  static func deployment(_ replicas: Int64, surge: JSONValue = "25%", unavailable: JSONValue = "25%") -> JSONValue {
    [
      "metadata": ["name": "d"],
      "spec": [
        "replicas": .integer(replicas), "selector": ["matchLabels": ["app": "a"]], "template": template("one"),
        "strategy": ["type": "RollingUpdate", "rollingUpdate": ["maxSurge": surge, "maxUnavailable": unavailable]],
      ],
    ]
  }

  static func replicationController(_ replicas: Int64) -> JSONValue {
    [
      "metadata": ["name": "rc"],
      "spec": ["replicas": .integer(replicas), "selector": ["app": "a"], "template": template("one")],
    ]
  }

  static let service: JSONValue = [
    "metadata": ["name": "svc"],
    "spec": ["selector": ["app": "a"], "ports": [["port": 80, "targetPort": "web"]]],
  ]

  static func job(_ spec: JSONValue) -> JSONValue {
    var spec = spec
    spec["template"] = template("one", restart: "Never", labels: ["job": "x"])
    return ["metadata": ["name": "job"], "spec": spec]
  }
}
