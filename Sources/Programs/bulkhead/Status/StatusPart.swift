import ArgumentParser

/// One part of the platform, as `bulkhead status` tells of it.
struct StatusPart: Equatable {
  enum Name: String, CaseIterable, ExpressibleByArgument { case engine, host, server, cluster, agent }

  enum State: String {
    case up, degraded, down
    /// The platform is run without it.
    case unused
    /// This user may not look.
    case hidden
  }

  let name: Name
  private(set) var state: State
  /// What there is, a line each.
  var lines: [String] = []
  /// What needs care, each with what to do where that is known.
  private(set) var problems: [String] = []
  /// The same for programs.
  var facts: JSONValue = .object([])

  init(_ name: Name, _ state: State = .up) {
    self.name = name
    self.state = state
  }

  /// Something is not as it should be.
  mutating func add(problem: String) {
    problems.append(problem)
    if state == .up { state = .degraded }
  }

  static func down(_ name: Name, _ problem: String) -> StatusPart {
    var part = StatusPart(name, .down)
    part.problems = [problem]
    return part
  }

  /// Whether somebody has to do something.
  var isWell: Bool { state != .down && state != .degraded }

  var json: JSONValue {
    var value: JSONValue = ["State": .string(state.rawValue)]
    for member in facts.members { value[member.name] = member.value }
    value["Problems"] = .strings(problems)
    return value
  }
}
