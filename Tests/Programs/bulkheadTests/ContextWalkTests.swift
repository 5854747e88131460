import Dockerfile
import Foundation
import Testing

@testable import bulkhead

/// A folder to build from, and a cache beside it, both gone after the test.
private final class ContextFolder {
  let path = "/tmp/walk-test-\(UInt64.random(in: .min ... .max))"

  init(_ files: [(String, String)]) throws {
    for (name, text) in files {
      let file = URL(fileURLWithPath: "\(path)/context/\(name)")
      try FileManager.default.createDirectory(at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
      try Data(text.utf8).write(to: file)
    }
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  func walk(_ patterns: [String] = []) throws -> ContextWalk {
    let directory = open("\(path)/context", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    var walk = ContextWalk(directory, matcher: try PatternMatcher(patterns), cache: cache())
    try walk.read()
    return walk
  }

  func cache() -> DigestCache {
    DigestCache(context: "\(path)/context") { $0 == "XDG_CACHE_HOME" ? "\(self.path)/cache" : nil }
  }

  /// Makes a file look as if it had not been touched lately, so that its digest may be kept.
  func settle(_ name: String) throws {
    try FileManager.default.setAttributes(
      [.modificationDate: Date(timeIntervalSince1970: 1_600_000_000)], ofItemAtPath: "\(path)/context/\(name)")
  }
}

@Suite struct ContextWalkTests {
  private static func paths(_ walk: ContextWalk) -> [String] {
    String(decoding: walk.list, as: UTF8.self).split(separator: "\0").dropFirst()
      .map { record in String(record.split(separator: " ").last ?? "") }
  }

  private static func reading() throws(ClientError) -> [UInt8] { throw ClientError("read again") }

  @Test func foldersAreWalkedInOrder() throws {
    let folder = try ContextFolder([("a.txt", "1"), ("a/x", "2"), ("a/sub/y", "3"), ("b", "1")])
    symlink("a/x", "\(folder.path)/context/link")
    mkfifo("\(folder.path)/context/pipe", 0o600)
    let walk = try folder.walk()
    #expect(Self.paths(walk) == ["a", "a/sub", "a/sub/y", "a/x", "a.txt", "b", "link", "a/x"])
    #expect(walk.sources.count == 3 && walk.id.hasPrefix("sha256:"))
    let one = SHA256Text.hex(Array("1".utf8))
    let file = try walk.open(one)
    defer { close(file) }
    #expect(try readPiece(file, upTo: 10) == Array("1".utf8))
    #expect(throws: ClientError.self) { try walk.open("00") }
  }

  @Test func ignoredFilesAreLeftOut() throws {
    let folder = try ContextFolder([("keep", "1"), ("drop/x", "2"), ("drop/deep/kept", "3"), ("drop/other/y", "4")])
    #expect(Self.paths(try folder.walk(["drop"])) == ["keep"])
    // Folders that something kept lies in are listed, others are not.
    #expect(
      Self.paths(try folder.walk(["drop", "!drop/deep/kept"])) == ["drop", "drop/deep", "drop/deep/kept", "keep"])
  }

  @Test func onlyFilesThatChangedAreReadAgain() throws {
    let folder = try ContextFolder([("a", "one"), ("b", "two")])
    let first = try folder.walk()
    // Just written: nothing is trusted yet, and the list is the same all the same.
    #expect(try folder.walk().id == first.id)
    var status = stat()
    lstat("\(folder.path)/context/a", &status)
    let later = UInt64(status.st_ctim.tv_sec) * 1_000_000_000 + 10_000_000_000
    var cache = folder.cache()
    #expect(try cache.digest(of: [97], status, now: later) { [UInt8](repeating: 7, count: 32) }.first == 7)
    cache.save()
    var again = folder.cache()
    let known = try again.digest(of: [97], status, now: later, Self.reading)
    #expect(known.first == 7)
    status.st_size += 1
    var changed = folder.cache()
    #expect(throws: ClientError.self) {
      try changed.digest(of: [97], status, now: later, Self.reading)
    }
  }

  @Test func aFileThatMayStillChangeIsNotTrusted() throws {
    let folder = try ContextFolder([("a", "one")])
    var status = stat()
    lstat("\(folder.path)/context/a", &status)
    let now = UInt64(status.st_ctim.tv_sec) * 1_000_000_000 + UInt64(status.st_ctim.tv_nsec)
    var cache = folder.cache()
    _ = try cache.digest(of: [97], status, now: now) { [UInt8](repeating: 7, count: 32) }
    cache.save()
    var again = folder.cache()
    #expect(throws: ClientError.self) {
      try again.digest(of: [97], status, now: now, Self.reading)
    }
  }

  @Test(arguments: ["", "bulkhead digests 1\n", "bulkhead digests 1\n" + String(repeating: "x", count: 70), "garbage"])
  func brokenCachesAreNotTrusted(text: String) throws {
    let folder = try ContextFolder([("a", "one")])
    let expected = try folder.walk().id
    let caches = "\(folder.path)/cache/bulkhead/contexts"
    try FileManager.default.createDirectory(atPath: caches, withIntermediateDirectories: true)
    let path = "\(caches)/\(SHA256Text.hex(Array("\(folder.path)/context".utf8)))"
    try Data(text.utf8).write(to: URL(fileURLWithPath: path))
    #expect(try folder.walk().id == expected)
  }
}
