import Foundation
import Testing

@testable import bulkhead

@Suite struct RegistryConfigTests {
  private final class Folder {
    let path = "/tmp/registry-config-\(UInt64.random(in: .min ... .max))"
    init() throws { try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true) }
    deinit { try? FileManager.default.removeItem(atPath: path) }
    func write(_ text: String) throws {
      try text.write(toFile: path + "/config.json", atomically: false, encoding: .utf8)
    }
    func config() throws -> RegistryConfig { try RegistryConfig(path: path + "/config.json") }
  }

  @Test func `what is stored is found again, kept from others, and can be removed`() throws {
    let folder = try Folder()
    try folder.write("{\"HttpHeaders\":{\"X\":\"y\"},\"auths\":{\"other.test\":{\"auth\":\"YTpi\"}}}")
    var config = try folder.config()
    try config.store(RegistryLogin(user: "ann", secret: "s:3 ä"), for: "https://r.test:5000/v2/")
    try config.store(RegistryLogin(user: "<token>", secret: "tok"), for: "docker.io")
    var again = try folder.config()
    #expect(try again.login(for: "r.test:5000") == RegistryLogin(user: "ann", secret: "s:3 ä"))
    #expect(try again.login(for: "docker.io") == RegistryLogin(user: "<token>", secret: "tok"))
    #expect(try again.login(for: "other.test") == RegistryLogin(user: "a", secret: "b"))
    #expect(try again.login(for: "none.test") == nil)
    #expect(again.document["HttpHeaders"].text("X") == "y")
    #expect(
      again.document["auths"].members.map(\.name) == ["other.test", "r.test:5000", "https://index.docker.io/v1/"])
    let mode = try FileManager.default.attributesOfItem(atPath: folder.path + "/config.json")[.posixPermissions] as? Int
    #expect(mode == 0o600)
    #expect(try again.remove("r.test:5000"))
    #expect(try !again.remove("r.test:5000"))
    #expect(try folder.config().login(for: "r.test:5000") == nil)
  }

  @Test(arguments: ["[]", "{", "\"x\""])
  func `a file that is no configuration is an error, and stays`(text: String) throws {
    let folder = try Folder()
    try folder.write(text)
    #expect(throws: ClientError.self) { try folder.config() }
  }

  @Test func `a missing or empty file is empty`() throws {
    let folder = try Folder()
    #expect(try folder.config().login(for: "r.test") == nil)
    try folder.write("\n")
    #expect(try folder.config().login(for: "r.test") == nil)
  }

  @Test func `a build takes the credentials of all registries along`() throws {
    let folder = try Folder()
    #expect(try Engine.authorizations(folder.config()).isEmpty)
    try folder.write(
      "{\"auths\":{\"r.test\":{\"auth\":\"YTpi\"},\"docker.io\":{\"identitytoken\":\"t\"},\"out.test\":{}}}")
    let fields = try Engine.authorizations(folder.config())
    #expect(fields.map(\.0) == ["X-Registry-Config"])
    let text = fields[0].1.replacing("-", with: "+").replacing("_", with: "/")
    let value = try JSONParser.parse(try #require(Base64.decode(text)))
    #expect(value.members.map(\.name) == ["https://index.docker.io/v1/", "r.test"])
    #expect(value["r.test"].text("username") == "a" && value["r.test"].text("password") == "b")
    #expect(value["https://index.docker.io/v1/"].text("identitytoken") == "t")
  }

  @Test func `helpers are chosen by registry, and never by a path`() throws {
    let folder = try Folder()
    try folder.write("{\"credsStore\":\"all\",\"credHelpers\":{\"r.test\":\"own\",\"evil.test\":\"../../bin/sh\"}}")
    let config = try folder.config()
    #expect(config.helper(for: "r.test") == "docker-credential-own")
    #expect(config.helper(for: "other.test") == "docker-credential-all")
    #expect(config.helper(for: "evil.test") == nil)
  }

  @Test(arguments: [
    ("debian", "docker.io"), ("team/app", "docker.io"), ("r.test/app", "r.test"), ("localhost/app", "localhost"),
    ("r.test:5000/a/b:1", "r.test:5000"), ("app:5000", "docker.io"),
  ])
  func `an image's name tells its registry`(image: String, registry: String) {
    #expect(RegistryConfig.registry(of: image) == registry)
  }

  @Test(arguments: [
    ("docker.io", RegistryConfig.dockerServer), ("https://index.docker.io/v1/", RegistryConfig.dockerServer),
    ("", RegistryConfig.dockerServer), ("https://r.test/v2/", "r.test"), ("r.test:5000", "r.test:5000"),
  ])
  func `a registry has one key`(name: String, key: String) { #expect(RegistryConfig.key(of: name) == key) }

  @Test(arguments: ["", "f", "fo", "foo", "foob", "fooba", "foobar", "\u{FF}\u{FE}?>"])
  func `base64 goes both ways in both alphabets`(text: String) {
    let bytes = Array(text.utf8)
    #expect(Base64.encode(bytes) == Data(bytes).base64EncodedString())
    #expect(Base64.decode(Base64.encode(bytes)) == bytes)
    #expect(Base64.decode(Base64.encode(bytes, forAddress: true)) == bytes)
    #expect(!Base64.encode(bytes, forAddress: true).contains("/"))
  }

  @Test func `what is no base64 is refused`() {
    #expect(Base64.decode("a") == nil)
    #expect(Base64.decode("ab!d") == nil)
  }

  @Test func `a bar fits the terminal`() {
    for width in [0, 20, 80, 200] {
      let text = TransferView.text("Downloading", 5_000_000, 10_000_000, width: width)
      #expect(text.hasPrefix("Downloading"))
      #expect(text.contains("5MB/10MB"))
      #expect(text.count <= max(width, 40))
    }
    #expect(TransferView.text("Waiting", nil, nil, width: 80) == "Waiting")
    #expect(TransferView.text("Pushing", 20, 10, width: 80).contains("=]"))
  }

  @Test func `a program gets its input, and tells output and code`() throws {
    let (output, code) = try ChildProcess.run(["sh", "-c", "cat; exit 3"], input: Array("hello".utf8))
    #expect(output == Array("hello".utf8))
    #expect(code == 3)
    #expect(throws: ClientError.self) { try ChildProcess.run(["no-such-program-here"], input: []) }
  }
}
