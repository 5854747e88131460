import Dockerfile
import LinuxSystem
import Model
import Testing

@testable import Builder

@Suite struct RemoteFilesTests {
  @Test(
    arguments: [
      ("http://a.test/x/y.tar?z=/q#f", "y.tar"), ("https://a.test/%61%2fb", "b"), ("https://a.test/", nil),
      ("https://a.test", nil), ("https://a.test/x/..", nil), ("https://a.test/%2e", nil), ("https://a.test/a%00b", nil),
      ("https://a.test/a%0ab", nil), ("https://a.test/%ff", nil), ("https://a.test/50%", "50%"),
    ] as [(String, String?)])
  func names(address: String, name: String?) { #expect(RemoteFiles.name(address) == name) }

  @Test(arguments: [
    ("git@a.test:x", true), ("git://a.test/x", true), ("ssh://a.test/x", true), ("https://a.test/x.git", true),
    ("https://a.test/x.git#main:sub", true), ("https://a.test/x.git?y", true), ("https://a.test/x?y=.git", false),
    ("x.git", false), ("https://a.test/x", false),
  ])
  func repositories(text: String, isOne: Bool) { #expect(RemoteFiles.isRepository(text) == isOne) }

  @Test(
    arguments: [
      ("Sat, 03 Feb 2001 04:05:06 GMT", 981_173_106), ("yesterday", 0), ("Sat, 03 Feb 1901 04:05:06 GMT", 0), (nil, 0),
    ] as [(String?, Int64)])
  func times(text: String?, seconds: Int64) { #expect(RemoteFiles.modified(text).seconds == seconds) }

  @Test(arguments: ["sha256:12", "md5:d41d8cd98f00b204e9800998ecf8427e", "", "sha256:../x"])
  func checksums(text: String) {
    let place = SourcePosition(file: "Dockerfile", line: 2, column: 5)
    #expect {
      try RemoteFiles.digest(Word(text, at: place))
    } throws: { ($0 as? PlatformError)?.message.contains("Dockerfile:2:5: invalid checksum") == true }
  }
}

@Suite struct StepLockTests {
  @Test func whoIsCancelledDoesNotWaitAndHoldsNothing() async throws {
    let lock = StepLock()
    try await lock.acquire()
    let waiting = Task { try await lock.acquire() }
    waiting.cancel()
    await #expect(throws: CancellationError.self) { try await waiting.value }
    lock.release()
    // Free again, and to be had by another.
    try await lock.acquire()
    let next = Task { try await lock.acquire() }
    lock.release()
    try await next.value
  }
}
