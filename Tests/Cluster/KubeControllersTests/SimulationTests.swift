import Glibc
import HTTPServing
import KubeMachinery
import Testing

@testable import KubeControllers

/// Whole clusters under churn, many seeds: what must never be is looked for after every step, and what must come about at the end.
@Suite(.serialized)
struct SimulationTests {
  /// A few seeds, or as many times more as SIMULATION_FACTOR says.
  static func seeds(_ count: Int) -> Range<Int> {
    0..<count * max(1, getenv("SIMULATION_FACTOR").flatMap { Int(String(cString: $0)) } ?? 1)
  }

  /// Pods that count, of whatever set.
  private static func active(_ world: World) throws -> [ClusterObject] { try world.all("pod").filter(\.isActive) }

  private static func available(_ world: World) throws -> Int {
    try active(world).count { $0.isReady }
  }

  @Test("A replication controller never has a pod too many, whatever dies, lags or restarts", arguments: seeds(6))
  func replicationController(seed: Int) async throws {
    let world = try await World(seed: UInt64(seed))
    var most = 4
    world.check = { world in
      let count = try Self.active(world).count
      try #require(count <= most, "seed \(seed): \(count) pods, wanted are \(most)")
    }
    try await world.create("replicationcontroller", Body.replicationController(4))
    for round in 0..<120 {
      for _ in 0..<8 { try await world.step() }
      let pods = try Self.active(world)
      switch world.pick(12) {
      case 0..<3: if !pods.isEmpty { try await world.kill(pods[world.pick(pods.count)]) }
      case 3..<5: if !pods.isEmpty { try await world.delete("pod", pods[world.pick(pods.count)].name) }
      case 5:
        let wanted = world.pick(7)
        most = max(most, wanted)
        try await world.patch("replicationcontroller", "rc", ["spec": ["replicas": .integer(Int64(wanted))]])
      case 6 where round % 3 == 0: try await world.restart()
      default: break
      }
    }
    try await world.patch("replicationcontroller", "rc", ["spec": ["replicas": 3]])
    try await world.settle()
    #expect(try Self.active(world).count == 3)
    #expect(try Self.available(world) == 3)
    let status = try #require(try world.object("replicationcontroller", "rc")).status
    #expect(status.numberAt("readyReplicas") == 3)
    try await world.delete("replicationcontroller", "rc")
    try await world.settle()
    #expect(try world.all("pod").filter(\.isActive).isEmpty, "orphans are collected")
  }

  @Test(
    "A rollout keeps its bounds at every step, through changes of image, number and pause and with pods that die",
    arguments: seeds(6))
  func deployment(seed: Int) async throws {
    let world = try await World(seed: UInt64(1_000 + seed))
    let choices: [(JSONValue, JSONValue)] = [("25%", "25%"), (1, 0), (0, 1), ("50%", "0%"), (2, 2)]
    let (surge, unavailable) = choices[seed % choices.count]
    // Between rests a lower number may still have the pods of the higher one.
    var most: Int64 = 4
    world.check = { world in
      let bound = most + RollingNumbers.resolve(surge, of: most, roundsUp: true)
      let count = Int64(try Self.active(world).count)
      try #require(count <= bound, "seed \(seed): \(count) pods, at most \(bound) may be")
    }
    try await world.create("deployment", Body.deployment(4, surge: surge, unavailable: unavailable))
    for round in 0..<120 {
      for _ in 0..<8 { try await world.step() }
      let pods = try Self.active(world)
      switch world.pick(14) {
      case 0..<2: if !pods.isEmpty { try await world.kill(pods[world.pick(pods.count)]) }
      case 2: if !pods.isEmpty { try await world.delete("pod", pods[world.pick(pods.count)].name) }
      case 3:
        let wanted = Int64(world.pick(7))
        most = max(most, wanted)
        try await world.patch("deployment", "d", ["spec": ["replicas": .integer(wanted)]])
      case 4:
        let image = ["one", "two", "three"][world.pick(3)]
        try await world.patch("deployment", "d", ["spec": ["template": Body.template(image)]])
      case 5: try await world.patch("deployment", "d", ["spec": ["paused": .bool(world.pick(3) == 0)]])
      case 6 where round % 4 == 0: try await world.restart()
      case 7:
        let ready = pods.filter { $0.isReady && !$0.nodeName.isEmpty }
        if !ready.isEmpty { try await world.unready(ready[world.pick(ready.count)]) }
      default: break
      }
    }
    try await world.patch(
      "deployment", "d", ["spec": ["replicas": 5, "paused": false, "template": Body.template("last")]])
    most = max(most, 5)
    try await world.settle()
    let pods = try Self.active(world)
    #expect(pods.count == 5)
    #expect(pods.allSatisfy { $0.isReady && $0.spec.listAt("containers").first?.at("image") == "last" })
    let status = try #require(try world.object("deployment", "d")).status
    #expect(status.condition("Progressing")?.at("reason") == "NewReplicaSetAvailable")
    #expect(status.conditionHolds("Available"))
    for field in ["replicas", "updatedReplicas", "readyReplicas", "availableReplicas"] {
      #expect(status.numberAt(field) == 5, "\(field)")
    }
    let revisions = try world.all("replicaset").map(\.deploymentRevision)
    #expect(Set(revisions).count == revisions.count, "no revision is given twice")
    try await world.delete("deployment", "d", seed % 2 == 0 ? .background : .foreground)
    try await world.settle()
    #expect(try world.all("deployment").isEmpty && world.all("replicaset").isEmpty && Self.active(world).isEmpty)
  }

  @Test("Where nothing else dies a rollout never has fewer available pods than allowed", arguments: seeds(5))
  func availability(seed: Int) async throws {
    let world = try await World(seed: UInt64(2_000 + seed))
    let choices: [(JSONValue, JSONValue, Int)] = [(1, 0, 6), (0, 1, 5), ("25%", "25%", 5), (2, 3, 3)]
    let (surge, unavailable, least) = choices[seed % choices.count]
    try await world.create("deployment", Body.deployment(6, surge: surge, unavailable: unavailable))
    try await world.settle()
    #expect(try Self.available(world) == 6)
    world.check = { world in
      let count = try Self.available(world)
      try #require(count >= least, "seed \(seed): \(count) pods are available, at least \(least) must be")
    }
    for image in ["two", "three", "one", "four"] {
      try await world.patch("deployment", "d", ["spec": ["template": Body.template(image)]])
      for _ in 0..<(100 + world.pick(400)) { try await world.step() }
      if world.pick(3) == 0 { try await world.restart() }
    }
    try await world.settle()
    #expect(try Self.active(world).allSatisfy { $0.spec.listAt("containers").first?.at("image") == "four" })
  }

  @Test("What services lead to is what is ready, at the end of any churn", arguments: seeds(4))
  func endpoints(seed: Int) async throws {
    let world = try await World(seed: UInt64(3_000 + seed))
    try await world.create("service", Body.service)
    try await world.create("replicationcontroller", Body.replicationController(5))
    for _ in 0..<60 {
      for _ in 0..<10 { try await world.step() }
      let pods = try Self.active(world).filter { !$0.nodeName.isEmpty }
      guard !pods.isEmpty else { continue }
      switch world.pick(5) {
      case 0: try await world.kill(pods[world.pick(pods.count)])
      case 1: try await world.unready(pods[world.pick(pods.count)])
      case 2: try await world.delete("pod", pods[world.pick(pods.count)].name)
      default: break
      }
    }
    try await world.settle()
    let ready = try Self.active(world).map { $0.document.textAt("status", "podIP") }.sorted()
    #expect(ready.count == 5)
    let slices = try world.all("endpointslice").flatMap { $0.document.listAt("endpoints") }
    #expect(slices.flatMap { $0.listAt("addresses").compactMap(\.text) }.sorted() == ready)
    #expect(slices.allSatisfy { $0.at("conditions", "ready") == true })
    let endpoints = try #require(try world.object("endpoints", "svc")).document.listAt("subsets")
    #expect(endpoints.flatMap { $0.listAt("addresses").map { $0.textAt("ip") } }.sorted() == ready)
    try await world.delete("service", "svc")
    try await world.settle()
    #expect(try world.all("endpointslice").isEmpty && world.object("endpoints", "svc") == nil)
  }

  @Test("A job counts every pod once and comes to its end, through restarts and failures", arguments: seeds(5))
  func job(seed: Int) async throws {
    let world = try await World(seed: UInt64(4_000 + seed))
    let isIndexed = seed % 2 == 1
    world.failingPercent = 20
    try await world.create(
      "job",
      Body.job([
        "completions": 6, "parallelism": 3, "backoffLimit": 1_000,
        "completionMode": .string(isIndexed ? "Indexed" : "NonIndexed"),
      ]))
    world.check = { world in
      let count = try Self.active(world).count
      try #require(count <= 3, "seed \(seed): \(count) pods at once")
    }
    for _ in 0..<100 {
      for _ in 0..<8 { try await world.step() }
      if world.pick(10) == 0 { try await world.restart() }
    }
    for _ in 0..<40 where try world.object("job", "job")?.status.conditionHolds("Complete") != true {
      try await world.settle()
      world.advance(seconds: 400)
    }
    let status = try #require(try world.object("job", "job")).status
    #expect(status.conditionHolds("Complete"))
    #expect(status.numberAt("succeeded") == 6)
    if isIndexed { #expect(status.textAt("completedIndexes") == "0-5") }
    let pods = try world.all("pod")
    #expect(pods.count { $0.phase == "Succeeded" } == 6, "no pod more than needed ran to its end")
    #expect(status.numberAt("failed") == Int64(pods.count { $0.phase == "Failed" }))
    try await world.settle()
    #expect(try world.all("pod").allSatisfy { !$0.isTracked }, "nothing keeps the pods any more")
  }

  @Test("A namespace goes with all that is in it, while controllers still make things there", arguments: seeds(6))
  func namespace(seed: Int) async throws {
    let world = try await World(seed: UInt64(5_000 + seed))
    try await world.create("deployment", Body.deployment(3))
    try await world.create("service", Body.service)
    try await world.create("configmap", ["metadata": ["name": "plain"], "data": ["a": "b"]])
    for _ in 0..<world.pick(400) { try await world.step() }
    try await world.delete("namespace", "n")
    for _ in 0..<world.pick(400) { try await world.step() }
    if seed % 3 == 0 { try await world.restart() }
    try await world.settle()
    #expect(try world.object("namespace", "n") == nil)
    for kind in world.service.catalog.kinds where kind.isNamespaced {
      #expect(world.store.all(kind.resource).filter { $0.key.namespace == "n" }.isEmpty, "\(kind.resource)")
    }
    #expect(try world.all("serviceaccount").map(\.namespace) == ["default", "kube-system"])
  }

  @Test("At rest nothing is written, and nothing is due but what looks again after a time", arguments: seeds(2))
  func rest(seed: Int) async throws {
    let world = try await World(seed: UInt64(6_000 + seed))
    try await world.create("deployment", Body.deployment(10))
    try await world.create("service", Body.service)
    try await world.settle()
    let revision = world.store.revision
    try await world.restart()
    try await world.settle()
    #expect(world.store.revision == revision, "a restart changes nothing where all is as it should be")
  }
}
