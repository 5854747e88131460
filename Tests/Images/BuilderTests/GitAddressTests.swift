import Dockerfile
import Model
import Testing

@testable import Builder

@Suite struct GitAddressTests {
  @Test(arguments: [
    ("https://h.test/x.git", "HEAD", ""), ("https://h.test/x.git#", "HEAD", ""),
    ("https://h.test/x.git#main", "main", ""),
    ("http://h.test/x.git#:a/b", "HEAD", "a/b"),
    ("https://h.test/x.git#refs/heads/a-b:./a//b/", "refs/heads/a-b", "a/b"),
    ("https://h.test/x.git#v1.0:/a", "v1.0", "a"),
  ])
  func `addresses have a reference and a folder`(text: String, reference: String, folder: String) throws {
    let address = try GitAddress(parsing: text)
    #expect(address.repository == String(text.prefix { $0 != "#" }))
    #expect(address.reference == reference && address.folder == folder && !address.isCommit)
  }

  @Test(arguments: [
    "--upload-pack=x", "+main", "a..b", "a b", "a~1", "a^", "a?", "a*", "[a]", "a\\b", "a@{1}", "/a", "a/", "a//b",
    ".a", "a.lock",
    "a\u{7f}", "a\n", String(repeating: "a", count: 256),
  ])
  func `references that git could take for something else are refused`(reference: String) {
    #expect {
      try GitAddress(parsing: "https://h.test/x.git#\(reference)")
    } throws: { ($0 as? PlatformError)?.code == .invalidArgument }
  }

  @Test(arguments: ["git@h.test:x", "git://h.test/x.git", "ssh://git@h.test/x.git", "file:///x.git", "ext::sh -c x"])
  func `other schemes are not spoken`(text: String) {
    #expect { try GitAddress(parsing: text) } throws: { ($0 as? PlatformError)?.code == .notImplemented }
  }

  private static let commit = String(repeating: "0123456789", count: 4)

  @Test func `a whole commit id is known as one`() throws {
    #expect(try GitAddress(parsing: "https://h.test/x.git#\(Self.commit)").isCommit)
    #expect(try !GitAddress(parsing: "https://h.test/x.git#\(Self.commit.dropLast())").isCommit)
  }

  @Test(
    arguments: [
      ("0123456", nil), (commit, nil), ("012345", "expected a commit's id"), ("0123457", "checksum mismatch"),
      ("sha256:00", "expected a commit's id"), ("01234567G", "expected a commit's id"), ("", "expected a commit's id"),
    ] as [(String, String?)])
  func `a checksum is a commit's beginning`(text: String, message: String?) {
    let word = Word(text, at: SourcePosition(file: "Dockerfile", line: 1, column: 1))
    guard let message else {
      #expect(throws: Never.self) { try GitAddress.check(Self.commit, against: word) }
      return
    }
    #expect {
      try GitAddress.check(Self.commit, against: word)
    } throws: { ($0 as? PlatformError)?.message.contains(message) == true }
  }
}
