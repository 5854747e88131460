import LinuxSystem
import Logging
import Model

/// Sends a container's output on to the journal or to a syslog server.
///
/// It reads the same files as `docker logs`, so nothing is lost while the receiver or the engine is down, as long as the
/// files are kept; how far it came is remembered beside them.
struct LogForwarder: Sendable {
  private static let retrySeconds = 5.0
  private static let entriesPerMark = 200

  let record: ContainerRecord
  let reader: @Sendable (LogQuery) -> LogReader
  let markPath: String
  let destination: any LogDestination
  let logger: Logger

  /// Runs until the container's log ends.
  func run() async {
    var last = readMark()
    while !Task.isCancelled {
      do {
        try await forward(from: &last)
        writeMark(last)
        return
      } catch is CancellationError {
        writeMark(last)
        return
      } catch {
        writeMark(last)
        logger.warning("the log of container \(record.id.short) cannot be sent on and is kept: \(error)")
        do { try await Task.sleep(for: .seconds(Self.retrySeconds)) } catch { return }
      }
    }
  }

  private func forward(from last: inout Int64) async throws {
    var query = LogQuery()
    query.follow = true
    query.since = last.clampedAdding(1)
    let reader = reader(query)
    var unmarked = 0
    while let entry = try await reader.next() {
      var line = entry.bytes
      if line.last == 10 { line.removeLast() }
      try destination.send(line, isError: entry.stream == .stderr, time: entry.time)
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
  func send(_ line: [UInt8], isError: Bool, time: Int64) throws
}
