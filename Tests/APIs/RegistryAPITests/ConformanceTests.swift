import ContentStore
import HTTPServing
import Model
import OCITypes
import Registry
import Testing

@testable import RegistryAPI

/// The four workflows of the OCI distribution specification 1.1, written from its text.
@Suite struct ConformanceTests {
  private struct TagList: Decodable {
    var name: String
    var tags: [String]
  }

  @Test func baseTellsWhoIsKnown() async throws {
    try await APIFixture.with { fixture in
      for path in ["/v2/", "/v2"] {
        #expect(try await fixture.send("GET", path).status == 200)
        let anonymous = try await fixture.send("GET", path, as: nil)
        #expect(anonymous.status == 401)
        #expect(anonymous["WWW-Authenticate"]?.hasPrefix("Bearer realm=") == true)
        #expect(anonymous["Docker-Distribution-Api-Version"] == "registry/2.0")
        #expect(anonymous.code == "UNAUTHORIZED")
      }
      for path in ["/", "/v1/x", "/v2/x", "/v2/team/app", "/v2/team/app/other/x"] {
        #expect(try await fixture.send("GET", path).status == 404)
      }
    }
  }

  @Test("pull: blobs with ranges and conditions", arguments: [100, 300_000])
  func pullBlobs(size: Int) async throws {
    try await APIFixture.with { fixture in
      let bytes = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 13) }
      let digest = try await fixture.blob(bytes)
      let path = "/v2/team/app/blobs/\(digest)"
      for _ in 0..<2 {
        let head = try await fixture.send("HEAD", path)
        #expect(head.status == 200)
        #expect(head["Content-Length"] == "\(size)")
        #expect(head["Docker-Content-Digest"] == digest.description)
        let get = try await fixture.send("GET", path)
        #expect(get.status == 200)
        #expect(get.body == bytes)
        #expect(get["Content-Length"] == "\(size)")
        #expect(get["Docker-Content-Digest"] == digest.description)
        #expect(get["ETag"] == "\"\(digest)\"")
      }
      let same = try await fixture.send("GET", path, ["If-None-Match": "\"\(digest)\""])
      #expect(same.status == 304)
      #expect(same.body.isEmpty)
      for (range, expected, content) in [
        ("bytes=0-9", bytes[0..<10], "bytes 0-9/\(size)"), ("bytes=90-", bytes[90...], "bytes 90-\(size - 1)/\(size)"),
        ("bytes=-5", bytes[(size - 5)...], "bytes \(size - 5)-\(size - 1)/\(size)"),
        ("bytes=10-999999999", bytes[10...], "bytes 10-\(size - 1)/\(size)"),
      ] {
        let part = try await fixture.send("GET", path, ["Range": range])
        #expect(part.status == 206)
        #expect(part.body == Array(expected))
        #expect(part["Content-Range"] == content)
      }
      let beyond = try await fixture.send("GET", path, ["Range": "bytes=\(size)-"])
      #expect(beyond.status == 416)
      #expect(beyond["Content-Range"] == "bytes */\(size)")
      let unknown = try await fixture.send("GET", "/v2/team/app/blobs/\(ContentHasher.digest(of: [1]))")
      #expect((unknown.status, unknown.code) == (404, "BLOB_UNKNOWN"))
    }
  }

  @Test("pull: manifests by tag and digest")
  func pullManifests() async throws {
    try await APIFixture.with { fixture in
      let digest = try await fixture.push("one", "v1")
      for reference in ["v1", digest.description] {
        for method in ["GET", "HEAD", "GET", "HEAD"] {
          let answer = try await fixture.send(method, "/v2/team/app/manifests/\(reference)")
          #expect(answer.status == 200)
          #expect(answer["Content-Type"] == MediaType.ociManifest.rawValue)
          #expect(answer["Docker-Content-Digest"] == digest.description)
          if method == "GET" { #expect(ContentHasher.digest(of: answer.body) == digest) }
          #expect(answer["Content-Length"] != nil)
        }
      }
      for reference in ["none", ".INVALID", ContentHasher.digest(of: [1]).description] {
        let answer = try await fixture.send("GET", "/v2/team/app/manifests/\(reference)")
        #expect((answer.status, answer.code) == (404, "MANIFEST_UNKNOWN"))
      }
      let name = try await fixture.send("GET", "/v2/team/none/manifests/v1")
      #expect((name.status, name.code) == (404, "NAME_UNKNOWN"))
    }
  }

  @Test("push: in one request, in pieces, and with what is asked in between")
  func push() async throws {
    try await APIFixture.with { fixture in
      let bytes = (0..<1_000).map { UInt8(truncatingIfNeeded: $0) }
      let digest = ContentHasher.digest(of: bytes)
      let whole = try await fixture.send("POST", "/v2/team/a/blobs/uploads/?digest=\(digest)", body: bytes)
      #expect(whole.status == 201)
      #expect(whole["Location"] == "/v2/team/a/blobs/\(digest)")
      let start = try await fixture.send("POST", "/v2/team/b/blobs/uploads/")
      let location = try #require(start["Location"])
      #expect(start.status == 202)
      let late = try await fixture.send("PATCH", location, ["Content-Range": "5-9"], body: Array(bytes[5..<10]))
      #expect(late.status == 416)
      #expect(late["Location"] == location)
      let first = try await fixture.send("PATCH", location, ["Content-Range": "0-399"], body: Array(bytes[..<400]))
      #expect((first.status, first["Range"]) == (202, "0-399"))
      let again = try await fixture.send("PATCH", location, ["Content-Range": "0-399"], body: Array(bytes[..<400]))
      #expect((again.status, again["Range"]) == (416, "0-399"))
      let state = try await fixture.send("GET", location)
      #expect((state.status, state["Range"]) == (204, "0-399"))
      let stream = try await fixture.send("PATCH", location, body: Array(bytes[400..<700]))
      #expect((stream.status, stream["Range"]) == (202, "0-699"))
      let missing = try await fixture.send("PUT", location, body: Array(bytes[700...]))
      #expect((missing.status, missing.code) == (400, "DIGEST_INVALID"))
      let end = try await fixture.send(
        "PUT", "\(location)?digest=\(digest)", ["Content-Range": "700-999"], body: Array(bytes[700...]))
      #expect(end.status == 201)
      #expect(end["Docker-Content-Digest"] == digest.description)
      #expect(try await fixture.send("GET", "/v2/team/b/blobs/\(digest)").body == bytes)
      let over = try await fixture.send("GET", location)
      #expect((over.status, over.code) == (404, "BLOB_UPLOAD_UNKNOWN"))
      let mount = try await fixture.send("POST", "/v2/team/c/blobs/uploads/?mount=\(digest)&from=team/b")
      #expect((mount.status, mount["Location"]) == (201, "/v2/team/c/blobs/\(digest)"))
      let none = try await fixture.send(
        "POST", "/v2/team/c/blobs/uploads/?mount=\(ContentHasher.digest(of: [1]))&from=team/b")
      #expect(none.status == 202)
      let cancelled = try #require(none["Location"])
      #expect(try await fixture.send("DELETE", cancelled).status == 204)
      #expect(try await fixture.send("GET", cancelled).status == 404)
      #expect(fixture.registry.isFreeOfUploads)
    }
  }

  @Test("push: manifests, also of artifacts, with a subject that is not there")
  func pushManifests() async throws {
    try await APIFixture.with { fixture in
      let blobs = [Array("{}".utf8), Array("layer".utf8)]
      let early = try await fixture.put(try APIFixture.manifest(blobs), "v1")
      #expect((early.status, early.code) == (404, "MANIFEST_BLOB_UNKNOWN"))
      for bytes in blobs { _ = try await fixture.blob(bytes) }
      let subject = ContentHasher.digest(of: [9])
      let bytes = try APIFixture.manifest(blobs) { manifest in
        manifest.artifactType = "application/x-sbom"
        manifest.subject = ContentDescriptor(mediaType: .ociManifest, digest: subject, size: 5)
      }
      let answer = try await fixture.put(bytes, "v1")
      let digest = ContentHasher.digest(of: bytes)
      #expect(answer.status == 201)
      #expect(answer["OCI-Subject"] == subject.description)
      #expect(answer["Location"] == "/v2/team/app/manifests/\(digest)")
      #expect(answer["Docker-Content-Digest"] == digest.description)
      let wrong = try await fixture.put(bytes, ContentHasher.digest(of: [1]).description)
      #expect((wrong.status, wrong.code) == (400, "DIGEST_INVALID"))
      let tag = try await fixture.put(bytes, ".bad")
      #expect((tag.status, tag.code) == (400, "TAG_INVALID"))
      let type = try await fixture.put(bytes, "v1", type: .dockerManifest)
      #expect((type.status, type.code) == (400, "MANIFEST_INVALID"))
    }
  }

  @Test("push and pull: content named by sha512, with tags beside the digest", arguments: [100, 300_000])
  func longDigests(size: Int) async throws {
    try await APIFixture.with { fixture in
      let blobs = [Array("{}".utf8), (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 13) }]
      for bytes in blobs {
        let digest = ContentHasher.digest(of: bytes, by: .sha512)
        let start = try await fixture.send("POST", "/v2/team/app/blobs/uploads/")
        let location = try #require(start["Location"])
        let end = try await fixture.send("PUT", "\(location)?digest=\(digest)", body: bytes)
        #expect(end.status == 201)
        #expect(end["Docker-Content-Digest"] == digest.description)
        let part = try await fixture.send("GET", "/v2/team/app/blobs/\(digest)", ["Range": "bytes=1-"])
        #expect(part.status == 206 && part.body == Array(bytes[1...]))
      }
      let bytes = try APIFixture.manifest(blobs) { manifest in
        manifest.config.digest = ContentHasher.digest(of: blobs[0], by: .sha512)
        manifest.layers[0].digest = ContentHasher.digest(of: blobs[1], by: .sha512)
      }
      let digest = ContentHasher.digest(of: bytes, by: .sha512)
      let push = try await fixture.put(bytes, "\(digest)?tag=a&tag=b")
      #expect(push.status == 201)
      #expect(push["Docker-Content-Digest"] == digest.description)
      #expect(push["OCI-Tag"] == "b")
      for reference in ["a", "b", digest.description] {
        let pull = try await fixture.send("GET", "/v2/team/app/manifests/\(reference)")
        #expect(pull.body == bytes && pull["Docker-Content-Digest"] == digest.description)
      }
      let many = (0..<33).map { "tag=t\($0)" }.joined(separator: "&")
      #expect(try await fixture.put(bytes, "\(digest)?\(many)").status == 414)
      #expect(try await fixture.put(bytes, "\(digest)?tag=-x").status == 400)
    }
  }

  @Test("content discovery: tags page by page")
  func tags() async throws {
    try await APIFixture.with { fixture in
      for tag in ["c", "a", "b", "d"] { try await fixture.push("one", tag) }
      let all = try await fixture.send("GET", "/v2/team/app/tags/list")
      #expect(try all.decode(TagList.self).tags == ["a", "b", "c", "d"])
      #expect(all["Link"] == nil)
      var target = "/v2/team/app/tags/list?n=3"
      let first = try await fixture.send("GET", target)
      #expect(try first.decode(TagList.self).tags == ["a", "b", "c"])
      target = try #require(first["Link"]?.split(separator: ">").first.map { String($0.dropFirst()) })
      #expect(target == "/v2/team/app/tags/list?n=3&last=c")
      let second = try await fixture.send("GET", target)
      #expect(try second.decode(TagList.self).tags == ["d"])
      #expect(second["Link"] == nil)
      #expect(try await fixture.send("GET", "/v2/team/app/tags/list?n=0").decode(TagList.self).tags == [])
      let bad = try await fixture.send("GET", "/v2/team/app/tags/list?n=-1")
      #expect((bad.status, bad.code) == (400, "PAGINATION_NUMBER_INVALID"))
      let none = try await fixture.send("GET", "/v2/team/none/tags/list")
      #expect((none.status, none.code) == (404, "NAME_UNKNOWN"))
    }
  }

  @Test("content discovery: referrers with their filter, and the fallback tag as any other")
  func referrers() async throws {
    try await APIFixture.with { fixture in
      let subject = try await fixture.push("one", "v1")
      let path = "/v2/team/app/referrers/\(subject)"
      let none = try await fixture.send("GET", path)
      #expect((none.status, none["Content-Type"]) == (200, MediaType.ociIndex.rawValue))
      #expect(try none.decode(ImageIndex.self).manifests == [])
      let blobs = [Array("{}".utf8), Array("one".utf8)]
      for type in ["application/x-a", "application/x-b"] {
        let bytes = try APIFixture.manifest(blobs) { manifest in
          manifest.artifactType = type
          manifest.subject = ContentDescriptor(mediaType: .ociManifest, digest: subject, size: 1)
          manifest.annotations = ["type": type]
        }
        let referrer = try await fixture.put(bytes, ContentHasher.digest(of: bytes).description)
        #expect(referrer.status == 201)
      }
      let all = try await fixture.send("GET", path).decode(ImageIndex.self)
      #expect(Set(all.manifests.compactMap(\.artifactType)) == ["application/x-a", "application/x-b"])
      #expect(all.manifests.allSatisfy { $0.annotations?["type"] == $0.artifactType })
      let some = try await fixture.send("GET", path + "?artifactType=application/x-b")
      #expect(try some.decode(ImageIndex.self).manifests.map(\.artifactType) == ["application/x-b"])
      #expect(some["OCI-Filters-Applied"] == "artifactType")
      let paged = try await fixture.send("GET", path + "?n=1")
      let next = try #require(paged["Link"]?.split(separator: ">").first.map { String($0.dropFirst()) })
      #expect(try await fixture.send("GET", next).decode(ImageIndex.self).manifests == [all.manifests[1]])
      let index = try ImageDocuments.encode(ImageIndex(manifests: all.manifests))
      let tag = subject.description.replacing(":", with: "-")
      let fallback = try await fixture.put(index, tag, type: .ociIndex)
      #expect(fallback.status == 201)
      #expect(try await fixture.send("GET", "/v2/team/app/manifests/\(tag)").body == index)
    }
  }

  @Test("content discovery: referrers with long annotations come in short pages")
  func longReferrers() async throws {
    try await APIFixture.with { fixture in
      let subject = try await fixture.push("one", "v1")
      let blobs = [Array("{}".utf8), Array("one".utf8)]
      for number in 0..<6 {
        let bytes = try APIFixture.manifest(blobs) { manifest in
          manifest.subject = ContentDescriptor(mediaType: .ociManifest, digest: subject, size: 1)
          manifest.annotations = ["long": "\(number)" + String(repeating: "x", count: 1 << 20)]
        }
        #expect(try await fixture.put(bytes, ContentHasher.digest(of: bytes).description).status == 201)
      }
      var found: Set<Digest> = []
      var path: String? = "/v2/team/app/referrers/\(subject)"
      var pages = 0
      while let target = path, pages < 10 {
        let page = try await fixture.send("GET", target)
        #expect(page.body.count < 4 << 20)
        found.formUnion(try page.decode(ImageIndex.self).manifests.map(\.digest))
        path = page["Link"]?.split(separator: ">").first.map { String($0.dropFirst()) }
        pages += 1
      }
      #expect(found.count == 6 && pages == 3)
    }
  }

  @Test("content management: tags, manifests and blobs are deleted")
  func deletion() async throws {
    try await APIFixture.with { fixture in
      let digest = try await fixture.push("one", "v1")
      try await fixture.push("one", "v2")
      let layer = ContentHasher.digest(of: Array("one".utf8))
      let used = try await fixture.send("DELETE", "/v2/team/app/blobs/\(layer)")
      #expect((used.status, used.code) == (405, "UNSUPPORTED"))
      // Asked for before, so that what is kept in memory has to go too.
      #expect(try await fixture.send("GET", "/v2/team/app/manifests/v1").status == 200)
      #expect(try await fixture.send("DELETE", "/v2/team/app/manifests/v1").status == 202)
      #expect(try await fixture.send("GET", "/v2/team/app/manifests/v1").status == 404)
      #expect(try await fixture.send("GET", "/v2/team/app/manifests/v2").status == 200)
      #expect(try await fixture.send("DELETE", "/v2/team/app/manifests/\(digest)").status == 202)
      for reference in ["v2", digest.description] {
        #expect(try await fixture.send("GET", "/v2/team/app/manifests/\(reference)").status == 404)
        #expect(try await fixture.send("DELETE", "/v2/team/app/manifests/\(reference)").status == 404)
      }
      #expect(try await fixture.send("GET", "/v2/team/app/blobs/\(layer)").status == 200)
      #expect(try await fixture.send("DELETE", "/v2/team/app/blobs/\(layer)").status == 202)
      for method in ["GET", "DELETE"] {
        #expect(try await fixture.send(method, "/v2/team/app/blobs/\(layer)").status == 404)
      }
      let method = try await fixture.send("POST", "/v2/team/app/manifests/v2")
      #expect((method.status, method["Allow"]) == (405, "GET, HEAD, PUT, DELETE"))
    }
  }

  @Test("clients that know no index get the image for linux/amd64")
  func accept() async throws {
    try await APIFixture.with { fixture in
      let digest = try await fixture.push("one", "amd64")
      let size = try fixture.registry.resolve(.digest(digest), in: RepositoryName(parsing: "team/app")).sizeBytes
      let index = try ImageDocuments.encode(
        ImageIndex(manifests: [
          ContentDescriptor(
            mediaType: .ociManifest, digest: digest, size: size, platform: Platform(architecture: "amd64", os: "linux"))
        ]))
      let stored = try await fixture.put(index, "all", type: .ociIndex)
      #expect(stored.status == 201)
      let path = "/v2/team/app/manifests/all"
      for _ in 0..<2 {
        for accept in ["*/*", MediaType.ociIndex.rawValue, "text/html, \(MediaType.ociIndex.rawValue);q=0.5"] {
          #expect(try await fixture.send("GET", path, ["Accept": accept]).body == index)
        }
        let one = try await fixture.send("GET", path, ["Accept": MediaType.ociManifest.rawValue])
        #expect(one["Docker-Content-Digest"] == digest.description)
        // What is named by its digest is what it is.
        let exact = try await fixture.send(
          "GET", "/v2/team/app/manifests/\(ContentHasher.digest(of: index))", ["Accept": MediaType.ociManifest.rawValue]
        )
        #expect(exact.body == index)
      }
    }
  }
}

extension Registry {
  /// Whether no upload is unfinished.
  fileprivate var isFreeOfUploads: Bool { (try? check().findings.isEmpty) == true }
}
