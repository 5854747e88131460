import Model

/// `.dockerignore` (Dockerfile reference, ".dockerignore file"): one pattern a line.
public enum IgnoreFile {
  /// Names to look for beside a Dockerfile and at the root of the context: the first that is there counts.
  /// - Parameter dockerfile: its path within the context, or as the client was given it.
  public static func candidates(for dockerfile: String) -> [String] { [dockerfile + ".dockerignore", ".dockerignore"] }

  /// The patterns as `PatternMatcher` takes them: comments and blank lines left out, paths made clean and relative.
  /// - Throws: `invalidArgument` for what is no text, `resourceExhausted` beyond `DockerfileLimits`.
  public static func parse(_ bytes: some Collection<UInt8>, file: String = ".dockerignore") throws -> [String] {
    guard bytes.count <= DockerfileLimits.ignoreFileBytes else {
      throw PlatformError(
        .resourceExhausted, "\(file) has \(bytes.count) bytes, at most \(DockerfileLimits.ignoreFileBytes) are read")
    }
    var lines = try SourceLines(bytes, file: file)
    var patterns: [String] = []
    while let line = try lines.line() {
      if line.scalars.first == "#" { continue }
      let text = line.trimmed
      guard !text.isEmpty else { continue }
      guard patterns.count < DockerfileLimits.ignorePatterns else {
        throw PlatformError(
          .resourceExhausted, "\(file):\(lines.lineNumber):1: more than \(DockerfileLimits.ignorePatterns) patterns")
      }
      guard text.scalars.first == "!" else {
        patterns.append(relative(text.text))
        continue
      }
      let kept = text[1..<text.count].trimmed
      patterns.append("!" + (kept.isEmpty ? "" : relative(kept.text)))
    }
    return patterns
  }

  private static func relative(_ path: String) -> String {
    let clean = CleanPath.clean(path)
    return clean.utf8.count > 1 && clean.utf8.first == UInt8(ascii: "/")
      ? String(clean.unicodeScalars.dropFirst()) : clean
  }
}

/// Go's `filepath.Clean`, by which Dockerfile patterns are defined.
public enum CleanPath {
  /// The shortest path that means the same by its text alone; `.` for nothing.
  public static func clean(_ path: String) -> String {
    let isRooted = path.utf8.first == UInt8(ascii: "/")
    var parts: [Substring.UnicodeScalarView] = []
    // Scalars, as a slash with a combining character behind it parts names too.
    for part in path.unicodeScalars.split(separator: "/") where !part.elementsEqual(".".unicodeScalars) {
      guard part.elementsEqual("..".unicodeScalars) else {
        parts.append(part)
        continue
      }
      if let last = parts.last, !last.elementsEqual("..".unicodeScalars) {
        parts.removeLast()
      } else if !isRooted {
        parts.append(part)
      }
    }
    let joined = parts.map { String($0) }.joined(separator: "/")
    return isRooted ? "/" + joined : (joined.isEmpty ? "." : joined)
  }
}
