import Foundation
import LinuxSystem
import Logging
import Model
import NIOCore
import NIOHTTP1
import OCITypes
import RegistryDouble
import Synchronization
import Testing

@testable import RegistryClient

@Suite struct ManifestTests {
  private func fetch(
    _ bytes: [UInt8], _ headers: HTTPHeaders = [:], _ name: ManifestName = .tag("v1")
  ) async throws -> RemoteManifest {
    let server = try ScriptedServer { _, _ in .full(200, headers, bytes) }
    return try await Fixture.repository(server, attempts: 1).manifest(name)
  }

  @Test func `a manifest comes with type and digest`() async throws {
    let bytes = Fixture.manifest()
    let manifest = try await fetch(bytes, ["Content-Type": "application/vnd.oci.image.manifest.v1+json; charset=utf-8"])
    #expect(manifest.bytes == bytes)
    #expect(manifest.digest == Fixture.digest(bytes))
    #expect(try manifest.manifest().layers.count == 1)
  }

  @Test func `ATT-015 a manifest with another digest is refused`() async throws {
    let bytes = Fixture.manifest()
    let other = Fixture.digest([9])
    for (headers, name) in [
      (HTTPHeaders(), ManifestName.digest(other)), (["Docker-Content-Digest": other.description], .tag("v1")),
    ] {
      await #expect { try await fetch(bytes, headers, name) } throws: { ($0 as? RegistryFailure)?.kind == .badContent }
    }
  }

  @Test func `ATT-017 a manifest of 4 MiB and one byte is refused before it is parsed`() async throws {
    let padding = String(repeating: " ", count: (4 << 20) + 1 - Fixture.manifest().count)
    let bytes = Fixture.manifest() + Array(padding.utf8)
    await #expect { try await fetch(bytes) } throws: { ($0 as? RegistryFailure)?.kind == .badContent }
  }

  @Test func `ATT-017 an endless manifest is cut off`() async throws {
    let server = try ScriptedServer { _, _ in .endless(200, ["Transfer-Encoding": "chunked"]) }
    let repository = try Fixture.repository(server, attempts: 1)
    await #expect { try await repository.manifest(.tag("v1")) } throws: {
      ($0 as? RegistryFailure)?.kind == .badContent
    }
  }

  @Test(arguments: [
    "{\"schemaVersion\":1,\"fsLayers\":[]}", "{\"schemaVersion\":2,\"manifests\":[],\"layers\":[]}", "[]", "{", "",
    "{\"schemaVersion\":2,\"mediaType\":\"application/vnd.oci.image.index.v1+json\",\"layers\":[]}",
    "{\"schemaVersion\":2,\"mediaType\":\"text/html\"}",
  ])
  func `what is no manifest is refused`(text: String) async throws {
    await #expect(throws: RegistryFailure.self) { try await fetch(Array(text.utf8)) }
  }

  @Test func `ATT-018 a digest header of another form does not count as one`() async throws {
    let bytes = Fixture.manifest()
    let manifest = try await fetch(bytes, ["Docker-Content-Digest": "md5:../../etc"])
    #expect(manifest.digest == Fixture.digest(bytes))
  }

  @Test func `tags are read over several pages`() async throws {
    let server = try ScriptedServer { request, _ in
      request.target.contains("last=b")
        ? .full(200, [:], Array("{\"tags\":[\"c\"]}".utf8))
        : .full(
          200, ["Link": "</v2/team/app/tags/list?n=2&last=b>; rel=\"next\""], Array("{\"tags\":[\"a\",\"b\"]}".utf8))
    }
    #expect(try await Fixture.repository(server).tags() == ["a", "b", "c"])
  }

  @Test func `a list of pages that leads to another host ends there`() async throws {
    let server = try ScriptedServer { _, _ in
      .full(200, ["Link": "<http://localhost:1/v2/x>; rel=\"next\""], Array("{\"tags\":[\"a\"]}".utf8))
    }
    #expect(try await Fixture.repository(server).tags() == ["a"])
  }

  @Test func `referrers come from the fallback tag where the registry has no such list`() async throws {
    let subject = Fixture.digest([7])
    var descriptor = ContentDescriptor(mediaType: .ociManifest, digest: Fixture.digest([8]), size: 1)
    descriptor.artifactType = "application/x"
    let index = try ImageDocuments.encode(ImageIndex(manifests: [descriptor]))
    let server = try ScriptedServer { request, _ in
      request.target == "/v2/team/app/manifests/sha256-\(subject.hex)" ? .full(200, [:], index) : .full(404)
    }
    let repository = try Fixture.repository(server)
    #expect(try await repository.referrers(of: subject).map(\.digest) == [descriptor.digest])
    #expect(try await repository.referrers(of: subject, artifactType: "application/y").isEmpty)
  }
}

@Suite struct DownloadTests {
  private static let blob = (0..<100_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
  private var digest: Digest { Fixture.digest(Self.blob) }

  private func download(_ server: ScriptedServer, size: Int64? = Int64(blob.count), attempts: Int = 3) async throws
    -> [UInt8]
  {
    var bytes: [UInt8] = []
    try await Fixture.repository(server, attempts: attempts).download(digest, sizeBytes: size) {
      bytes.append(contentsOf: $0.readableBytesView)
    }
    return bytes
  }

  @Test func `a download goes on where its connection broke`() async throws {
    let blob = Self.blob
    let server = try ScriptedServer { request, _ in
      guard let range = request.headers.first(name: "Range"), let start = Int(range.dropFirst(6).dropLast()) else {
        return .cut(200, ["Content-Length": "\(blob.count)"], Array(blob[..<30_000]))
      }
      let headers: HTTPHeaders = ["Content-Range": "bytes \(start)-\(blob.count - 1)/\(blob.count)"]
      return start < 60_000
        ? .cut(206, headers, Array(blob[start..<(start + 20_000)])) : .full(206, headers, Array(blob[start...]))
    }
    #expect(try await download(server) == blob)
    let ranges = server.requests.compactMap { $0.headers.first(name: "Range") }
    #expect(ranges.count >= 2)
  }

  @Test func `where the registry has no ranges what was there is passed over`() async throws {
    let blob = Self.blob
    let server = try ScriptedServer { request, _ in
      request.headers.contains(name: "Range")
        ? .full(200, [:], blob) : .cut(200, ["Content-Length": "\(blob.count)"], Array(blob[..<30_000]))
    }
    #expect(try await download(server) == blob)
  }

  @Test func `a busy registry is asked again after the time that it names`() async throws {
    let blob = Self.blob
    let server = try ScriptedServer { request, index in
      request.target.contains("blobs") && index < 3 ? .full(429, ["Retry-After": "0"]) : .full(200, [:], blob)
    }
    #expect(try await download(server, attempts: 5) == blob)
  }

  @Test func `a registry that stays busy is given up`() async throws {
    let server = try ScriptedServer { request, _ in
      request.target.contains("blobs") ? .full(429, ["Retry-After": "0"]) : .full(200)
    }
    await #expect { try await download(server) } throws: { ($0 as? RegistryFailure)?.kind == .tooManyRequests }
    #expect(server.requests.filter { $0.target.contains("blobs") }.count == 3)
  }

  @Test func `ATT-015 other content is refused`() async throws {
    var other = Self.blob
    other[5] ^= 1
    let server = try ScriptedServer { [other] _, _ in .full(200, [:], other) }
    await #expect { try await download(server) } throws: { ($0 as? RegistryFailure)?.kind == .badContent }
  }

  @Test(arguments: [Int64(99_999), 100_001])
  func `ATT-016 another size is refused before a byte is taken`(size: Int64) async throws {
    let server = try ScriptedServer { _, _ in .full(200, [:], Self.blob) }
    await #expect { try await download(server, size: size) } throws: { ($0 as? RegistryFailure)?.kind == .badContent }
  }

  @Test func `ATT-016 an endless blob is cut off at its size`() async throws {
    let server = try ScriptedServer { request, _ in
      request.target.contains("blobs") ? .endless(200, ["Transfer-Encoding": "chunked"]) : .full(200)
    }
    let taken = Mutex(0)
    await #expect {
      try await Fixture.repository(server).download(digest, sizeBytes: 100_000) { piece in
        taken.withLock { $0 += piece.readableBytes }
      }
    } throws: {
      ($0 as? RegistryFailure)?.kind == .badContent
    }
    #expect(taken.withLock { $0 } <= 100_000)
  }

  @Test(arguments: [
    "file:///etc/passwd", "http://169.254.169.254/latest/meta-data", "http://[fe80::1]/", "gopher://127.0.0.1/",
    "http://localhost:1/", "//169.254.169.254/",
  ])
  func `ATT-022 a redirect inwards, to other schemes or to hosts that are not named is not followed`(location: String)
    async throws
  {
    let server = try ScriptedServer { request, _ in
      request.target.contains("blobs") ? .full(307, ["Location": location]) : .full(200)
    }
    await #expect { try await download(server) } throws: { ($0 as? RegistryFailure)?.kind == .unsafe }
  }

  /// The name server's second answer is loopback: the redirect is believed only of what answers there, too.
  @Test(arguments: [("127.0.0.1", true), ("127.0.0.2", false)])
  func `ATT-022 a name that means another address by now does not vouch for a redirect inwards`(
    address: String, isFollowed: Bool
  ) async throws {
    let inside = try ScriptedServer { _, _ in .full(200) }
    let server = try ScriptedServer { _, _ in .full(307, ["Location": "http://127.0.0.1:\(inside.port)/"]) }
    var settings = RegistrySettings()
    settings.insecure = ["127.0.0.1", "localhost"]
    let wire = Wire(
      settings: settings, executor: try BlockingExecutor(maxThreads: 4, name: "test"), logger: Logger(label: "test")
    ) { host throws(RegistryFailure) in
      try ResolvedHost.lookUp(host == "localhost" ? address : host)
    }
    defer { wire.close() }
    let host = try RegistryHost("localhost:\(server.port)")
    let response = try? await wire.send(WireRequest(.GET, host.base(.http)), for: host)
    await response?.drain()
    #expect(response?.status == (isFollowed ? 200 : nil))
    #expect(inside.requests.count == (isFollowed ? 1 : 0))
    #expect(server.requests.count == (isFollowed ? 2 : 1))
  }

  @Test func `redirects in a circle end`() async throws {
    let server = try ScriptedServer { request, _ in .full(302, ["Location": request.target + "x"]) }
    await #expect { try await download(server) } throws: { ($0 as? RegistryFailure)?.kind == .unsafe }
  }

  @Test func `what the taker throws comes out as it is`() async throws {
    struct Full: Error {}
    let server = try ScriptedServer { _, _ in .full(200, [:], Self.blob) }
    await #expect(throws: Full.self) {
      try await Fixture.repository(server).download(digest, sizeBytes: nil) { _ in throw Full() }
    }
  }
}

@Suite struct UploadTests {
  private static let blob = (0..<50_000).map { UInt8(truncatingIfNeeded: $0 &* 17) }
  private var digest: Digest { Fixture.digest(Self.blob) }

  private func upload(_ server: ScriptedServer, chunk: Int64? = nil, from: String? = nil) async throws -> BlobArrival {
    try await Fixture.repository(server).upload(
      digest, sizeBytes: Int64(Self.blob.count), mountFrom: from, chunkBytes: chunk
    ) { offset in MemoryPieces(Self.blob[Int(offset)...]) }
  }

  @Test func `a blob goes in one request`() async throws {
    let server = try ScriptedServer { request, _ in
      request.method == .POST ? .full(202, ["Location": "/v2/team/app/blobs/uploads/1?state=x"]) : .full(201)
    }
    #expect(try await upload(server) == .uploaded)
    let put = try #require(server.requests.last)
    #expect(put.body == Self.blob)
    #expect(put.target == "/v2/team/app/blobs/uploads/1?state=x&digest=sha256%3A\(digest.hex)")
  }

  @Test func `a blob goes in chunks`() async throws {
    let server = try ScriptedServer { request, _ in
      switch request.method {
      case .POST: .full(202, ["Location": "/u/0"])
      case .PATCH: .full(202, ["Location": "/u/next"])
      default: .full(request.method == .PUT ? 201 : 200)
      }
    }
    #expect(try await upload(server, chunk: 20_000) == .uploaded)
    let chunks = server.requests.filter { $0.method == .PATCH }
    #expect(chunks.map { $0.headers.first(name: "Content-Range") } == ["0-19999", "20000-39999", "40000-49999"])
    #expect(chunks.flatMap(\.body) == Self.blob)
  }

  @Test func `an upload that broke goes on where the registry says`() async throws {
    let server = try ScriptedServer { request, index in
      switch request.method {
      case .POST: .full(202, ["Location": "/u/1"])
      case .PUT where request.body.count == Self.blob.count: .full(503)
      case .GET where request.target == "/u/1": .full(204, ["Location": "/u/2", "Range": "0-29999"])
      case .PATCH: .full(202, ["Location": "/u/3"])
      default: .full(request.method == .PUT ? 201 : 200)
      }
    }
    #expect(try await upload(server) == .uploaded)
    let patch = try #require(server.requests.first { $0.method == .PATCH })
    #expect(patch.headers.first(name: "Content-Range") == "30000-49999")
    #expect(patch.body == Array(Self.blob[30_000...]))
  }

  @Test func `a registry that has the blob elsewhere takes it from there`() async throws {
    let server = try ScriptedServer { request, _ in .full(request.method == .POST ? 201 : 200) }
    #expect(try await upload(server, from: "team/base") == .mounted)
    #expect(server.requests.last?.target == "/v2/team/app/blobs/uploads/?mount=\(digest)&from=team/base")
  }

  @Test func `ATT-022 an upload is not sent to another host`() async throws {
    let server = try ScriptedServer { request, _ in
      request.method == .POST ? .full(202, ["Location": "http://localhost:1/u"]) : .full(200)
    }
    await #expect { try await upload(server) } throws: { ($0 as? RegistryFailure)?.kind == .unsafe }
  }

  @Test func `a redirect of an upload is not followed`() async throws {
    let server = try ScriptedServer { request, _ in
      request.method == .POST ? .full(307, ["Location": "/elsewhere"]) : .full(200)
    }
    await #expect { try await upload(server) } throws: { ($0 as? RegistryFailure)?.kind == .unsafe }
  }

  @Test func `a stream whose digest is known at its end is sent as it comes, anew after a failure`() async throws {
    let failures = Mutex(1)
    let server = try ScriptedServer { request, _ in
      switch request.method {
      case .POST: return .full(202, ["Location": "/u/1"])
      case .PATCH:
        let fails = failures.withLock { left in
          left -= 1
          return left >= 0
        }
        return fails ? .full(500) : .full(202, ["Location": "/u/2"])
      default: return .full(request.method == .PUT ? 201 : 200)
      }
    }
    let digest = digest
    try await Fixture.repository(server).uploadStream(pieces: { MemoryPieces(Self.blob) }, digest: { digest })
    let patches = server.requests.filter { $0.method == .PATCH }
    #expect(patches.map(\.body) == [Self.blob, Self.blob])
    #expect(server.requests.last?.target == "/u/2?digest=sha256%3A\(digest.hex)")
  }
}

@Suite struct SettingsTests {
  @Test func `waiting times grow, have a bound and some chance`() {
    let schedule = RetrySchedule()
    #expect(schedule.delay(after: 1, jitter: 1) == 0.5)
    #expect(schedule.delay(after: 2, jitter: 0) == 0.5)
    #expect(schedule.delay(after: 5, jitter: 1) == 8)
    #expect(schedule.delay(after: 6) == nil)
    #expect(schedule.delay(after: 1, wish: 3) == 3)
    #expect(schedule.delay(after: 1, wish: 1e9) == 60)
  }

  @Test(arguments: [
    (
      RegistryMirror(prefix: "docker.io", replacement: "m.test/hub"), "docker.io/library/debian",
      "m.test/hub/library/debian"
    ),
    (RegistryMirror(prefix: "docker.io/library", replacement: "m.test"), "docker.io/library/debian", "m.test/debian"),
    (RegistryMirror(prefix: "docker.io/lib", replacement: "m.test"), "docker.io/library/debian", nil),
    (RegistryMirror(prefix: "ghcr.io", replacement: "m.test"), "docker.io/library/debian", nil),
  ])
  func `a mirror rewrites names below its prefix`(mirror: RegistryMirror, name: String, expected: String?) {
    #expect(mirror.rewrite(name) == expected)
  }

  @Test func `mirrors come before the registry and get no credentials`() throws {
    let client = try Fixture.client {
      $0.mirrors = [
        .init(prefix: "docker.io", replacement: "one.test"),
        .init(prefix: "docker.io/a", replacement: "two.test", fallsBack: false),
      ]
    }
    let host = try RegistryHost("docker.io")
    let credentials = RegistryCredentials.password(user: "u", password: "p")
    #expect(try client.sources(host, "b/c", credentials: credentials).map(\.name) == ["one.test/b/c", "docker.io/b/c"])
    #expect(try client.sources(host, "a/c", credentials: credentials).map(\.name) == ["one.test/a/c", "two.test/c"])
  }

  @Test(arguments: [
    ("r.test", "r.test", true), ("*.r.test", "a.r.test", true), ("*.r.test", "r.test", false),
    ("r.test:1", "r.test", false),
  ])
  func `a pattern names hosts`(pattern: String, host: String, matches: Bool) {
    #expect(RegistrySettings.matches(pattern, host) == matches)
  }
}
