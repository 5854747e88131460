import Glibc
import LinuxSystem
import Model
import Persistence
import Testing

@testable import ContainerEngine

/// What clients may pile up.
@Suite struct BoundsTests {
  private static func exec(_ container: ContainerID, at second: UInt64 = 0, bytes: Int = 1) -> ExecSession {
    ExecSession(
      id: .random(), container: container, settings: ExecSettings(arguments: [String(repeating: "x", count: bytes)]),
      createdAt: second * 1_000_000_000)
  }

  @Test(arguments: [Double(Int64.max), .greatestFiniteMagnitude, .infinity])
  func aWaitOfAnyLengthIsAWait(_ seconds: Double) async throws {
    let value = OneShot<Int>()
    async let waiting = value.wait(seconds: seconds)
    await Task.yield()
    value.resolve(7)
    #expect(try await waiting == 7)
    #expect(try await OneShot<Int>().wait(seconds: -seconds) == nil)
  }

  @Test func execsThatNobodyStartsAreCounted() throws {
    let table = ExecTable()
    let container = ContainerID.random()
    for _ in 0..<3 { #expect(try table.insert(Self.exec(container), limit: 3).isEmpty) }
    let error = #expect(throws: PlatformError.self) { try table.insert(Self.exec(container), limit: 3) }
    #expect(error?.code == .resourceExhausted)
    #expect(try table.insert(Self.exec(.random()), limit: 3).isEmpty)
  }

  @Test func execsThatNobodyStartsAreForgotten() throws {
    let table = ExecTable()
    let container = ContainerID.random()
    let old = Self.exec(container)
    let started = Self.exec(container)
    #expect(started.begin())
    for session in [old, started] { _ = try table.insert(session, limit: 9) }
    let expired = try table.insert(Self.exec(container, at: 301), limit: 9)
    #expect(expired.map(\.id) == [old.id])
    #expect(throws: PlatformError.self) { try table.find(old.id.hex) }
    #expect(try table.find(started.id.hex) === started)
  }

  @Test func execsThatWaitKeepABoundedMemory() throws {
    let table = ExecTable()
    let half = ExecTable.waitingLimitBytes / 2
    for _ in 0..<2 { _ = try table.insert(Self.exec(.random(), bytes: half), limit: 9) }
    let error = #expect(throws: PlatformError.self) { try table.insert(Self.exec(.random(), bytes: half), limit: 9) }
    #expect(error?.code == .resourceExhausted)
  }

  @Test func aSessionTellsWhenItsClientIsGone() throws {
    let container = Container(record: try LogKeepingTests.record("json-file", [:]), revisions: RevisionCounter())
    let options = AttachOptions(stream: true, logs: false, stdin: true, stdout: true, stderr: true)
    let sessions = (0..<2).map { _ in
      AttachSession(terminal: false, options: options, onClose: { container.forgetPendingAttach() })
    }
    container.change { $0.pendingAttach = sessions }
    sessions[0].close()
    #expect(container.read { $0.pendingAttach.count } == 1)
    #expect(container.read { $0.pendingAttach.first === sessions[1] })
  }

  @Test(.enabled(if: geteuid() == 0)) func volumesAreBoundedWhoeverMakesThem() throws {
    let folder = "/tmp/volumes-test-\(UInt64.random(in: .min ... .max))"
    try FileSystem.makeDirectory(folder, mode: 0o700)
    defer { try? FileSystem.removeTree(folder) }
    let store = EngineStore(database: try Database(path: "\(folder)/db", migrations: EngineStore.migrations))
    let volumes = try VolumeStore(
      paths: EnginePaths(root: folder, run: folder), store: store, ids: IDRange(first: 0x7000_0000), records: [],
      limit: 2)
    _ = try volumes.create(name: "one")
    _ = try volumes.create(name: nil, anonymous: true)
    let error = #expect(throws: PlatformError.self) { try volumes.create(name: "three") }
    #expect(error?.code == .resourceExhausted && error?.message.contains("limits.volumes") == true)
    #expect(!FileSystem.exists("\(folder)/volumes/three"))
    #expect(try volumes.create(name: "one").name == "one")
    try volumes.remove("one")
    #expect(try volumes.create(name: "three").name == "three")
  }
}
