import Model
import OCITypes
import Synchronization
import Testing

@testable import ContainerEngine

@Suite struct DetachKeysTests {
  @Test func passesEverythingWithoutKeys() {
    var keys = DetachKeys([])
    #expect(keys.filter([16, 17]) == ([16, 17], false))
  }

  @Test func endsAtTheKeysAcrossPieces() {
    var keys = DetachKeys([16, 17])
    #expect(keys.filter([1, 16]) == ([1], false))
    #expect(keys.filter([17]) == ([], true))
  }

  @Test func sendsOnWhatOnlyLookedLikeThem() {
    var keys = DetachKeys([16, 17])
    #expect(keys.filter([16, 16, 5]) == ([16, 16, 5], false))
    #expect(keys.filter([16, 17]) == ([], true))
  }
}

private func == (left: (send: [UInt8], detach: Bool), right: ([UInt8], Bool)) -> Bool {
  left.send == right.0 && left.detach == right.1
}

@Suite struct RestartDecisionTests {
  private static func record(_ policy: RestartPolicy, exitCode: Int32 = 1, restarts: Int = 0, byUser: Bool = false)
    throws -> ContainerRecord
  {
    var settings = ContainerSettings(image: "i")
    settings.host.restart = policy
    let digest = try Digest(hex: String(repeating: "0", count: 64))
    var record = ContainerRecord(
      id: .random(), name: "n", settings: settings, imageID: digest, layers: [digest], ids: IDRange(first: 1),
      createdAt: 0,
      arguments: ["x"], environment: [], workingDirectory: "/", user: "", stopSignal: 15, stopSignalName: "SIGTERM",
      exposedPorts: [], labels: [:], mounts: [], hostname: "h", networks: [], runtime: "crun", logDriver: "json-file")
    record.run.exitCode = exitCode
    record.run.restartCount = restarts
    record.run.stoppedByUser = byUser
    return record
  }

  @Test func restsWhereNothingElseIsSaid() throws {
    #expect(RestartDecision.make(try Self.record(RestartPolicy()), lasted: 0, streak: 0) == .rest)
    #expect(RestartDecision.make(try Self.record(RestartPolicy(.always), byUser: true), lasted: 0, streak: 0) == .rest)
    #expect(
      RestartDecision.make(try Self.record(RestartPolicy(.onFailure), exitCode: 0), lasted: 0, streak: 0) == .rest)
    #expect(
      RestartDecision.make(
        try Self.record(RestartPolicy(.onFailure, maximumRetryCount: 2), restarts: 2), lasted: 0, streak: 2) == .rest)
  }

  @Test(arguments: [(0, 0.1), (1, 0.2), (5, 3.2), (12, 60.0), (40, 60.0)])
  func delaysDoubleUpToAMinute(streak: Int, seconds: Double) throws {
    #expect(
      RestartDecision.make(try Self.record(RestartPolicy(.always)), lasted: 0, streak: streak)
        == .restart(delaySeconds: seconds, streak: streak + 1))
  }

  @Test func aLongRunBeginsAnew() throws {
    #expect(
      RestartDecision.make(try Self.record(RestartPolicy(.unlessStopped)), lasted: 10_000_000_000, streak: 9)
        == .restart(delaySeconds: 0.1, streak: 1))
  }
}

@Suite struct ContainerDefaultsTests {
  private static let image = {
    var image = ImageExecution()
    image.entrypoint = ["/entry"]
    image.cmd = ["a", "b"]
    image.env = ["PATH=/opt", "KEEP=1", "DROP=1"]
    return image
  }()

  private static func settings(_ change: (inout ContainerSettings) -> Void) -> ContainerSettings {
    var settings = ContainerSettings(image: "i")
    change(&settings)
    return settings
  }

  @Test func commandsFollowDocker() throws {
    func arguments(_ change: (inout ContainerSettings) -> Void) throws -> [String] {
      try ContainerDefaults(settings: Self.settings(change), image: Self.image).arguments()
    }
    #expect(try arguments { _ in } == ["/entry", "a", "b"])
    #expect(try arguments { $0.command = ["c"] } == ["/entry", "c"])
    #expect(try arguments { $0.entrypoint = ["/own"] } == ["/own"])
    #expect(
      try arguments {
        $0.entrypoint = [""]; $0.command = ["c"]
      } == ["c"])
    #expect { try arguments { $0.entrypoint = [""] } } throws: { ($0 as? PlatformError)?.code == .invalidArgument }
    #expect { try arguments { $0.command = ["a\0b"] } } throws: { ($0 as? PlatformError)?.code == .invalidArgument }
  }

  /// What an image says is checked by the rules for requests.
  @Test func whatTheImageAddsIsPartOfWhatIsChecked() {
    var image = Self.image
    image.workingDir = "/proc/self/fd/7"
    image.volumes = ["/a": .init(), "/b": .init()]
    var check = ImageHealthcheck()
    check.test = ["CMD", "x"]
    check.interval = 1
    image.healthcheck = check
    let merged = ContainerDefaults(settings: Self.settings { $0.anonymousVolumes = ["/c"] }, image: image).merged
    #expect(merged.workingDirectory == "/proc/self/fd/7")
    #expect(merged.anonymousVolumes == ["/a", "/b", "/c"])
    #expect(merged.healthcheck?.intervalNanoseconds == 1)
    #expect(merged.environment == ["PATH=/opt", "KEEP=1", "DROP=1"])
  }

  @Test func variablesAreMergedByName() {
    let environment = ContainerDefaults(
      settings: Self.settings { $0.environment = ["KEEP=2", "DROP", "NEW="] }, image: Self.image
    ).environment(hostname: "h")
    #expect(environment == ["PATH=/opt", "HOSTNAME=h", "KEEP=2", "NEW="])
  }
}

@Suite struct IDRangeAllocatorTests {
  @Test func theSlicesFillThePool() {
    #expect(IDRangeAllocator.sliceCount == 32)
    let bytes = UInt64(IDRangeAllocator.sliceCount) * UInt64(IDRange.perEngine) * UInt64(IDRange.standardCount)
    #expect(bytes == UInt64(IDRange.pool.count))
  }

  @Test func rangesNeverOverlap() throws {
    let allocator = IDRangeAllocator(first: 0x7000_0000)
    var seen: Set<UInt32> = [allocator.volumeRange.first]
    for _ in 1..<IDRange.perEngine {
      let range = try allocator.allocate()
      #expect(range.count == 65_536 && range.first % 65_536 == 0 && range.first >= 0x7000_0000)
      #expect(seen.insert(range.first).inserted)
    }
    #expect { try allocator.allocate() } throws: { ($0 as? PlatformError)?.code == .resourceExhausted }
    allocator.release(IDRange(first: 0x7001_0000))
    #expect(try allocator.allocate() == IDRange(first: 0x7001_0000))
  }

  @Test func aSharedRangeIsFreeWhenItsLastContainerHasGone() throws {
    let allocator = IDRangeAllocator(first: 0x7000_0000)
    let shared = try allocator.allocate()
    #expect(allocator.share(shared))
    // A start of the engine finds both.
    let next = IDRangeAllocator(first: 0x7000_0000)
    for _ in 0..<2 { next.adopt(shared) }
    for allocator in [allocator, next] {
      while try allocator.allocate().first < 0x7000_0000 + 1023 * 65_536 {}
      allocator.release(shared)
      #expect { try allocator.allocate() } throws: { ($0 as? PlatformError)?.code == .resourceExhausted }
      allocator.release(shared)
      #expect(!allocator.share(shared))
      #expect(try allocator.allocate() == shared)
    }
  }

  @Test func adoptedRangesAreTaken() throws {
    let allocator = IDRangeAllocator(first: 0x7000_0000)
    allocator.adopt(IDRange(first: 0x7001_0000))
    #expect(try allocator.allocate() == IDRange(first: 0x7002_0000))
  }
}

@Suite struct WaitingTests {
  @Test func aValueReachesAllWhoWait() async throws {
    let value = OneShot<Int>()
    async let first = value.wait()
    async let second = value.wait()
    value.resolve(1)
    value.resolve(2)
    #expect(try await first == 1)
    #expect(try await second == 1)
    #expect(try await value.wait() == 1)
  }

  @Test func aCancelledWaitEnds() async {
    let value = OneShot<Int>()
    let task = Task { try await value.wait() }
    task.cancel()
    await #expect(throws: CancellationError.self) { try await task.value }
  }

  @Test func operationsOfOneEntityComeOneAfterTheOther() async {
    let lock = OperationLock()
    let inside = Counter()
    await withTaskGroup(of: Void.self) { group in
      for _ in 0..<50 {
        group.addTask {
          await lock.withLock { _ in
            #expect(inside.enter() == 1)
            await Task.yield()
            inside.leave()
          }
        }
      }
    }
    #expect(inside.total == 50)
  }
}

private final class Counter: Sendable {
  private let state = Mutex((inside: 0, total: 0))
  var total: Int { state.withLock { $0.total } }
  func enter() -> Int {
    state.withLock { state in
      state.inside += 1
      state.total += 1
      return state.inside
    }
  }
  func leave() { state.withLock { $0.inside -= 1 } }
}

@Suite struct FilterTests {
  @Test func pruneTakesWhatMatches() {
    var filter = PruneFilter()
    filter.until = 100
    filter.labels = ["a=1"]
    filter.labelsNot = ["keep"]
    #expect(filter.takes(labels: ["a": "1"], createdAt: 50))
    #expect(!filter.takes(labels: ["a": "1"], createdAt: 100))
    #expect(!filter.takes(labels: ["a": "2"], createdAt: 50))
    #expect(!filter.takes(labels: ["a": "1", "keep": ""], createdAt: 50))
  }

  @Test func eventsComeInOrderAndTooSlowListenersEnd() async {
    let bus = EventBus()
    let subscription = bus.subscribe()
    for number in 0..<3 { bus.emit(.volume, "create", id: String(number)) }
    #expect(await subscription.next()?.actorID == "0")
    #expect(await subscription.next()?.actorID == "1")
    #expect(bus.history(since: nil, until: nil).count == 3)
    for _ in 0...EventBus.backlogCount { bus.emit(.volume, "create", id: "x") }
    var received = 0
    while await subscription.next() != nil { received += 1 }
    #expect(received == EventBus.backlogCount)
  }
}
