import FoundationEssentials
import Glibc
import HTTPServing
import KubeMachinery
import KubeResources
import Logging
import Persistence
import Testing

@testable import KubeControllers

/// The loop in life: a store on disk, real tasks. What is waited for is told by watches.
@Suite(.timeLimit(.minutes(2)))
struct ControllerLoopTests {
  private static func now() -> Timestamp {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return Timestamp(seconds: Int64(time.tv_sec), nanoseconds: Int32(time.tv_nsec))
  }

  private func with(_ body: (ObjectService) async throws -> Void) async throws {
    var template = Array((FileManager.default.temporaryDirectory.path + "/controllers-XXXXXX").utf8CString)
    guard mkdtemp(&template) != nil else { throw CocoaError(.fileWriteUnknown) }
    let folder = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
    let store = try SQLiteObjectStore(
      database: Database(path: folder + "/cluster.sqlite"),
      keys: StorageKeys(parsing: StorageKeys.freshLine(id: "one")),
      secretResources: [], logger: logger)
    let service = ObjectService(store: store, catalog: .all)
    let machine = ControllerMachine(
      controllers: ClusterControllers.all(catalog: .all, rootCertificate: nil), service: service, eventSerial: 1,
      now: Self.now, logger: logger)
    let loop = ControllerLoop(
      machine: machine, service: service, clock: ContinuousClock(), now: Self.now, logger: logger)
    let running = Task { await loop.run() }
    try await body(service)
    running.cancel()
    await running.value
  }

  private func create(_ service: ObjectService, _ called: String, _ body: JSONValue) async throws {
    let kind = try #require(KindCatalog.all.kind(called: called))
    _ = try await service.create(
      kind, in: kind.isNamespaced ? "n" : "", body, WriteOptions(), at: Self.now())
  }

  /// Follows a kind until what was seen last of each of its objects is as wanted.
  private func wait(
    _ service: ObjectService, _ called: String, until isWanted: ([JSONValue]) -> Bool
  ) async throws {
    let kind = try #require(KindCatalog.all.kind(called: called))
    var options = ListOptions()
    options.sendsInitialEvents = true
    options.allowsBookmarks = true
    var watch = try await service.watch(kind, in: nil, options)
    var seen: [ObjectKey: JSONValue] = [:]
    var isListed = false
    while !isListed || !isWanted(Array(seen.values)) {
      isListed = true
      for event in try await watch.next() {
        guard let object = event.object else { continue }
        seen[object.key] = if case .deleted = event { nil } else { try object.value() }
      }
    }
  }

  @Test("A deployment becomes a set with bound pods, and goes with all of them")
  func deployment() async throws {
    try await with { service in
      try await create(service, "namespace", ["metadata": ["name": "n"]])
      try await create(
        service, "node", ["metadata": ["name": "node"], "status": ["allocatable": ["cpu": "8", "pods": "100"]]])
      // The node has no agent, so that it is not ready; its pods are to come there nevertheless.
      var deployment = Body.deployment(3)
      deployment["spec"]?["template"]?["spec"]?["tolerations"] = [["operator": "Exists"]]
      try await create(service, "deployment", deployment)
      try await wait(service, "pod") { pods in
        pods.count { $0.at("spec", "nodeName") == "node" } == 3
      }
      try await wait(service, "deployment") { $0.first?.at("status", "replicas") == 3 }
      try await wait(service, "event") { events in
        Set(events.compactMap { $0["reason"]?.text }).isSuperset(of: [
          "ScalingReplicaSet", "SuccessfulCreate", "Scheduled",
        ])
      }
      let kind = try #require(KindCatalog.all.kind(called: "deployment"))
      var options = DeleteOptions()
      options.propagation = .background
      _ = try await service.delete(kind, in: "n", "d", options, at: Self.now())
      try await wait(service, "replicaset") { $0.isEmpty }
      try await wait(service, "pod") { pods in pods.allSatisfy { $0.meta.deletionTimestamp != nil } }
    }
  }

  @Test("It ends when it is cancelled, also while it waits")
  func ends() async throws {
    try await with { service in
      try await create(service, "namespace", ["metadata": ["name": "n"]])
      try await wait(service, "serviceaccount") { !$0.isEmpty }
    }
  }
}
