import Model
import Testing

@testable import Registry

@Suite struct RepositoryNameTests {
  @Test(arguments: ["a", "team/app", "team/app/web", "a.b/c_d/e__f/g---h", "0/1", String(repeating: "a", count: 255)])
  func good(text: String) throws {
    let name = try RepositoryName(parsing: text)
    #expect(name.description == text)
    #expect(name.project == text.split(separator: "/")[0])
  }

  @Test(arguments: [
    "", "/", "a/", "/a", "a//b", "A", "a/_manifests", "_a", "a/../b", "..", ".", "a.", "a..b", "a___b", "-a", "a b",
    "ä",
    "a\u{0}", "a:b", String(repeating: "a", count: 256),
  ])
  func bad(text: String) {
    let error = #expect(throws: RegistryError.self) { try RepositoryName(parsing: text) }
    #expect(error?.code == .nameInvalid)
  }

  @Test(
    "ATT-018: digests that are not sha256 and 64 digits, or sha512 and 128, are refused and lead to no path",
    arguments: [
      "sha256:../../x", "sha256:" + String(repeating: "a", count: 63), "sha256:" + String(repeating: "A", count: 64),
      "md5:d41d8cd98f00b204e9800998ecf8427e", "sha512:" + String(repeating: "a", count: 64),
      "sha384:" + String(repeating: "a", count: 96),
      "sha256:" + String(repeating: "a", count: 128), ":", "sha256:",
    ])
  func badDigests(text: String) {
    let error = #expect(throws: RegistryError.self) { try ManifestReference(parsing: text) }
    #expect(error?.code == .digestInvalid)
  }

  @Test(arguments: ["", ".", "-a", ".a", "a/b", "a b", String(repeating: "t", count: 129), "é"])
  func badTags(text: String) {
    let error = #expect(throws: RegistryError.self) { try ManifestReference(parsing: text) }
    #expect(error?.code == .tagInvalid)
  }

  @Test func goodTagsAreTags() throws {
    for tag in ["latest", "v1.0", "_x", "A-b.c", String(repeating: "t", count: 128)] {
      #expect(try ManifestReference(parsing: tag) == .tag(tag))
    }
  }

  @Test(arguments: [
    ("*", "", true), ("*", "abc", true), ("a*c", "abbc", true), ("a*c", "abb", false), ("?", "a", true),
    ("?", "", false),
    ("v*.*", "v1.2", true), ("v*.*", "v12", false), ("a**b", "ab", true), ("abc", "abcd", false), ("", "a", false),
    ("*a*a*a*a*b", String(repeating: "a", count: 256), false),
  ])
  func patterns(pattern: String, text: String, matches: Bool) {
    #expect(GlobPattern.matches(pattern, text) == matches)
  }
}
