import HTTPServing
import Model
import Testing

@testable import Builder
@testable import DockerAPI

@Suite struct BuildBodyTests {
  private func body(_ json: String, limits: BuildLimits = BuildLimits()) throws -> BuildBody {
    try BuildBody(JSONFields(JSONParser.parse(Array(json.utf8))), limits: limits)
  }

  @Test func `a Dockerfile and secrets are read`() throws {
    let body = try body(
      #"{"dockerfile":{"name":"D","content":"RlJPTSB4"},"secrets":{"a":"eA==","A":""}}"#)
    #expect(body.dockerfile?.name == "D")
    #expect(body.dockerfile?.content == Array("FROM x".utf8))
    #expect(body.secrets == ["a": [120], "A": []])
  }

  @Test func `nothing is needed`() throws {
    let body = try body("{}")
    #expect(body.dockerfile == nil && body.secrets.isEmpty && body.agents == nil)
  }

  @Test func `agents are named under the build's id`() throws {
    let agents = try body(#"{"ssh":{"session":"00ff","ids":["default","b"]}}"#).agents
    #expect(agents?.session == "00ff" && agents?.ids == ["default", "b"])
  }

  @Test(arguments: [
    (#"{"dockerfile":{"name":"D"}}"#, PlatformError.Code.invalidArgument, "dockerfile.content: is missing"),
    (#"{"dockerfile":7}"#, .invalidArgument, "dockerfile: expected an object, found"),
    (#"{"dockerfile":{"content":"***"}}"#, .invalidArgument, "dockerfile.content: expected base64"),
    (#"{"secrets":{"":"eA=="}}"#, .invalidArgument, "secrets: expected ids"),
    (#"{"secrets":{"a":1}}"#, .invalidArgument, "secrets.a: expected a string"),
    (#"{"secrets":{"a":"hunter2!"}}"#, .invalidArgument, "secrets.a: expected base64"),
    (#"{"secrets":{"a":"eHh4eHg="}}"#, .resourceExhausted, "secrets.a: 5 bytes are more than the 4 allowed"),
    (#"{"ssh":{"ids":["default"]}}"#, .invalidArgument, "ssh.session: is missing"),
    (#"{"ssh":{"session":"0","ids":"x"}}"#, .invalidArgument, "ssh.ids"),
    (#"{"ssh":{"session":"0","keys":["k"]}}"#, .notImplemented, "ssh.keys"),
    (#"{"other":1}"#, .notImplemented, "other"),
  ])
  func `what is wrong is named and no secret is quoted`(json: String, code: PlatformError.Code, text: String) {
    var limits = BuildLimits()
    limits.secretBytes = 4
    #expect {
      try body(json, limits: limits)
    } throws: { error in
      guard let error = error as? PlatformError else { return false }
      return error.code == code && error.message.contains(text) && !error.message.contains("hunter2")
    }
  }

  @Test func `named contexts are files that were sent, or images`() throws {
    let digest = try Digest(hex: String(repeating: "07", count: 32))
    let contexts = try body(
      "{\"contexts\":{\"Base\":{\"image\":\"debian:12\"},\"a/b:c\":{\"context\":\"\(digest)\"}}}"
    ).contexts
    #expect(contexts == ["base": .image("debian:12"), "a/b:c": .files(digest)])
  }

  @Test(arguments: [
    (#"{"contexts":{"1":{"image":"x"}}}"#, "contexts.1: expected a name"),
    (#"{"contexts":{"scratch":{"image":"x"}}}"#, "contexts.scratch: expected a name"),
    (#"{"contexts":{"a b":{"image":"x"}}}"#, "contexts.a b: expected a name"),
    (#"{"contexts":{"a":{}}}"#, "contexts.a: expected 'context' or 'image'"),
    (#"{"contexts":{"a":{"image":"x","context":"sha256:0"}}}"#, "contexts.a: expected 'context' or 'image'"),
    (#"{"contexts":{"a":{"context":"x"}}}"#, "x"), (#"{"contexts":{"a":7}}"#, "contexts.a: expected an object"),
    (#"{"contexts":{"a":{"image":"x","url":"u"}}}"#, "contexts.a.url"),
  ])
  func `wrong named contexts are refused`(json: String, text: String) {
    #expect {
      try body(json)
    } throws: { ($0 as? PlatformError)?.message.contains(text) == true }
  }

  @Test func `named contexts are bounded in number`() {
    let members = (0...64).map { "\"c\($0)\":{\"image\":\"x\"}" }.joined(separator: ",")
    #expect {
      try body("{\"contexts\":{\(members)}}")
    } throws: { ($0 as? PlatformError)?.code == .resourceExhausted }
  }

  @Test func `secrets are bounded in number`() {
    let members = (0...64).map { "\"s\($0)\":\"\"" }.joined(separator: ",")
    #expect {
      try body("{\"secrets\":{\(members)}}")
    } throws: { ($0 as? PlatformError)?.code == .resourceExhausted }
  }
}

@Suite struct BuildQueryTests {
  private func query(_ text: String) throws -> BuildQuery {
    let http = HTTPRequest(
      method: .POST, rawPath: "/build", path: [], query: try QueryParameters(parsing: text, maxItems: 100),
      headers: [:],
      peer: nil, body: RequestBody(bytes: []), isUpgrade: false)
    var router = Router<Int>()
    router.on(.POST, "/", 0)
    return try BuildQuery(
      DockerRequest(http: http, parameters: try router.find(.POST, []).1, version: .current))
  }

  @Test(arguments: [("events=1", true), ("events=0", false), ("", false), ("progress=events", false)])
  func `events are asked for by one name`(text: String, wants: Bool) throws {
    #expect(try query(text).wantsEvents == wants)
  }

  @Test(arguments: ["cachefrom=[]&cacheto=[]", "cachefrom=null", "cachefrom="])
  func `no caches are asked for`(text: String) throws {
    _ = try query(text)
  }

  @Test(arguments: [
    (#"cachefrom=["type=local,ref=r/x"]"#, "only images and type=registry are there yet"),
    (#"cacheto=["type=local,dest=x"]"#, "only type=inline and type=registry are there yet"),
    (#"cacheto=["type=registry,ref=r/x,compression=zstd"]"#, "compression=zstd: only compression=gzip is there yet"),
  ])
  func `caches elsewhere are refused`(text: String, message: String) {
    let encoded = text.replacing("[", with: "%5B").replacing("]", with: "%5D").replacing("\"", with: "%22")
      .replacing("type=", with: "type%3D").replacing("ref=", with: "ref%3D")
    #expect {
      try query(encoded)
    } throws: { error in
      guard let error = error as? PlatformError else { return false }
      return error.code == .notImplemented && error.message.contains(message)
    }
  }

  @Test func `images are sources of the cache`() throws {
    let text = "cachefrom=%5B%22busybox%22,%22type%3Dregistry,ref%3Dr.test/x:1%22%5D&cacheto=%5B%22type%3Dinline%22%5D"
    #expect(
      try query(text).request.cacheSources == [
        CacheSource(name: "busybox", pulls: false), CacheSource(name: "r.test/x:1", pulls: true),
      ])
  }

  @Test(arguments: [
    ("r.test/x", CacheTarget(reference: "r.test/x:latest", max: false)),
    ("r.test/x:1,mode=min", CacheTarget(reference: "r.test/x:1", max: false)),
    ("r.test/x:1,mode=max", CacheTarget(reference: "r.test/x:1", max: true)),
    ("r.test/x:1,mode=max,ignore-error=true", CacheTarget(reference: "r.test/x:1", max: true, ignores: true)),
    ("r.test/x:1,image-manifest=true,oci-mediatypes=true", CacheTarget(reference: "r.test/x:1", max: false)),
  ])
  func `steps are left in registries`(text: String, target: CacheTarget?) throws {
    #expect(try BuildCaches.targets(["type=inline", "type=registry,ref=\(text)"]) == [try #require(target)])
  }

  @Test(arguments: [
    ("type=registry", "expected type=registry,ref=NAME"), ("type=registry,ref=A B", "invalid reference"),
    ("type=registry,ref=r.test/x,mode=all", "mode=all: expected min or max"),
    ("type=registry,ref=r.test/x,ignore-error=1", "ignore-error=1: expected false or true"),
    ("type=registry,ref=r.test/x,colour=red", "unknown field 'colour'"),
    ("type=registry,ref=r.test/x,registry.insecure=true", "registry.insecure is refused"),
    ("type=registry,ref=r.test/x@sha256:\(String(repeating: "a", count: 64))", "cannot be a digest"),
    ("type=registry,ref=a,ref=b", "each name once"),
  ])
  func `wrong targets of a cache are told`(text: String, message: String) {
    #expect { try BuildCaches.targets([text]) } throws: { ($0 as? PlatformError)?.message.contains(message) == true }
  }

  @Test func `of caches there are 32 at most`() {
    let values = [String](repeating: "type=inline", count: 33)
    #expect { try BuildCaches.targets(values) } throws: { ($0 as? PlatformError)?.code == .invalidArgument }
    #expect { try BuildCaches.sources(values) } throws: { ($0 as? PlatformError)?.code == .invalidArgument }
  }

  @Test(arguments: [
    "cachefrom=%7B%7D", "cacheto=%5B1%5D", "cachefrom=%5B%22type%3Dregistry%22%5D", "cachefrom=%5B%22A%20B%22%5D",
    "cacheto=%5B%22inline%22%5D", "cachefrom=%5B%22type%3Dregistry,ref%3Da,ref%3Db%22%5D",
  ])
  func `caches of another form are wrong`(text: String) {
    #expect { try query(text) } throws: { ($0 as? PlatformError)?.code == .invalidArgument }
  }
}

@Suite struct BuildLinesTests {
  private static let step = BuildStepName(number: 2, total: 3, stage: "s", text: "RUN x")
  private static let named = #""step":{"number":2,"total":3,"stage":"s","text":"RUN x"}"#
  private static let id = Digest(bytes: repeatElement(0xAB, count: 32))

  @Test(arguments: [
    (BuildEvent.started(step), "{\"event\":\"started\",\(named)}\n"),
    (.cached(step), "{\"event\":\"cached\",\(named)}\n"),
    (.running(step, container: "c"), "{\"event\":\"running\",\(named)}\n"),
    (
      .output(step, isError: true, Array("a\n".utf8)),
      "{\"event\":\"output\",\(named),\"stderr\":true,\"text\":\"a\\n\"}\n"
    ),
    (.finished(step, id: id), "{\"event\":\"finished\",\(named),\"id\":\"\(id)\"}\n"),
    (.warning("w"), "{\"event\":\"warning\",\"message\":\"w\"}\n"),
    (.built(id), "{\"event\":\"built\",\"id\":\"\(id)\"}\n"),
  ])
  func `events have the client's form`(event: BuildEvent, line: String) {
    #expect(BuildLines.event(event).map { String(decoding: $0, as: UTF8.self) } == line)
  }
}

extension CacheTarget {
  fileprivate init?(reference text: String, max: Bool, ignores: Bool = false) {
    guard let reference = try? ImageReference(parsing: text) else { return nil }
    self.init(reference: reference, takesAllStages: max, ignoresErrors: ignores)
  }
}
