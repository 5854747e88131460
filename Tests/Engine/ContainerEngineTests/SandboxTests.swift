import Glibc
import LinuxSystem
import Model
import Testing

@testable import ContainerEngine

@Suite struct SandboxTests {
  private func record(_ name: String, ids: IDRange = .host) -> SandboxRecord {
    let request = SandboxRequest(name: name, uid: "u", namespace: "n")
    return SandboxRecord(
      id: .random(), request: request, state: .ready, ids: ids, createdAt: 0, runtime: "crun", hostname: name)
  }

  private func code(_ body: () throws -> Void) -> PlatformError.Code? {
    do {
      try body()
      return nil
    } catch {
      return (error as? PlatformError)?.code
    }
  }

  @Test func aPodHasOneSandboxForEachAttempt() throws {
    let registry = SandboxRegistry()
    let first = record("a")
    try registry.reserve(first.request.key, for: first.id, limit: 2)
    registry.insert(Sandbox(record: first))
    #expect(code { try registry.reserve(first.request.key, for: .random(), limit: 2) } == .conflict)
    var again = first.request
    again.attempt = 1
    let second = ContainerID.random()
    try registry.reserve(again.key, for: second, limit: 2)
    #expect(code { try registry.reserve("n/b/u/0", for: .random(), limit: 2) } == .resourceExhausted)
    registry.release(again.key, of: .random())
    #expect(code { try registry.reserve(again.key, for: .random(), limit: 3) } == .conflict)
    registry.release(again.key, of: second)
    try registry.reserve(again.key, for: .random(), limit: 2)
  }

  @Test(arguments: [
    ("/r/agent/pods/u/volumes/v", "u", true), ("/r/agent/pods/u/hosts", "u", true),
    ("/r/agent/pods/v/volumes/v", "u", false), ("/r/agent/pods/u", "u", false), ("/r/agent/pods", "u", false),
    ("/r/agent", "u", false), ("/r/agent/pods/uu/x", "u", false), ("/var/log/pods/x", "u", false),
    ("/r/agent/pods/../x", "..", false), ("/r/agent/pods/./x", ".", false), ("/r/agent/pods//x", "", false),
    ("/r/agent/pods/u/v/x", "u/v", false),
  ])
  func aPodHasNothingOfAnothersFolder(_ path: String, _ uid: String, _ isOwn: Bool) {
    #expect(PodFolders(agent: "/r/agent", logs: ["/var/log/pods"]).isOwn(path, of: uid) == isOwn)
  }

  @Test(arguments: [
    ("/r/agent/pods/u/logs", true), ("/var/log/pods/x", true), ("/var/log/other", false), ("/r/agentx/y", false),
  ])
  func logsGoWhereTheyMay(_ path: String, _ may: Bool) {
    #expect(PodFolders(agent: "/r/agent", logs: ["/var/log/pods"]).holdsLogs(path) == may)
  }

  @Test func aSandboxIsFoundByTheBeginningOfItsID() throws {
    let registry = SandboxRegistry()
    let sandbox = Sandbox(record: record("a"))
    registry.insert(sandbox)
    #expect(try registry.find(sandbox.id.hex) === sandbox)
    #expect(try registry.find(sandbox.id.short) === sandbox)
    #expect(code { _ = try registry.find("") } == .notFound)
    #expect(code { _ = try registry.find("zz") } == .notFound)
    registry.remove(sandbox)
    #expect(code { _ = try registry.find(sandbox.id.hex) } == .notFound)
  }

  @Test(.enabled(if: geteuid() == 0), arguments: [IDRange(first: 3_000_000), .host])
  func namespacesLiveWithoutAProcessAndGo(_ ids: IDRange) throws {
    let folder = "/tmp/bulkhead-sandbox-\(getpid())-\(UInt32.random(in: 0...UInt32.max))"
    let namespaces = SandboxNamespaces(folder: folder)
    defer { try? namespaces.remove() }
    try namespaces.make(record("pod-name", ids: ids), sharedMemoryBytes: 1 << 20)
    #expect(namespaces.isThere)
    let net = try #require(try namespaces.open(.net))
    #expect(try Namespace.identity(net) != Namespace.identity(Namespace.current(.net)))
    #expect(try (namespaces.open(.user) == nil) == ids.isHost)
    let uts = try #require(try namespaces.open(.uts))
    let name = try NamespaceThread.run(entering: [uts]) {
      try FileSystem.read("/proc/sys/kernel/hostname", maxBytes: 256)
    }
    #expect(String(decoding: name, as: UTF8.self) == "pod-name\n")
    #expect(try namespaces.openSharedMemory() != nil)
    try namespaces.remove()
    #expect(!namespaces.isThere)
    #expect(!FileSystem.exists(folder))
    try namespaces.remove()
  }
}
