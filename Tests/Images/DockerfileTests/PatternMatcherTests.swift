import Model
import Testing

@testable import Dockerfile

@Suite struct PatternMatcherTests {
  /// Pattern, path, whether it is excluded.
  @Test(arguments: [
    ("a", "a", true), ("a", "ab", false), ("a", "a/b", true), ("a", "x/a", false), ("*.go", "a.go", true),
    ("*.go", "x/a.go", false), ("**/*.go", "x/y/a.go", true), ("**/*.go", "a.go", true), ("*", "a/b", true),
    ("*/b", "a/b", true), ("*/b", "b", false), ("a?c", "abc", true), ("a?c", "a/c", false), ("a/**", "a", false),
    ("a/**", "a/b/c", true), ("**", "x", true), ("**/a", "a", true), ("**/a", "x/y/a", true), ("**/a", "xa", false),
    ("**a", "xa", true), ("a/**/b", "a/b", true), ("a/**/b", "a/x/y/b", true), ("a/**/b", "a/xb", false),
    ("**/**/x", "p/x", true), ("[a-c]x", "bx", true), ("[a-c]x", "dx", false), ("[^a]x", "bx", true),
    ("[^a]x", "ax", false), ("\\*", "*", true), ("\\*", "x", false), ("a.b", "axb", false), ("a+", "a+", true),
    ("./a/", "a", true), ("/a", "a", true), ("a/../b", "b", true), ("dir", "dir/x/y", true), ("é?", "éa", true),
    ("a\u{301}", "\u{E1}", false),
  ])
  func patternsMatch(pattern: String, path: String, isExcluded: Bool) throws {
    let matcher = try PatternMatcher(IgnoreFile.parse(Array(pattern.utf8)))
    #expect(matcher.excludes(path) == isExcluded)
  }

  @Test(arguments: [
    ("*\n!keep", "keep", false), ("*\n!keep", "other", true), ("*\n!d/keep", "d/keep", false),
    ("*\n!d/keep", "d/x", true), ("d\n!d/k*\nd/kx", "d/kx", true), ("d\n!d/k*\nd/kx", "d/ky", false),
    ("!a\na", "a", true), ("# a\na", "a", true), (" a ", "a", true), ("*\n!d", "d/x/y", false),
    ("**/x\n!a/x", "a/x", false), ("**/x\n!a/x", "b/x", true), ("*.md\n!README*.md\nREADME-s.md", "README-s.md", true),
    ("\u{FEFF}a", "a", true), ("a\r\nb\r\n", "b", true),
  ])
  func laterPatternsWin(file: String, path: String, isExcluded: Bool) throws {
    let matcher = try PatternMatcher(IgnoreFile.parse(Array(file.utf8)))
    #expect(matcher.excludes(path) == isExcluded)
    #expect(matcher.hasExceptions == file.contains("!"))
  }

  @Test(arguments: ["!", "[", "[]", "[a", "[a-", "a\\", "[-a]", "[b-a]", "[^]", "! "])
  func malformedPatternsAreRefused(pattern: String) {
    let error = #expect(throws: PlatformError.self) { try PatternMatcher(IgnoreFile.parse(Array(pattern.utf8))) }
    #expect(error?.code == .invalidArgument && error?.message.hasPrefix(".dockerignore: ") == true)
  }

  @Test func boundsHold() throws {
    let many = String(repeating: "a\n", count: DockerfileLimits.ignorePatterns + 1)
    let error = #expect(throws: PlatformError.self) { try IgnoreFile.parse(Array(many.utf8)) }
    #expect(error?.code == .resourceExhausted)
    let matcher = try PatternMatcher([String(repeating: "*a", count: 500) + "b"])
    #expect(!matcher.excludes(String(repeating: "a", count: 4_000)))
  }

  @Test func theFilesOwnIgnoreFileComesFirst() {
    #expect(IgnoreFile.candidates(for: "sub/app.Dockerfile") == ["sub/app.Dockerfile.dockerignore", ".dockerignore"])
  }

  @Test(arguments: [
    ("", "."), ("a//b/./c", "a/b/c"), ("../a", "../a"), ("/../a", "/a"), ("a/..", "."), ("a/../../b", "../b"),
    ("/", "/"),
    ("a/\u{301}b", "a/\u{301}b"),
  ])
  func pathsAreMadeClean(path: String, expected: String) {
    #expect(CleanPath.clean(path) == expected)
  }
}
