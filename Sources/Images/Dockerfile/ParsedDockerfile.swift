import Model

/// A Dockerfile as it is written: nothing in it is expanded yet. The grammar is that of the Dockerfile reference
/// (docs.docker.com/reference/dockerfile); where it leaves something open, that of BuildKit's frontend.
public struct ParsedDockerfile: Sendable, Hashable {
  public internal(set) var directives = ParserDirectives()
  /// `ARG` before the first `FROM`: they expand in `FROM` lines and are what stages inherit by an `ARG` without value.
  public internal(set) var globalArguments: [Instruction] = []
  /// At least one.
  public internal(set) var stages: [BuildStage] = []
  public internal(set) var warnings: [ParserWarning] = []

  /// The stage that `FROM name` in a later stage, or a build's target, means: the last of that name before `limit`,
  /// whatever its case.
  public func stage(named name: String, before limit: Int? = nil) -> BuildStage? {
    let name = name.lowercased()
    return stages.prefix(limit ?? stages.count).last { $0.name == name }
  }

  /// The stage that `--from=` in the stage `index` means: a number or a name of an earlier one; nil is an image.
  /// - Throws: `invalidArgument` for a stage that is not before this one.
  public func source(_ from: Word, of index: Int) throws -> BuildStage? {
    if let number = Int(from.text) {
      guard number >= 0, number < index else {
        throw syntaxError(from, "expected the number of an earlier stage (there are \(index)), found '\(from.text)'")
      }
      return stages[number]
    }
    if let earlier = stage(named: from.text, before: index) { return earlier }
    if let later = stage(named: from.text) {
      throw syntaxError(
        from,
        "stage '\(from.text)' is the stage itself or stands later (line \(later.position.line)); expected an earlier one"
      )
    }
    return nil
  }

  /// The stage that a build makes: `target` is a name or a number; the last without one.
  /// - Throws: `invalidArgument`.
  public func target(_ target: String) throws -> BuildStage {
    guard !target.isEmpty else { return stages[stages.count - 1] }
    if let named = stage(named: target) { return named }
    if let number = Int(target), stages.indices.contains(number) { return stages[number] }
    throw PlatformError(.invalidArgument, "target stage '\(target.prefix(128))' could not be found")
  }

  private func syntaxError(_ word: Word, _ message: String) -> PlatformError { .syntax(word.position, message) }
}

/// `# name=value` at the very top of a Dockerfile.
public struct ParserDirectives: Sendable, Hashable {
  /// The frontend asked for. This room's is used whatever stands there.
  public internal(set) var syntax: String?
  /// Continues lines and quotes characters: a backslash or a back-tick.
  public internal(set) var escape: Unicode.Scalar = "\\"
  public internal(set) var check: String?
}

/// Something that builds, but is hardly meant so.
public struct ParserWarning: Sendable, Hashable {
  public let position: SourcePosition
  public let message: String
}

/// `FROM` and what follows it.
public struct BuildStage: Sendable, Hashable {
  /// Counted from 0.
  public let index: Int
  /// In lower case.
  public let name: String?
  /// An earlier stage's name, `scratch`, or an image; expands with global arguments.
  public let base: Word
  /// Expands with global arguments.
  public let platform: Word?
  public let position: SourcePosition
  /// The line as written, continuation lines joined.
  public let text: String
  public internal(set) var instructions: [Instruction] = []

  /// As progress names it.
  public var displayName: String { name ?? "stage-\(index)" }
}
