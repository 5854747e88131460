import FoundationEssentials

/// A file of cases below `Cases/`, in a form that is written and read without quoting:
///
///     == name of the case
///     ! what docker 20.10 lacks                       (only where it does)
///     the script, one or more lines
///     -> exactly | contains | matches | fails STATUS
///     what is expected, one or more lines
enum CaseFile {
  struct Malformed: Error, CustomStringConvertible {
    let file: String
    let name: String
    var description: String { "Cases/\(file).cases: case '\(name)' has no expectation that is known" }
  }

  /// The cases to run against the present target; a malformed file becomes one case that fails and says so.
  static func cases(_ file: String) -> [ShellCase] {
    do {
      return try parse(file).filter(\.runsHere)
    } catch {
      return [ShellCase(name: "\(error)", script: "exit 1", expected: .exactly(""), lacking: nil)]
    }
  }

  private static func parse(_ file: String) throws -> [ShellCase] {
    let path = "\(Target.sources)/Tests/IntegrationTests/Cases/\(file).cases"
    let text = try String(contentsOfFile: path, encoding: .utf8)
    // Before the first case there is room for a remark.
    return try ("\n" + text).split(separator: "\n== ").dropFirst(text.hasPrefix("== ") ? 0 : 1).map { part in
      try parse(String(part), file)
    }
  }

  private static func parse(_ part: String, _ file: String) throws -> ShellCase {
    var lines = part.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)[...]
    let name = lines.removeFirst()
    var lacking: String?
    if let line = lines.first, line.hasPrefix("! ") {
      lacking = String(line.dropFirst(2))
      lines.removeFirst()
    }
    guard let arrow = lines.firstIndex(where: { $0.hasPrefix("-> ") }) else { throw Malformed(file: file, name: name) }
    var wanted = Array(lines[(arrow + 1)...])
    while wanted.last?.isEmpty == true { wanted.removeLast() }
    let kind = lines[arrow].dropFirst(3).split(separator: " ")
    let expected: ShellCase.Expected
    switch kind.first {
    case "exactly": expected = .exactly(wanted.joined(separator: "\n"))
    case "contains": expected = .contains(wanted)
    case "matches": expected = .matches(wanted.joined(separator: "\n"))
    case "fails":
      guard kind.count == 2, let status = Int32(kind[1]) else { throw Malformed(file: file, name: name) }
      expected = .fails(status, wanted.joined(separator: "\n"))
    default: throw Malformed(file: file, name: name)
    }
    return ShellCase(
      name: name, script: lines[..<arrow].joined(separator: "\n"), expected: expected, lacking: lacking)
  }
}
