import ContentStore
import HTTPServing
import Model
import Testing

@testable import RegistryAPI

@Suite struct HotAnswerTests {
  @Test func whatIsInMemoryIsAnsweredAtOnceAndOnlyWhileItIsTrue() async throws {
    try await APIFixture.with { fixture in
      func ask(_ target: String, as caller: String = "team", _ headers: HTTPHeaders = [:], method: HTTPMethod = .GET)
        -> HTTPResponse?
      {
        var headers = headers
        headers.add(name: "Authorization", value: "Test \(caller)")
        return fixture.api.respondAtOnce(
          to: HTTPRequest(
            method: method, rawPath: target, path: target.split(separator: "/").map(String.init),
            query: QueryParameters(), headers: headers, peer: nil, body: RequestBody(), isUpgrade: false))
      }
      try await fixture.push("one", "v1")
      let manifest = "/v2/team/app/manifests/v1"
      let blob = "/v2/team/app/blobs/\(ContentHasher.digest(of: Array("one".utf8)))"
      #expect(ask(manifest) == nil)
      for target in [manifest, blob] {
        let slow = try await fixture.send("GET", target)
        let fast = try #require(ask(target))
        #expect(fast.status == .ok)
        guard case .bytes(let bytes) = fast.body else {
          Issue.record("no bytes")
          continue
        }
        #expect(bytes == slow.body)
        #expect(ask(target, as: "other") == nil)
        #expect(ask(target, as: "wrong") == nil)
        #expect(ask(target, ["Range": "bytes=0-1"]) == nil)
        let tag = try #require(fast.headers["ETag"].first)
        #expect(ask(target, ["If-None-Match": tag])?.status == .notModified)
      }
      #expect(ask(manifest, method: .HEAD)?.status == .ok)
      // A blob that a push asks for is kept for it, which takes the disk.
      #expect(ask(blob, method: .HEAD) == nil)
      try await fixture.push("two", "v1")
      #expect(ask(manifest) == nil)
      #expect(ask(blob) == nil)
    }
  }

  @Test(
    arguments: [
      (nil, ByteRange.Request.all), ("bytes=0-0", .part(0..<1)), ("bytes=5-", .part(5..<10)),
      ("bytes=-3", .part(7..<10)),
      ("bytes=-30", .part(0..<10)), ("bytes=9-100", .part(9..<10)), ("bytes=10-", .unsatisfiable),
      ("bytes=-0", .unsatisfiable),
      ("bytes=5-4", .all), ("bytes=0-1,3-4", .all), ("items=0-1", .all), ("bytes=", .all), ("bytes=-", .all),
      ("bytes=99999999999999999999-", .all), ("bytes=a-b", .all),
    ] as [(String?, ByteRange.Request)])
  func ranges(header: String?, expected: ByteRange.Request) {
    #expect(ByteRange.request(header, sizeBytes: 10) == expected)
  }

  @Test(
    arguments: [
      ("0-9", 0..<10), ("bytes 5-9/10", 5..<10), ("9-5", nil), ("-5", nil), ("5-", nil), ("", nil), ("a-b", nil),
      ("0-99999999999999999999", nil),
    ] as [(String, Range<Int64>?)])
  func pieces(header: String, expected: Range<Int64>?) {
    #expect(ByteRange.piece(header) == expected)
  }
}
