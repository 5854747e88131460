import Glibc

/// What the engine tells of a build, kept so that any view can show it.
struct BuildProgress {
  struct Step: Equatable {
    enum State: Equatable { case running, cached, done, failed }

    /// `[stage 2/5] RUN make`.
    var title: String
    var state = State.running
    var startedMilliseconds: Int64
    var endedMilliseconds: Int64?
    /// The last lines of its output.
    var lines: [String] = []
    /// The begin of a line whose end has not come.
    var rest = ""
  }

  enum Change: Equatable {
    case none
    case started(Int)
    case lines(Int, [String])
    case ended(Int)
    case note(String)
  }

  private static let keptLines = 100
  private static let maximumLineScalars = 16_384

  private(set) var steps: [Step] = []
  private(set) var id: String?
  private(set) var total = 0
  private var indices: [String: Int] = [:]

  /// - Parameter now: monotonic milliseconds.
  /// - Throws: what the engine says is wrong.
  mutating func take(_ document: JSONValue, now: Int64) throws(ClientError) -> Change {
    if let message = document["errorDetail"]["message"].string ?? document["error"].string {
      for index in steps.indices where steps[index].state == .running { end(index, .failed, now) }
      throw ClientError(message)
    }
    guard let event = document["event"].string else { return classic(document) }
    switch event {
    case "started", "running": return start(document["step"], now)
    case "cached":
      let change = start(document["step"], now)
      return close(document["step"], .cached, now, unless: change)
    case "finished":
      let change = start(document["step"], now)
      return close(document["step"], .done, now, unless: change)
    case "output": return output(document, now)
    case "warning": return .note("WARN: " + Self.plain(document["message"].string ?? ""))
    case "built":
      id = document["id"].string
      return .none
    case "tagged": return .note("naming to \(Self.plain(document["reference"].string ?? ""))")
    default: return .none
    }
  }

  /// docker's own stream, which older engines send.
  private mutating func classic(_ document: JSONValue) -> Change {
    if let id = document["aux"]["ID"].string { self.id = id }
    guard let text = document["stream"].string ?? document["status"].string else { return .none }
    let line = Self.plain(text)
    return line.isEmpty ? .none : .note(line)
  }

  private static func key(_ step: JSONValue) -> String { "\(step["number"].int ?? 0)\n\(step["stage"].string ?? "")" }

  private mutating func start(_ step: JSONValue, _ now: Int64) -> Change {
    guard indices[Self.key(step)] == nil else { return .none }
    total = Int(clamping: step["total"].int ?? 0)
    let place = [step["stage"].string ?? "", "\(step["number"].int ?? 0)/\(total)"].filter { !$0.isEmpty }
    let title = "[\(place.joined(separator: " "))] \(Self.plain(step["text"].string ?? ""))"
    indices[Self.key(step)] = steps.count
    steps.append(Step(title: title, startedMilliseconds: now))
    return .started(steps.count - 1)
  }

  private mutating func close(_ step: JSONValue, _ state: Step.State, _ now: Int64, unless change: Change) -> Change {
    guard let index = indices[Self.key(step)], steps[index].state == .running else { return change }
    end(index, state, now)
    return .ended(index)
  }

  private mutating func end(_ index: Int, _ state: Step.State, _ now: Int64) {
    steps[index].state = state
    steps[index].endedMilliseconds = now
    if !steps[index].rest.isEmpty { keep([steps[index].rest], index) }
    steps[index].rest = ""
  }

  private mutating func output(_ document: JSONValue, _ now: Int64) -> Change {
    _ = start(document["step"], now)
    guard let index = indices[Self.key(document["step"])], let text = document["text"].string else { return .none }
    var parts = (steps[index].rest + text).split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    steps[index].rest = String((parts.popLast() ?? "").prefix(Self.maximumLineScalars))
    let lines = parts.map(Self.plain)
    keep(lines, index)
    return lines.isEmpty ? .none : .lines(index, lines)
  }

  private mutating func keep(_ lines: [String], _ index: Int) {
    steps[index].lines += lines
    steps[index].lines.removeFirst(max(0, steps[index].lines.count - Self.keptLines))
  }

  /// One line without control characters: what a step prints must not move the user's cursor.
  static func plain(_ text: String) -> String {
    var result = String.UnicodeScalarView()
    for scalar in text.unicodeScalars.prefix(maximumLineScalars) {
      if scalar == "\t" || (scalar.value >= 0x20 && !(0x7F...0x9F).contains(scalar.value)) { result.append(scalar) }
    }
    return String(result)
  }

  static func seconds(_ milliseconds: Int64) -> String { Units.fixed(Double(milliseconds) / 1_000, decimals: 1) + "s" }

  static func now() -> Int64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Int64(time.tv_sec) * 1_000 + Int64(time.tv_nsec) / 1_000_000
  }
}
