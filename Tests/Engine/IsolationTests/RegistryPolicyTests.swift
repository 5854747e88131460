import Model
import Testing

@testable import Isolation

@Suite struct RegistryPolicyTests {
  private func policy(_ text: String) throws -> EnginePolicy {
    try EnginePolicy.parse(Array(text.utf8), name: "e.yaml")
  }

  @Test func `registries are read`() throws {
    let registries = try policy(
      """
      registries:
        allowed: ["docker.io/library/*", registry.test]
        insecure: ["registry.test:5000", "*.lab.test"]
        mirrors:
          - prefix: docker.io/library
            location: mirror.test/hub
          - {prefix: ghcr.io, location: "cache.test:5000", fallback: false}
        tokenServers: {registry.test: [login.test]}
        certificateFolders: [/srv/certs]
        downloads: 6
      """
    ).registries
    #expect(registries.allowed == ["docker.io/library/*", "registry.test"])
    #expect(registries.insecure == ["registry.test:5000", "*.lab.test"])
    #expect(
      registries.mirrors == [
        RegistryMirrorRule(prefix: "docker.io/library", location: "mirror.test/hub"),
        RegistryMirrorRule(prefix: "ghcr.io", location: "cache.test:5000", fallsBack: false),
      ])
    #expect(registries.tokenServers == ["registry.test": ["login.test"]])
    #expect(registries.certificateFolders == ["/srv/certs"])
    #expect(registries.downloads == 6)
    #expect(registries.uploads == 5)
  }

  @Test(arguments: [
    ("registries: {insecure: ['*']}", "'registries.insecure' must name hosts"),
    ("registries: {insecure: ['http://r.test']}", "'registries.insecure' must name hosts"),
    ("registries: {mirrors: [{prefix: docker.io}]}", "'registries.mirrors.location' must be"),
    (
      "registries: {mirrors: [{prefix: docker.io, location: 'https://m.test'}]}",
      "'registries.mirrors.location' must be"
    ),
    ("registries: {mirrors: [{prefix: '', location: m.test}]}", "'registries.mirrors.prefix' must be"),
    ("registries: {downloads: 0}", "'registries.downloads' must be a whole number from 1 to 32"),
    ("registries: {certificateFolders: [certs]}", "'registries.certificateFolders' must be a list of absolute paths"),
    ("registries: {allow: []}", "unknown key 'registries.allow'"),
  ])
  func `mistakes are named`(text: String, message: String) {
    let failed = failure { _ = try policy(text) }
    #expect(failed.code == .invalidArgument)
    #expect(failed.message.contains(message), "\(failed.message)")
  }

  @Test(arguments: [
    (["*"], "docker.io/library/debian", true), (["docker.io"], "docker.io/library/debian", true),
    (["docker.io/library/*"], "docker.io/library/debian", true),
    (["docker.io/library/*"], "docker.io/evil/debian", false),
    (["registry.test"], "registry.test.evil.test/app", false), (["registry.test:5000"], "registry.test/app", false),
    (["*.test"], "a.test/app", true), (["*.test"], "docker.io/a.test", false), ([], "docker.io/library/debian", false),
    (["registry.test/team/*"], "registry.test/team/deep/app", true),
  ])
  func `patterns say what may be used`(allowed: [String], name: String, isAllowed: Bool) throws {
    var policy = EnginePolicy()
    policy.registries.allowed = allowed
    let check = PolicyCheck(policy: policy)
    let reference = try ImageReference(parsing: name)
    if isAllowed {
      try check.checkRegistry(reference)
      try check.checkRegistry(host: reference.domain)
    } else {
      let failed = failure { try check.checkRegistry(reference) }
      #expect(failed.code == .forbidden)
      #expect(failed.message.contains("rule registries.allowed"))
    }
  }
}
