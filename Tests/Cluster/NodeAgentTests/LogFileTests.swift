import FoundationEssentials
import Glibc
import HTTPServing
import KubeMachinery
import LinuxSystem
import Synchronization
import Testing

@testable import NodeAgent

/// Logs as files: moved away, read meanwhile, removed.
@Suite(.timeLimit(.minutes(1)))
struct LogFileTests {
  /// A container's log in a folder of its own, and a runtime that writes a new one when it is told to.
  private final class Log: Sendable {
    let path: String
    private let folder: String

    init() throws {
      folder = FileManager.default.temporaryDirectory.path + "/log-\(UUID().uuidString)"
      path = folder + "/0.log"
      try FileSystem.makeDirectories(folder, mode: 0o700)
    }

    deinit { try? FileSystem.removeTree(folder) }

    func append(_ texts: String..., to name: String = "0.log") throws {
      let file = try Descriptor.open("\(folder)/\(name)", flags: O_WRONLY | O_CREAT | O_APPEND, mode: 0o600)
      for text in texts { try file.write(all: Array("2027-01-15T08:00:00Z stdout F \(text)\n".utf8)) }
    }

    func rotate(at seconds: Int64, maxBytes: Int64 = 10, maxFiles: Int = 5, _ runtime: FakeRuntime = FakeRuntime())
      async throws
    {
      try await LogRotation(runtime: runtime, maxBytes: maxBytes, maxFiles: maxFiles).keep(
        path, of: "k1", at: Timestamp(seconds: seconds))
    }

    func move(to name: String) throws { try FileSystem.rename(path, to: "\(folder)/\(name)") }
    func remove(_ name: String) throws { try FileSystem.removeFile("\(folder)/\(name)") }
    var names: [String] { get throws { try FileSystem.list(folder).sorted() } }

    func read(_ query: String = "", _ isAlive: @Sendable @escaping () async -> Bool = { false }) async throws -> String
    {
      let shown = Mutex("")
      try await LogReader(
        path: path, options: try LogOptions(try QueryParameters(parsing: query, maxItems: 9)), now: { Sample.start },
        clock: QuickClock()
      ).run(isAlive: isAlive) { bytes in shown.withLock { $0 += String(decoding: bytes, as: UTF8.self) } }
      return shown.withLock { $0 }
    }
  }

  @Test("A log that is too long is moved away, and the runtime told; a short one stays")
  func moved() async throws {
    let log = try Log()
    let runtime = FakeRuntime()
    try log.append("one")
    try await log.rotate(at: 5, maxBytes: 1_000, runtime)
    #expect(try log.names == ["0.log"])
    try await log.rotate(at: 5, runtime)
    #expect(try log.names == ["0.log.00000000005000000000"])
    #expect(runtime.calls == ["reopen k1"])
    // There is nothing to move until the runtime writes again.
    try await log.rotate(at: 6, runtime)
    #expect(runtime.calls.count == 1)
  }

  @Test("The oldest parts go, by their number and by their bytes; the last one stays however long it is")
  func bounds() async throws {
    let log = try Log()
    for second in 1...9 as ClosedRange<Int64> {
      try log.append("x")
      try await log.rotate(at: second, maxBytes: 25, maxFiles: 3)
    }
    #expect(try log.names == ["0.log.00000000008000000000", "0.log.00000000009000000000"])
    try log.append(String(repeating: "y", count: 500))
    try await log.rotate(at: 10, maxBytes: 25, maxFiles: 3)
    #expect(try log.names == ["0.log.00000000010000000000"])
    LogFiles.remove(log.path)
    #expect(try log.names == [])
  }

  @Test("A log whose runtime does not open a new one keeps its place")
  func failed() async throws {
    let log = try Log()
    let runtime = FakeRuntime()
    runtime.state.withLock { $0.failures["reopen"] = RuntimeFailure(.other, "it does not run") }
    try log.append("one")
    await #expect(throws: RuntimeFailure(.other, "it does not run")) { try await log.rotate(at: 5, runtime) }
    #expect(try log.names == ["0.log"])
    #expect(try await log.read() == "one\n")
  }

  @Test("Who follows a log sees every line once, whatever is moved and removed meanwhile")
  func followed() async throws {
    let log = try Log()
    try log.append("1")
    let steps = Mutex(0)
    let shown = try await log.read("follow=true") {
      let step = steps.withLock { step in
        step += 1
        return step
      }
      do {
        switch step {
        // Asked before each look.
        case 1: try log.append("2")
        case 2:
          // Written between the last look and the move.
          try log.append("3")
          try log.move(to: "0.log.1")
          try log.append("4")
        case 3:
          // Moved, and nothing is there yet: what comes goes to the old one.
          try log.move(to: "0.log.2")
          try log.append("5", to: "0.log.2")
        case 4:
          // Twice since the last look.
          try log.append("6")
          try log.move(to: "0.log.3")
          try log.append("7")
          try log.move(to: "0.log.4")
          try log.append("8")
        case 5:
          // The end comes with a move.
          try log.append("9")
          try log.move(to: "0.log.5")
          try log.append("10")
          return false
        default: return false
        }
      } catch { Issue.record(error) }
      return true
    }
    #expect(shown == (1...10).map { "\($0)\n" }.joined())
  }

  @Test("Who is too slow goes on with the oldest part that is left")
  func slow() async throws {
    let log = try Log()
    try log.append("1")
    let steps = Mutex(0)
    let shown = try await log.read("follow=true") {
      let step = steps.withLock { step in
        step += 1
        return step
      }
      guard step == 2 else { return step < 2 }
      do {
        try log.move(to: "0.log.1")
        try log.append("2")
        try log.move(to: "0.log.2")
        try log.append("3")
        try log.remove("0.log.1")
      } catch { Issue.record(error) }
      return true
    }
    #expect(shown == "1\n2\n3\n")
  }

  @Test("A log is read while it is being moved; one that was never written is told")
  func between() async throws {
    let log = try Log()
    await #expect {
      try await log.read()
    } throws: { ($0 as? SystemError)?.errno == ENOENT }
    try log.append("1")
    try log.move(to: "0.log.1")
    #expect(try await log.read() == "1\n")
  }

  @Test("The last lines are those of the part that is written to")
  func tail() async throws {
    let log = try Log()
    try log.append("1")
    try log.move(to: "0.log.1")
    try log.append("2", "3", "4")
    #expect(try await log.read("tailLines=2") == "3\n4\n")
    #expect(try await log.read("tailLines=9") == "2\n3\n4\n")
    #expect(try await log.read("tailLines=0") == "")
  }
}
