import ContentStore
import HTTPServing
import LinuxSystem
import Model
import OCITypes
import Registry
import Testing

@testable import RegistryAPI

@Suite struct AttackTests {
  @Test("ATT-015: content that has another digest is refused and not kept")
  func wrongDigest() async throws {
    try await APIFixture.with { fixture in
      let wrong = ContentHasher.digest(of: [1])
      let start = try await fixture.send("POST", "/v2/team/app/blobs/uploads/")
      let location = try #require(start["Location"])
      let blob = try await fixture.send("PUT", "\(location)?digest=\(wrong)", body: [1, 2, 3])
      #expect((blob.status, blob.code) == (400, "DIGEST_INVALID"))
      let whole = try await fixture.send("POST", "/v2/team/app/blobs/uploads/?digest=\(wrong)", body: [1, 2, 3])
      #expect((whole.status, whole.code) == (400, "DIGEST_INVALID"))
      #expect(try await fixture.send("GET", "/v2/team/app/blobs/\(wrong)").status == 404)
      #expect(try fixture.registry.content.list().isEmpty)
      #expect(try FileSystem.list(fixture.path + "/uploads").isEmpty)
    }
  }

  @Test("ATT-016: a manifest with a wrong size is refused", arguments: [Int64(2), 4, -1])
  func wrongSize(size: Int64) async throws {
    try await APIFixture.with { fixture in
      let blobs = [Array("{}".utf8), Array("one".utf8)]
      for bytes in blobs { _ = try await fixture.blob(bytes) }
      let answer = try await fixture.put(try APIFixture.manifest(blobs) { $0.layers[0].size = size }, "v1")
      #expect((answer.status, answer.code) == (400, "MANIFEST_INVALID"))
    }
  }

  @Test("ATT-017: huge manifests are refused before they are parsed")
  func hugeManifests() async throws {
    try await APIFixture.with { fixture in
      let long = Array(#"{"a":""#.utf8) + [UInt8](repeating: 97, count: 4 << 20) + Array(#""}"#.utf8)
      let tooLong = try await fixture.put(long, "v1")
      #expect(tooLong.status == 413)
      let entry = #"{"digest":"x"}"#
      let many = #"{"manifests":["# + Array(repeating: entry, count: 100_000).joined(separator: ",") + "]}"
      let tooMany = try await fixture.put(Array(many.utf8), "v1", type: .ociIndex)
      #expect(tooMany.status == 400)
      let deep = String(repeating: "[", count: 100_000)
      let tooDeep = try await fixture.put(Array(deep.utf8), "v1")
      #expect(tooDeep.status == 400)
      let annotations = #"{"annotations":{"a":""# + String(repeating: "a", count: 10 << 20) + #""}}"#
      let tooNoted = try await fixture.put(Array(annotations.utf8), "v1")
      #expect(tooNoted.status == 413)
    }
  }

  @Test(
    "ATT-018: unsafe digests are refused",
    arguments: [
      "sha256:..%2F..%2Fx", "sha256:../../x", "md5:d41d8cd98f00b204e9800998ecf8427e",
      "sha256:" + String(repeating: "a", count: 63), "sha256:" + String(repeating: "A", count: 64),
      "sha512:" + String(repeating: "a", count: 127), "sha512:..%2F..%2Fx",
      "sha256:" + String(repeating: "a", count: 128),
    ])
  func unsafeDigests(text: String) async throws {
    try await APIFixture.with { fixture in
      for target in ["blobs/\(text)", "referrers/\(text)"] where !text.contains("../") {
        let answer = try await fixture.send("GET", "/v2/team/app/\(target)")
        #expect((answer.status, answer.code) == (400, "DIGEST_INVALID"))
      }
      for method in ["GET", "PUT", "DELETE"] where !text.contains("../") {
        let answer = try await fixture.send(method, "/v2/team/app/manifests/\(text)")
        #expect((answer.status, answer.code) == (400, "DIGEST_INVALID"))
      }
      let start = try await fixture.send("POST", "/v2/team/app/blobs/uploads/?digest=\(text)", body: [1])
      #expect((start.status, start.code) == (400, "DIGEST_INVALID"))
    }
  }

  @Test(
    "ATT-018: names that lead elsewhere are refused",
    arguments: [
      "team/..%2f..%2fetc", "team/../x", "team//x", "Team/x", "team/_manifests", "team/%2e%2e/x", "team/a%00b",
    ])
  func unsafeNames(name: String) async throws {
    try await APIFixture.with { fixture in
      let answer = try await fixture.send("GET", "/v2/\(name)/tags/list", as: "root")
      #expect(answer.status == 400)
    }
  }

  @Test("ATT-019: a mount without the right to pull is an ordinary upload and tells nothing")
  func mountWithoutRights() async throws {
    try await APIFixture.with { fixture in
      let bytes = Array("secret".utf8)
      let digest = try await fixture.blob(bytes, in: "secret/app", as: "secret")
      for from in ["secret/app", "secret/none", "SECRET", ""] {
        for wanted in [digest, ContentHasher.digest(of: [1])] {
          let answer = try await fixture.send("POST", "/v2/team/app/blobs/uploads/?mount=\(wanted)&from=\(from)")
          #expect(answer.status == 202)
          #expect(answer["Docker-Content-Digest"] == nil)
        }
      }
      #expect(try await fixture.send("GET", "/v2/team/app/blobs/\(digest)").status == 404)
    }
  }

  @Test("ATT-020: pushes and deletions of one tag in parallel")
  func tagRace() async throws {
    try await APIFixture.with { fixture in
      let one = try await fixture.push("one", "a")
      let two = try await fixture.push("two", "b")
      let manifests = try ["one", "two"].map { try APIFixture.manifest([Array("{}".utf8), Array($0.utf8)]) }
      try await withThrowingTaskGroup(of: Int.self) { group in
        for number in 0..<200 {
          group.addTask {
            number % 20 == 19
              ? try await fixture.send("DELETE", "/v2/team/app/manifests/t").status
              : try await fixture.put(manifests[number % 2], "t").status
          }
        }
        var pushed = 0
        // A deletion finds the tag or is too late; a push always ends well.
        for try await status in group { pushed += status == 201 ? 1 : 0 }
        #expect(pushed == 190)
      }
      let last = try await fixture.put(manifests[0], "t")
      #expect(last.status == 201)
      let found = try await fixture.send("GET", "/v2/team/app/manifests/t")
      #expect(found["Docker-Content-Digest"] == one.description)
      #expect(one != two)
      #expect(try fixture.registry.check().isClean)
    }
  }

  @Test("ATT-021: a push that relies on a blob while collections run")
  func collectionRace() async throws {
    try await APIFixture.with { fixture in
      for round in 0..<10 {
        let digest = try await fixture.push("round \(round)", "t")
        let layer = ContentHasher.digest(of: Array("round \(round)".utf8))
        let manifest = try APIFixture.manifest([Array("{}".utf8), Array("round \(round)".utf8)])
        for blob in [layer, ContentHasher.digest(of: Array("{}".utf8))] {
          #expect(try await fixture.send("HEAD", "/v2/team/app/blobs/\(blob)").status == 200)
        }
        #expect(try await fixture.send("DELETE", "/v2/team/app/manifests/\(digest)").status == 202)
        async let collection = Task.detached { try fixture.registry.collectGarbage() }.value
        let answer = try await fixture.put(manifest, "again")
        _ = try await collection
        #expect(answer.status == 201)
        #expect(try await fixture.send("GET", "/v2/team/app/blobs/\(layer)").status == 200)
      }
      #expect(try fixture.registry.check(readsContent: true).isClean)
    }
  }

  @Test("ATT-022: addresses in manifests are kept and never asked for")
  func foreignLayers() async throws {
    try await APIFixture.with { fixture in
      let blobs = [Array("{}".utf8), Array("one".utf8)]
      for bytes in blobs { _ = try await fixture.blob(bytes) }
      let bytes = try APIFixture.manifest(blobs) { manifest in
        var layer = ContentDescriptor(mediaType: .ociForeignLayerGzip, digest: ContentHasher.digest(of: [5]), size: 9)
        // Nobody listens there: a registry that fetched would fail.
        layer.urls = ["http://127.0.0.1:1/x", "http://169.254.169.254/latest", "file:///etc/passwd"]
        manifest.layers.append(layer)
      }
      let stored = try await fixture.put(bytes, "v1")
      #expect(stored.status == 201)
      #expect(try await fixture.send("GET", "/v2/team/app/manifests/v1").body == bytes)
      #expect(try await fixture.send("GET", "/v2/team/app/blobs/\(ContentHasher.digest(of: [5]))").status == 404)
    }
  }

  @Test("ATT-025: lists tell of nothing that the caller may not see")
  func leaks() async throws {
    struct Catalog: Decodable { var repositories: [String] }
    try await APIFixture.with { fixture in
      for (name, caller) in [
        ("team/app", "team"), ("secret/app", "secret"), ("public/app", "public"), ("team/z", "team"),
      ] {
        try await fixture.push("one", "v1", in: name, as: caller)
      }
      for (caller, expected) in [
        (nil, ["public/app"]), ("team", ["public/app", "team/app", "team/z"]),
        ("root", ["public/app", "secret/app", "team/app", "team/z"]),
      ] as [(String?, [String])] {
        #expect(try await fixture.send("GET", "/v2/_catalog", as: caller).decode(Catalog.self).repositories == expected)
        var names: [String] = []
        var target: String? = "/v2/_catalog?n=1"
        while let next = target {
          let page = try await fixture.send("GET", next, as: caller)
          names += try page.decode(Catalog.self).repositories
          target = page["Link"]?.split(separator: ">").first.map { String($0.dropFirst()) }
          #expect(caller == "root" || page["Link"]?.contains("secret") != true)
        }
        #expect(names == expected)
      }
      let digest = ContentHasher.digest(of: [1])
      for target in ["tags/list", "referrers/\(digest)", "manifests/v1", "blobs/\(digest)"] {
        for (caller, status) in [(nil, 401), ("team", 403), ("scoped", 401)] as [(String?, Int)] {
          let there = try await fixture.send("GET", "/v2/secret/app/\(target)", as: caller)
          let missing = try await fixture.send("GET", "/v2/secret/none/\(target)", as: caller)
          #expect(there.status == status)
          #expect((missing.status, missing.body) == (there.status, there.body))
        }
      }
    }
  }

  @Test func refusalsChallengeAndAreWrittenDown() async throws {
    try await APIFixture.with { fixture in
      let wrong = try await fixture.send("GET", "/v2/", as: "wrong")
      #expect((wrong.status, wrong.code) == (401, "UNAUTHORIZED"))
      #expect(wrong["WWW-Authenticate"]?.contains("invalid_token") == true)
      let scoped = try await fixture.send("POST", "/v2/team/app/blobs/uploads/", as: "scoped")
      #expect(scoped.status == 401)
      #expect(scoped["WWW-Authenticate"]?.contains("repository:team/app:push") == true)
      #expect(scoped["WWW-Authenticate"]?.contains("insufficient_scope") == true)
      #expect(try await fixture.send("PUT", "/v2/public/app/manifests/x", as: "team").status == 403)
      #expect(try await fixture.send("DELETE", "/v2/public/app/manifests/x", as: "team").status == 403)
      try await fixture.push("one", "v1")
      #expect(try await fixture.send("GET", "/v2/team/app/manifests/v1").status == 200)
      #expect(try await fixture.send("GET", "/v2/team/app/manifests/v1").status == 200)
      #expect(fixture.access.audit.filter { $0.action == .refused }.count == 4)
      #expect(fixture.access.audit.filter { $0.action == .pullManifest }.count == 2)
      #expect(
        fixture.access.audit.contains { $0.action == .pushManifest && $0.reference == "v1" && $0.caller == "team" })
    }
  }

  @Test func uploadsAreOfTheirRepository() async throws {
    try await APIFixture.with { fixture in
      let start = try await fixture.send("POST", "/v2/team/app/blobs/uploads/")
      let id = try #require(start["Docker-Upload-Uuid"])
      let other = try await fixture.send("PATCH", "/v2/secret/app/blobs/uploads/\(id)", as: "secret", body: [1])
      #expect((other.status, other.code) == (404, "BLOB_UPLOAD_UNKNOWN"))
    }
  }
}
