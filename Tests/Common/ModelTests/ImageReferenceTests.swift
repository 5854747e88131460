import Testing

@testable import Model

@Suite struct ImageReferenceTests {
  static let hex = String(repeating: "ab", count: 32)

  @Test(arguments: [
    ("debian", "docker.io/library/debian", "debian"),
    ("debian:bookworm", "docker.io/library/debian:bookworm", "debian:bookworm"),
    ("docker.io/debian", "docker.io/library/debian", "debian"),
    ("index.docker.io/library/debian:1", "docker.io/library/debian:1", "debian:1"),
    ("me/app", "docker.io/me/app", "me/app"),
    ("localhost/app", "localhost/app", "localhost/app"),
    ("localhost:5000/a/b:c", "localhost:5000/a/b:c", "localhost:5000/a/b:c"),
    ("[::1]:5000/a", "[::1]:5000/a", "[::1]:5000/a"),
    ("Example.com/a", "Example.com/a", "Example.com/a"),
    ("a__b/c-d--e.f", "docker.io/a__b/c-d--e.f", "a__b/c-d--e.f"),
    ("a:5000", "docker.io/library/a:5000", "a:5000"),
    ("a@sha256:\(hex)", "docker.io/library/a@sha256:\(hex)", "a@sha256:\(hex)"),
    ("a:t@sha256:\(hex)", "docker.io/library/a:t@sha256:\(hex)", "a:t@sha256:\(hex)"),
  ])
  func readsDockersForms(text: String, full: String, familiar: String) throws {
    let reference = try ImageReference(parsing: text)
    #expect(reference.description == full)
    #expect(reference.familiar == familiar)
    #expect(try ImageReference(parsing: full) == reference)
  }

  @Test(arguments: [
    "", ":", "a:", "Debian", "a//b", "/a", "a/", "-a", "a-", "a..b", "a___b", "a.-b", "a b", "a:b c", "a:-b", "a@",
    "a@sha256:12",
    "a@md5:\(hex)", "host:port/a", "-host.com/a", "host..com/a", "a:\u{1B}[31m", "ä", "\(hex)", "a\nb", "[zz]/a",
    "a:b:c",
  ])
  func refusesWhatIsNoName(text: String) {
    let error = #expect(throws: PlatformError.self) { try ImageReference(parsing: text) }
    #expect(error?.code == .invalidArgument)
    #expect(error?.message.unicodeScalars.allSatisfy { $0.value >= 0x20 } == true)
  }

  @Test func boundsItsParts() throws {
    #expect(throws: PlatformError.self) { try ImageReference(parsing: String(repeating: "a", count: 256)) }
    #expect(throws: PlatformError.self) { try ImageReference(parsing: "a:" + String(repeating: "t", count: 129)) }
    #expect(throws: PlatformError.self) { try ImageReference(parsing: String(repeating: "a/", count: 100_000)) }
    #expect(try ImageReference(parsing: "a:" + String(repeating: "t", count: 128)).tag?.count == 128)
  }

  @Test func defaultTagFillsIn() throws {
    #expect(try ImageReference(parsing: "a").withDefaultTag.familiar == "a:latest")
    #expect(try ImageReference(parsing: "a:b").withDefaultTag.familiar == "a:b")
    #expect(try ImageReference(parsing: "a@sha256:\(Self.hex)").withDefaultTag.tag == nil)
  }
}
