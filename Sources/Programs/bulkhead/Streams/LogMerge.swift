import Glibc

/// The logs of several containers as one, in the order of their lines' times.
struct LogMerge {
  struct Source {
    /// What its lines are shown under.
    let name: String
    let lines: LogLines
    let connection: Connection
  }

  /// Logs read at once: each has a connection of its own.
  static let maximumSources = 256

  private var sources: [Source]

  init(_ sources: [Source]) { self.sources = sources }

  /// Gives every line that there is, oldest first; ends with the last. Holds one line of each source.
  func merge(_ each: (Source, LogLines.Line) throws -> Void) throws {
    var heads: [(source: Source, line: LogLines.Line)] = []
    for source in sources {
      if let line = try source.lines.next() { heads.append((source, line)) }
    }
    while let index = heads.indices.min(by: { heads[$0].line.time < heads[$1].line.time }) {
      try each(heads[index].source, heads[index].line)
      if let line = try heads[index].source.lines.next() {
        heads[index].line = line
      } else {
        heads.remove(at: index)
      }
    }
  }

  /// Gives lines as they are written, until every source has ended. Lines that come together are in order.
  mutating func follow(_ each: (Source, LogLines.Line) throws -> Void) throws {
    while !sources.isEmpty {
      var entries = sources.map { pollfd(fd: $0.connection.descriptor, events: Int16(POLLIN), revents: 0) }
      // What is in a connection's buffer already will not make its descriptor readable.
      let isBuffered = sources.contains { !$0.connection.buffer.isEmpty }
      if poll(&entries, nfds_t(entries.count), isBuffered ? 0 : -1) < 0, errno != EINTR {
        throw ClientError("cannot wait for logs: \(describe(errno: errno))")
      }
      var come: [(source: Source, line: LogLines.Line)] = []
      var ended: Set<Int> = []
      for (index, source) in sources.enumerated()
      where entries[index].revents != 0 || !source.connection.buffer.isEmpty {
        if try !source.lines.read() { ended.insert(index) }
        while source.lines.hasLine, let line = try source.lines.next() { come.append((source, line)) }
      }
      // Sorting keeps the order of lines of one source only where their times say so; equal times stay as they came.
      let order = come.indices.sorted { (come[$0].line.time, $0) < (come[$1].line.time, $1) }
      for index in order { try each(come[index].source, come[index].line) }
      sources = sources.enumerated().filter { !ended.contains($0.offset) }.map(\.element)
    }
  }
}
