import ArgumentParser
import Glibc

struct Logs: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Show what containers wrote.",
    discussion: """
      With several containers, or those of a label, lines come in the order of their times, each under its
      container's name.
      """)
  @OptionGroup var connection: EngineOptions
  @Flag(name: .shortAndLong, help: "Go on as more is written.") var follow = false
  @Flag(name: .shortAndLong, help: "With the time of each line.") var timestamps = false
  @Flag(help: "With the labels and variables that the log driver was told to keep.") var details = false
  @Option(help: "From this time on: 10m, 2026-01-31T12:00:00Z.") var since: String?
  @Option(help: "Up to this time.") var until: String?
  @Option(name: [.customShort("n"), .long], help: "Only the last lines of each container.") var tail: String?
  @Option(help: "Only lines that have this text.") var grep: String?
  @Flag(name: .shortAndLong, help: "Take capital and small letters of --grep for the same.") var ignoreCase = false
  @Option(
    parsing: .unconditionalSingleValue,
    help: "Of the containers that match: label=KEY[=VALUE], name=…, as for ps; those that do not run, too.")
  var filter: [String] = []
  @Option(help: "text, or json: a line for each, with time, container, stream and text.") var format = Format.text
  @Argument(help: "Names or ids.") var containers: [String] = []

  enum Format: String, ExpressibleByArgument, CaseIterable { case text, json }

  func validate() throws {
    if containers.isEmpty, filter.isEmpty {
      throw ValidationError("name a container, or choose some with --filter label=KEY=VALUE")
    }
    if ignoreCase, grep == nil { throw ValidationError("--ignore-case needs --grep") }
    try LogLines.check(tail: tail)
    if details, isMerged { throw ValidationError("--details is for one container without --grep and --format") }
  }

  /// Whether lines are looked at; else the log passes as it is.
  private var isMerged: Bool { containers.count != 1 || !filter.isEmpty || grep != nil || format == .json }

  func run() throws {
    let engine = try connection.engine()
    let now = Units.now()
    let since = try since.map { text throws(ClientError) in try Units.parseTime(text, option: "--since", now: now) }
    let until = try until.map { text throws(ClientError) in try Units.parseTime(text, option: "--until", now: now) }
    guard isMerged else { return try pass(engine, containers[0], since: since, until: until) }
    let chosen = try choose(engine)
    let show = LineView(
      width: chosen.count > 1 ? chosen.map(\.name.count).max() ?? 0 : 0, timestamps: timestamps,
      isJSON: format == .json,
      filter: grep.map { TextFilter($0, ignoresCase: ignoreCase) })
    var last: [String: String] = [:]
    try LogMerge(sources(engine, chosen) { _ in query(since: since, until: until, tail: tail, follow: false) }).merge {
      last[$0.name] = $1.time
      try show($0.name, $1)
    }
    guard follow else { return }
    // What there was came in order; each log goes on after its last line, which comes once more.
    var rest = LogMerge(
      try sources(engine, chosen) { query(since: last[$0] ?? since, until: until, tail: nil, follow: true) })
    try rest.follow { source, line in
      if let time = last[source.name], line.time <= time { return }
      try show(source.name, line)
    }
  }

  /// The log as the engine sends it.
  private func pass(_ engine: Engine, _ container: String, since: String?, until: String?) throws {
    let terminal = try engine.usesTerminal(container)
    let response = try engine.open(
      .get, "/containers/\(Engine.escape(container))/logs",
      query: query(since: since, until: until, tail: tail, follow: follow, timestamps: timestamps))
    var demultiplexer = StreamDemultiplexer()
    while let piece = try response.body.next() {
      if terminal {
        try writeAll(STDOUT_FILENO, piece[...])
      } else {
        try demultiplexer.feed(piece) { stream, bytes in
          try writeAll(stream == .error ? STDERR_FILENO : STDOUT_FILENO, bytes)
        }
      }
    }
  }

  private func query(
    since: String?, until: String?, tail: String?, follow: Bool, timestamps: Bool = true
  ) -> [(String, String?)] {
    [
      ("stdout", "1"), ("stderr", "1"), ("follow", follow ? "1" : nil), ("timestamps", timestamps ? "1" : nil),
      ("details", details ? "1" : nil), ("since", since), ("until", until), ("tail", tail),
    ]
  }

  private struct Chosen {
    let name: String
    let id: String
    let isTerminal: Bool
  }

  private func choose(_ engine: Engine) throws -> [Chosen] {
    var references = containers
    if !filter.isEmpty {
      let answer = try engine.call(
        .get, "/containers/json", query: [("all", "1"), ("filters", try Filters.encode(filter, adding: []))])
      references += answer.items.map { $0.text("Id") }
      if references.isEmpty { throw ClientError("no container matches \(filter.joined(separator: ", "))") }
    }
    var chosen: [Chosen] = []
    for reference in references {
      let details = try engine.call(.get, "/containers/\(Engine.escape(reference))/json")
      let id = details.text("Id")
      guard !chosen.contains(where: { $0.id == id }) else { continue }
      chosen.append(
        Chosen(
          name: String(details.text("Name").drop { $0 == "/" }), id: id,
          isTerminal: details["Config"]["Tty"].bool ?? false))
    }
    guard chosen.count <= LogMerge.maximumSources else {
      throw ClientError(
        "\(chosen.count) containers match, at most \(LogMerge.maximumSources) are shown together: choose less")
    }
    return chosen.sorted { $0.name < $1.name }
  }

  private func sources(
    _ engine: Engine, _ chosen: [Chosen], query: (String) -> [(String, String?)]
  ) throws -> [LogMerge.Source] {
    try chosen.map { container in
      let response = try engine.open(
        .get, "/containers/\(Engine.escape(container.id))/logs", query: query(container.name))
      return LogMerge.Source(
        name: container.name, lines: LogLines(response.body, isTerminal: container.isTerminal),
        connection: response.connection)
    }
  }
}

/// Which lines are shown: those that have a text.
struct TextFilter: Sendable {
  private let wanted: [UInt8]
  private let ignoresCase: Bool

  /// - Parameter ignoresCase: of the letters A to Z.
  init(_ text: String, ignoresCase: Bool) {
    self.ignoresCase = ignoresCase
    wanted = text.utf8.map { ignoresCase ? Self.lowered($0) : $0 }
  }

  func matches(_ line: ArraySlice<UInt8>) -> Bool {
    guard let first = wanted.first else { return true }
    guard line.count >= wanted.count else { return false }
    for start in line.startIndex...(line.endIndex - wanted.count) where folded(line[start]) == first {
      if zip(line[start...], wanted).allSatisfy({ folded($0) == $1 }) { return true }
    }
    return false
  }

  private func folded(_ byte: UInt8) -> UInt8 { ignoresCase ? Self.lowered(byte) : byte }
  private static func lowered(_ byte: UInt8) -> UInt8 { (65...90).contains(byte) ? byte + 32 : byte }
}

/// Writes lines of several containers.
struct LineView {
  /// Columns for the name before each line; 0 for no name.
  let width: Int
  let timestamps: Bool
  let isJSON: Bool
  let filter: TextFilter?

  func callAsFunction(_ name: String, _ line: LogLines.Line) throws {
    if let filter, !filter.matches(line.text) { return }
    if isJSON {
      let entry: JSONValue = [
        "time": .string(line.time), "container": .string(name), "stream": line.stream == .error ? "stderr" : "stdout",
        "text": .string(String(decoding: line.text, as: UTF8.self)),
      ]
      return try writeAll(STDOUT_FILENO, Array((entry.compact + "\n").utf8)[...])
    }
    var bytes: [UInt8] = []
    if width > 0 { bytes += (name + String(repeating: " ", count: max(0, width - name.count)) + " | ").utf8 }
    if timestamps { bytes += (line.time + " ").utf8 }
    bytes += line.text
    bytes.append(UInt8(ascii: "\n"))
    try writeAll(line.stream == .error ? STDERR_FILENO : STDOUT_FILENO, bytes[...])
  }
}
