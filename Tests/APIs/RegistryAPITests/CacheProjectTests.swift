import Model
import OCITypes
import Registry
import Testing

@testable import RegistryAPI

/// Projects that show another registry, from their creation to a pull.
@Suite struct CacheProjectTests {
  private struct TagList: Decodable {
    var tags: [String]
  }

  /// A cache project `hub` that everybody may pull from.
  private func make(_ fixture: ManagementFixture, freshSeconds: Int = 0) async throws {
    let peer = #"{"name":"there","host":"\#(fixture.peer.address)","isInsecure":true}"#
    #expect(try await fixture.send("PUT", "/api/v1/replication/peers/there", peer).status == 200)
    let project =
      #"{"name":"hub","isPublic":true,"cache":{"peer":"there","remotePath":"library","freshSeconds":\#(freshSeconds)}}"#
    let answer = try await fixture.send("POST", "/api/v1/projects", project)
    #expect(answer.status == 201 && answer.text.contains(#""cache""#))
  }

  @Test func imagesComeFromUpstreamAndStayWhileItIsAway() async throws {
    try await ManagementFixture.with { fixture in
      try await make(fixture)
      let image = try fixture.pushThere("layer", "library/debian", "12")
      let pull = try await fixture.send("GET", "/v2/hub/debian/manifests/12")
      #expect(pull.status == 200)
      #expect(pull["Docker-Content-Digest"] == image.digest.description)
      #expect(pull["Content-Type"] == MediaType.ociManifest.rawValue)
      #expect(try await fixture.send("GET", "/v2/hub/debian/blobs/\(image.layer)").text == "layer")
      #expect(try await fixture.send("GET", "/v2/hub/debian/tags/list").decode(TagList.self).tags == ["12"])
      for status in [429, 503] {
        fixture.peer.intercept { _ in .full(status) }
        for reference in ["12", image.digest.description] {
          for method in ["GET", "HEAD"] {
            let kept = try await fixture.send(method, "/v2/hub/debian/manifests/\(reference)")
            #expect(kept.status == 200 && kept["Docker-Content-Digest"] == image.digest.description)
          }
        }
        let other = try await fixture.send("GET", "/v2/hub/debian/manifests/13")
        #expect((other.status, other.code) == (status == 429 ? (429, "TOOMANYREQUESTS") : (502, "UNAVAILABLE")))
        #expect(status == 429 || other.text.contains("failed to fetch 'hub/debian@13'"))
      }
      #expect(try await fixture.send("GET", "/v2/hub/debian/tags/list").decode(TagList.self).tags == ["12"])
      fixture.peer.intercept(nil)
      let missing = try await fixture.send("GET", "/v2/hub/debian/manifests/13")
      #expect((missing.status, missing.code) == (404, "MANIFEST_UNKNOWN"))
    }
  }

  @Test func nothingIsPushedIntoACache() async throws {
    try await ManagementFixture.with { fixture in
      try await make(fixture)
      for (method, target) in [
        ("POST", "blobs/uploads/"), ("PUT", "manifests/1"),
        ("POST", "blobs/uploads/?mount=sha256:\(String(repeating: "0", count: 64))&from=hub/x"),
      ] {
        let answer = try await fixture.send(method, "/v2/hub/debian/\(target)")
        #expect((answer.status, answer.code) == (405, "UNSUPPORTED"))
      }
      let rule = #"""
        {"name":"copy","direction":"pull","peer":"there","project":"hub","remotePath":"x","repositories":["*"],\#
        "tags":["*"],"trigger":{"manual":{}},"replacesTags":true,"isEnabled":true}
        """#
      #expect(try await fixture.send("PUT", "/api/v1/replication/rules/copy", rule).status == 409)
    }
  }

  @Test func whatIsKeptCanBeDeletedAndComesAgain() async throws {
    try await ManagementFixture.with { fixture in
      try await make(fixture, freshSeconds: 3_600)
      let image = try fixture.pushThere("layer", "library/debian", "12")
      let path = "/v2/hub/debian/manifests/12"
      #expect(try await fixture.send("GET", path).status == 200)
      let asked = fixture.peer.server.requests.count
      #expect(try await fixture.send("GET", path).status == 200)
      #expect(fixture.peer.server.requests.count == asked)
      #expect(try await fixture.send("DELETE", path).status == 202)
      #expect(try await fixture.send("DELETE", path).status == 404)
      #expect(try await fixture.send("DELETE", "/v2/hub/debian/manifests/\(image.digest)").status == 202)
      #expect(try await fixture.send("GET", path).status == 200)
      #expect(fixture.peer.server.requests.count > asked)
    }
  }

  @Test func anIndexIsTakenApartForClientsThatKnowNone() async throws {
    try await ManagementFixture.with { fixture in
      try await make(fixture)
      let image = try fixture.pushThere("layer", "library/debian", "only-amd64")
      let bytes = try #require(fixture.peer.read { $0.manifests["library/debian/only-amd64"]?.bytes })
      var descriptor = ContentDescriptor(mediaType: .ociManifest, digest: image.digest, size: Int64(bytes.count))
      descriptor.platform = Platform(architecture: "amd64", os: "linux")
      let index = try ImageDocuments.encode(ImageIndex(manifests: [descriptor]))
      let digest = fixture.peer.add(manifest: index, type: .ociIndex, to: "library/debian", tag: "12")
      let whole = try await fixture.send("GET", "/v2/hub/debian/manifests/12")
      #expect(whole["Docker-Content-Digest"] == digest.description)
      let part = try await fixture.send(
        "GET", "/v2/hub/debian/manifests/12", as: nil, bytes: [], ["Accept": MediaType.ociManifest.rawValue])
      #expect(part["Docker-Content-Digest"] == image.digest.description)
    }
  }

  @Test func anUpstreamThatIsNotThereMakesNoProject() async throws {
    try await ManagementFixture.with { fixture in
      let cache = #"{"name":"hub","cache":{"peer":"none"}}"#
      #expect(try await fixture.send("POST", "/api/v1/projects", cache).status == 404)
      #expect(try await fixture.send("GET", "/api/v1/projects/hub").status == 404)
      try await make(fixture)
      for wrong in [#"{"peer":"there","remotePath":"../x"}"#, #"{"peer":"there","freshSeconds":-1}"#] {
        let answer = try await fixture.send("POST", "/api/v1/projects", #"{"name":"two","cache":\#(wrong)}"#)
        #expect(answer.status == 400 && answer.text.contains("cache."))
      }
      #expect(try await fixture.send("DELETE", "/api/v1/replication/peers/there").status == 409)
      #expect(try await fixture.send("DELETE", "/api/v1/projects/hub").status == 204)
      // An ordinary project of the name is no cache.
      #expect(try await fixture.send("POST", "/api/v1/projects", #"{"name":"hub"}"#).status == 201)
      #expect(try await fixture.send("POST", "/v2/hub/app/blobs/uploads/").status == 202)
      #expect(try await fixture.send("DELETE", "/api/v1/replication/peers/there").status == 204)
    }
  }

  @Test func passwordsOfPeersAreNotShown() async throws {
    try await ManagementFixture.with { fixture in
      let peer = #"{"name":"there","host":"registry.test","user":"ann","password":"s3cret"}"#
      for answer in [
        try await fixture.send("PUT", "/api/v1/replication/peers/there", peer),
        try await fixture.send("GET", "/api/v1/replication/peers"),
      ] {
        #expect(answer.status == 200 && answer.text.contains("ann") && !answer.text.contains("s3cret"))
      }
      let wrong = #"{"name":"there","host":"a b"}"#
      #expect(try await fixture.send("PUT", "/api/v1/replication/peers/there", wrong).status == 400)
    }
  }
}
