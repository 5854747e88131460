import Model
import Testing

@testable import Dockerfile

/// Foreign text by the thousand, the same each time: nothing traps, every refusal is one of ours and has a place.
@Suite struct DockerfileFuzzTests {
  private struct Generator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      var mixed = state
      mixed ^= mixed >> 33
      mixed = mixed &* 0xff51_afd7_ed55_8ccd
      return mixed ^ (mixed >> 33)
    }
  }

  private static let pieces =
    Keyword.allCases.map { $0.rawValue + " " } + [
      "--from=a ", "--mount=type=cache,target=/x ", "--mount=", "--link", "=", "\"", "'", "\\", "\\\n", "\n", "#",
      "# escape=`\n",
      "`", "[", "]", "[\"a\"]", ",", "<<", "<<EOF", "<<-'E'", "\nEOF\n", "\nE\n", "$", "${a", "${a:-b}", "${a/b/c}",
      "}", "a", "/x ",
      " ", "\t", "\r\n", "AS b", "é", "\u{301}", "\u{1F600}", "\0", "type=secret", "NONE", "CMD", "*", "**", "!",
      "[a-z]",
    ]

  @Test func noTextTraps() throws {
    var random = Generator(state: 42)
    var parsed = 0
    for round in 0..<6_000 {
      var text = round.isMultiple(of: 3) ? "" : "FROM a\n"
      for _ in 0..<Int.random(in: 1...14, using: &random) { text += Self.pieces.randomElement(using: &random) ?? "" }
      do {
        let file = try DockerfileParser.parse(Array(text.utf8))
        parsed += 1
        let expansion = WordExpansion(escape: file.directives.escape, variables: ["a": "v w"])
        for instruction in file.stages.flatMap(\.instructions) {
          if case .run(let run) = instruction.kind { _ = try run.resolvedMounts(expansion) }
          _ = try instruction.expanded(expansion)
        }
      } catch let error as PlatformError {
        #expect([.invalidArgument, .resourceExhausted].contains(error.code))
        #expect(error.message.hasPrefix("Dockerfile:"), "\(text.debugDescription): \(error.message)")
      }
    }
    #expect(parsed > 100)
  }

  @Test func noBytesTrap() {
    var random = Generator(state: 7)
    for _ in 0..<2_000 {
      let bytes = (0..<Int.random(in: 0...80, using: &random)).map { _ in UInt8.random(in: 0...255, using: &random) }
      #expect(throws: PlatformError.self) { try DockerfileParser.parse(bytes) }
    }
  }

  /// The matcher agrees with a plain recursive reading of the same rules.
  @Test func patternsMatchAsReadOneByOne() throws {
    var random = Generator(state: 99)
    let letters = ["a", "b", "/", "*", "**", "?", "**/", ".", "a"]
    var matches = 0
    for _ in 0..<6_000 {
      let pattern = CleanPath.clean(
        (0..<Int.random(in: 1...6, using: &random)).map { _ in letters.randomElement(using: &random) ?? "" }.joined())
      let path = CleanPath.clean(
        (0..<Int.random(in: 1...6, using: &random)).map { _ in ["a", "b", "/", "."].randomElement(using: &random) ?? ""
        }.joined())
      guard !pattern.hasPrefix("/"), !path.hasPrefix("/"), pattern != ".", !pattern.contains("***") else { continue }
      let own = try PathPattern(pattern, file: "f").matches(path)
      #expect(own == Self.reads(pattern, path), "\(pattern) \(path)")
      if own { matches += 1 }
    }
    #expect(matches > 100)
  }

  private static func reads(_ pattern: String, _ path: String) -> Bool {
    // What stands behind a leading `**` without a wildcard is a suffix, even of a name.
    let tail = pattern.dropFirst(2)
    if pattern.hasPrefix("**"), !tail.isEmpty, !tail.contains("*"), !tail.contains("?") {
      return path.hasSuffix(tail) || (tail.first == "/" && path == tail.dropFirst())
    }
    return reads(Array(pattern)[...], Array(path)[...])
  }

  private static func reads(_ pattern: ArraySlice<Character>, _ path: ArraySlice<Character>) -> Bool {
    guard let first = pattern.first else { return path.isEmpty }
    let rest = pattern.dropFirst()
    if first == "*", rest.first == "*" {
      var behind = rest.dropFirst()
      if behind.first == "/" { behind = behind.dropFirst() }
      if behind.isEmpty { return true }
      if reads(behind, path) { return true }
      return path.indices.contains { path[$0] == "/" && reads(behind, path[($0 + 1)...]) }
    }
    if first == "*" {
      if reads(rest, path) { return true }
      return path.first.map { $0 != "/" && reads(pattern, path.dropFirst()) } ?? false
    }
    guard let character = path.first else { return false }
    return (first == "?" ? character != "/" : first == character) && reads(rest, path.dropFirst())
  }
}
