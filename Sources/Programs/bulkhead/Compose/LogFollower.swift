import Compose
import Glibc

/// Shows what several containers write, line by line under their names.
final class LogFollower: Sendable {
  struct Options: Sendable {
    var follows = false
    var timestamps = false
    /// As the API takes them.
    var since: String?
    var until: String?
    var tail: String?
    /// Which lines are shown; nil: all.
    var filter: TextFilter?
    var showsNames = true
    var colors = false
  }

  private static let palette = [36, 33, 32, 35, 34, 96, 93, 92, 95, 94]

  private let engine: Engine
  private let options: Options
  private let watch: ContainerWatch?
  private let width: Int
  private let output = Monitor(0)

  init(_ engine: Engine, _ options: Options, names: [String], watch: ContainerWatch?) {
    self.engine = engine
    self.options = options
    self.watch = watch
    width = names.map(\.count).max() ?? 0
  }

  /// Blocks until the container has no more to say: at the end of what there is, or, when followed, when it has ended for good.
  /// - Returns: its exit code where it was followed to its end.
  func show(_ id: String, named name: String, position: Int) throws(ClientError) -> Int? {
    var since = options.since
    var tail = options.tail
    while true {
      let details: JSONValue
      do {
        details = try engine.call(.get, "/containers/\(id)/json")
      } catch {
        if error.status == 404, options.follows { return nil }
        throw error
      }
      if details["HostConfig"]["LogConfig"].text("Type") == "none" {
        Console.complain("\(name) keeps no logs (logging driver none)")
        guard options.follows else { return nil }
        return Int((try engine.call(.post, "/containers/\(id)/wait"))["StatusCode"].int ?? 0)
      }
      try stream(id, name, position, isTerminal: details["Config"]["Tty"].bool ?? false, since: since, tail: tail)
      guard options.follows else { return nil }
      guard let next = try restart(of: id, named: name, after: details["State"].text("StartedAt")) else {
        return Int((try? engine.call(.get, "/containers/\(id)/json"))?["State"]["ExitCode"].int ?? 0)
      }
      (since, tail) = (next, nil)
    }
  }

  /// The time of the container's next start, waited for where there will be one.
  private func restart(of id: String, named name: String, after started: String) throws(ClientError) -> String? {
    guard let state = try? engine.call(.get, "/containers/\(id)/json")["State"] else { return nil }
    if state["Restarting"].bool == true, let watch { _ = try? watch.wait(id, named: name, .started) }
    guard let now = try? engine.call(.get, "/containers/\(id)/json")["State"], now["Running"].bool == true,
      now.text("StartedAt") != started
    else { return nil }
    return now.text("StartedAt")
  }

  private func stream(
    _ id: String, _ name: String, _ position: Int, isTerminal: Bool, since: String?, tail: String?
  ) throws(ClientError) {
    let response = try engine.open(
      .get, "/containers/\(id)/logs",
      query: [
        ("stdout", "1"), ("stderr", "1"), ("follow", options.follows ? "1" : nil), ("timestamps", "1"),
        ("since", since), ("until", options.until), ("tail", tail),
      ])
    let lines = LogLines(response.body, isTerminal: isTerminal)
    let prefix = self.prefix(name, position)
    do {
      while let line = try lines.next() { put(line, prefix) }
    } catch let failure as ClientError {
      throw failure
    } catch {
      throw ClientError("the log of \(name) is broken: \(error)")
    }
  }

  private func prefix(_ name: String, _ position: Int) -> [UInt8] {
    guard options.showsNames else { return [] }
    let text = name + String(repeating: " ", count: max(0, width - name.count)) + " | "
    guard options.colors else { return Array(text.utf8) }
    return Array("\u{1B}[\(Self.palette[position % Self.palette.count])m\(text)\u{1B}[0m".utf8)
  }

  private func put(_ line: LogLines.Line, _ prefix: [UInt8]) {
    if let filter = options.filter, !filter.matches(line.text) { return }
    let bytes = prefix + (options.timestamps ? Array((line.time + " ").utf8) : []) + line.text + [0x0A]
    output.with { _ in
      // Nobody reads any more: the end comes by the signal of the pipe or with the containers.
      try? writeAll(line.stream == .error ? STDERR_FILENO : STDOUT_FILENO, bytes[...])
    }
  }
}
