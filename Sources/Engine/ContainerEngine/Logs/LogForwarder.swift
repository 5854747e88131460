import Glibc
import LinuxSystem
import Logging
import Model

/// Sends a container's output on to the journal or to a syslog server.
///
/// It reads the same files as `docker logs`, so nothing is lost while the receiver or the engine is down, as long as the
/// files are kept; how far it came is remembered beside them.
struct LogForwarder: Sendable {
  private static let retrySeconds = 5.0
  /// Failures in a row of which one is told.
  private static let failuresPerNotice = 120
  private static let entriesPerMark = 200

  /// The container's, for the engine's own log.
  let name: String
  let reader: @Sendable (LogQuery) -> LogReader
  let markPath: String
  /// Makes a connection, also after one has failed.
  let connect: @Sendable () async throws -> any LogDestination
  let logger: Logger

  /// Runs until the container's log ends.
  func run() async {
    var last = readMark()
    var failures = 0
    while !Task.isCancelled {
      do {
        let destination = try await connect()
        try await forward(from: &last, to: destination, failures: &failures)
        writeMark(last)
        return
      } catch is CancellationError {
        writeMark(last)
        return
      } catch {
        writeMark(last)
        if failures % Self.failuresPerNotice == 0 {
          logger.warning("the log of container \(name) cannot be sent on and is kept: \(error)")
        }
        failures += 1
        do { try await Task.sleep(for: .seconds(Self.retrySeconds)) } catch { return }
      }
    }
  }

  private func forward(from last: inout Int64, to destination: any LogDestination, failures: inout Int) async throws {
    var query = LogQuery()
    query.follow = true
    query.since = last.clampedAdding(1)
    let reader = reader(query)
    var unmarked = 0
    var dropped = 0
    defer { if dropped > 0 { logger.warning("\(dropped) lines of container \(name) were too long to be sent on") } }
    while let entry = try await reader.next() {
      var line = entry.bytes
      if line.last == 10 { line.removeLast() }
      do {
        try await destination.send(line, isError: entry.stream == .stderr, time: entry.time)
        failures = 0
      } catch let error as SystemError where error.errno == EMSGSIZE {
        dropped += 1
      }
      last = entry.time
      unmarked += 1
      if unmarked == Self.entriesPerMark {
        writeMark(last)
        unmarked = 0
      }
    }
  }

  private func readMark() -> Int64 {
    guard let bytes = try? FileSystem.read(markPath, maxBytes: 32) else { return 0 }
    return Int64(String(decoding: bytes, as: UTF8.self)) ?? 0
  }

  private func writeMark(_ time: Int64) {
    // Losing it means that some lines are sent twice.
    try? FileSystem.atomicWrite(markPath, Array(String(time).utf8), durable: false)
  }
}

/// Takes single lines of output.
protocol LogDestination: Sendable {
  /// Never holds a thread while it waits for the receiver.
  func send(_ line: [UInt8], isError: Bool, time: Int64) async throws
}
