import Model

/// Decides which paths a list of patterns excludes, as moby's patternmatcher does: later patterns win, `!` takes back, and
/// what matches a directory holds for everything below it.
public struct PatternMatcher: Sendable {
  private let patterns: [PathPattern]
  /// Some pattern begins with `!`: below an excluded directory something may be included again.
  public let hasExceptions: Bool

  /// What is known of a directory, for the paths right below it.
  public struct Parent: Sendable {
    fileprivate var matched: [Bool]
  }

  /// Excludes nothing.
  public init() { (patterns, hasExceptions) = ([], false) }

  /// - Parameter patterns: as `IgnoreFile.parse` gives them, or those of `--exclude`.
  /// - Throws: `invalidArgument` for a pattern that cannot be read.
  public init(_ patterns: [String], file: String = ".dockerignore") throws {
    self.patterns = try patterns.compactMap { pattern in
      let text = pattern.unicodeScalars.drop(while: \.isSpace)
      let trimmed = String(String.UnicodeScalarView(text.reversed().drop(while: \.isSpace).reversed()))
      return trimmed.isEmpty ? nil : try PathPattern(CleanPath.clean(trimmed), file: file)
    }
    hasExceptions = self.patterns.contains(where: \.isException)
  }

  public var isEmpty: Bool { patterns.isEmpty }

  /// Whether `path` is excluded, looking at its parents too.
  /// - Parameter path: clean and relative, parted by slashes.
  public func excludes(_ path: String) -> Bool {
    var parent: Parent?
    var isExcluded = false
    let scalars = Array(path.unicodeScalars)
    for end in scalars.indices.filter({ scalars[$0] == "/" }) + [scalars.count] {
      (isExcluded, parent) = excludes(String(scalars[..<end]), below: parent)
    }
    return isExcluded
  }

  /// As `excludes`, for a walk: `parent` is what the same call answered for the directory that `path` lies in.
  public func excludes(_ path: String, below parent: Parent?) -> (Bool, Parent) {
    var isExcluded = false
    var matched = [Bool](repeating: false, count: patterns.count)
    for (index, pattern) in patterns.enumerated() {
      if parent?.matched[index] != true {
        // It could change nothing: an inclusion of what is in, an exclusion of what is out.
        guard pattern.isException == isExcluded, pattern.matches(path) else { continue }
      }
      matched[index] = true
      isExcluded = !pattern.isException
    }
    return (isExcluded, Parent(matched: matched))
  }
}
