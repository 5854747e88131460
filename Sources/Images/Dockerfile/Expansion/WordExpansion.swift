import Model

/// Expands words of a Dockerfile over variables.
public struct WordExpansion: Sendable {
  public let escape: Unicode.Scalar
  public var variables: [String: String]

  public init(escape: Unicode.Scalar, variables: [String: String]) {
    self.escape = escape
    self.variables = variables
  }

  /// Variables replaced, quotes and escapes taken away; blanks stay within.
  /// - Throws: `invalidArgument` with the place of the fault.
  public func expand(_ word: Word) throws -> Word {
    word.replacing(try result(word).text)
  }

  /// As `expand`, parted at white space that stands outside of quotes, after the variables are replaced.
  public func words(_ word: Word) throws -> [Word] {
    try result(word).words.map(word.replacing)
  }

  /// Names in the word that are not set.
  public func unset(in word: Word) throws -> Set<String> { try result(word).unset }

  /// The body of a here-document: variables and escaped characters only, quotes stay. Its escape character is always a
  /// backslash.
  public func expandBody(of heredoc: Heredoc) throws -> String {
    let content = heredoc.strippedContent
    guard heredoc.expands else { return content }
    do {
      return try ShellLexer.process(
        content, escape: "\\", mode: ShellLexer.Mode(ignoresQuotes: true), values: variables,
        limit: DockerfileLimits.fileBytes
      ).text
    } catch {
      throw PlatformError.syntax(heredoc.position, "in here-document \(heredoc.name): \(error.message)")
    }
  }

  private func result(_ word: Word) throws -> ShellLexer.Result {
    // Most words hold nothing that means anything.
    if !word.text.utf8.contains(where: { $0 < 0x80 && "$'\"\\` \t\n\r\u{B}\u{C}<".utf8.contains($0) || $0 >= 0x80 }) {
      return ShellLexer.Result(text: word.text, words: word.text.isEmpty ? [] : [word.text])
    }
    do {
      return try ShellLexer.process(word.text, escape: escape, values: variables)
    } catch {
      throw PlatformError.syntax(word.position(at: error.offset), error.message)
    }
  }
}
