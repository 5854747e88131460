import FoundationEssentials
import Testing

@testable import bulkhead

@Suite struct TrustTests {
  /// Certificates as far as the client looks at them: sequences of their own length.
  private static func certificate(_ fill: UInt8) throws -> CertificateFile {
    let bytes = [0x30, 0x81, 0xC8] + [UInt8](repeating: fill, count: 200)
    return try CertificateFile(pem: pem(bytes), named: "test")
  }

  private static func pem(_ bytes: [UInt8], _ label: String = "CERTIFICATE") -> [UInt8] {
    Array("-----BEGIN \(label)-----\n\(Base64.encode(bytes))\n-----END \(label)-----\n".utf8)
  }

  private final class Root {
    let path = "/tmp/bulkhead-trust-\(UInt64.random(in: 0 ... .max))"
    deinit { try? FileManager.default.removeItem(atPath: path) }
    var files: [String] {
      let all = try? FileManager.default.subpathsOfDirectory(atPath: path)
      return (all ?? []).filter { $0.hasSuffix(".crt") || $0.hasSuffix(".new") }.sorted()
    }
  }

  @Test func `a certificate goes to every place and out of it again`() throws {
    let root = Root()
    let store = TrustStore(root: root.path)
    let certificate = try Self.certificate(1)
    let system = "usr/local/share/ca-certificates/bulkhead-\(certificate.digest.prefix(16)).crt"
    let written = try store.install(certificate, ["a:1", "b:2"], TrustTarget.allCases, replacing: false)
    #expect(written.count == 5 && written.allSatisfy { FileManager.default.fileExists(atPath: $0) })
    #expect(
      root.files == [
        "etc/bulkhead/certs.d/a:1/ca.crt", "etc/bulkhead/certs.d/b:2/ca.crt", "etc/docker/certs.d/a:1/ca.crt",
        "etc/docker/certs.d/b:2/ca.crt", system,
      ])
    // Once more changes nothing.
    #expect(try store.install(certificate, ["a:1"], TrustTarget.allCases, replacing: false).count == 3)
    // The system keeps it while another registry has it.
    #expect(try store.remove(["a:1"], TrustTarget.allCases).count == 2)
    #expect(root.files.contains(system))
    #expect(try store.remove(["b:2"], TrustTarget.allCases).count == 3)
    #expect(root.files == [])
    #expect(try store.remove(["b:2"], TrustTarget.allCases) == [])
  }

  @Test func `another certificate is not replaced by accident, and nothing is written then`() throws {
    let root = Root()
    let store = TrustStore(root: root.path)
    _ = try store.install(Self.certificate(1), ["b:2"], [.engine], replacing: false)
    let failure = #expect(throws: ClientError.self) {
      try store.install(Self.certificate(2), ["a:1", "b:2"], [.docker, .engine], replacing: false)
    }
    #expect(failure?.message.hasSuffix("is another certificate: replace it with --force") == true)
    #expect(root.files == ["etc/bulkhead/certs.d/b:2/ca.crt"])
    #expect(try store.install(Self.certificate(2), ["b:2"], [.engine], replacing: true).count == 1)
    #expect(try store.install(Self.certificate(2), ["b:2"], [.engine], replacing: false).count == 1)
  }

  @Test func `what else is in a registry's folder stays`() throws {
    let root = Root()
    let store = TrustStore(root: root.path)
    _ = try store.install(Self.certificate(1), ["a:1"], [.docker], replacing: false)
    let other = "\(root.path)/etc/docker/certs.d/a:1/client.key"
    try "key".write(toFile: other, atomically: false, encoding: .utf8)
    #expect(try store.remove(["a:1"], [.docker]).count == 1)
    #expect(FileManager.default.fileExists(atPath: other))
  }

  @Test func `only a certificate is installed, in one form`() throws {
    let certificate = try Self.certificate(7)
    #expect(try CertificateFile(pem: Array(certificate.pem.utf8), named: "x") == certificate)
    #expect(certificate.pem.split(separator: "\n").allSatisfy { $0.count <= 64 })
    #expect(certificate.fingerprint.count == 32 * 3 - 1)
    let sequence = [0x30, 0x81, 0xC8] + [UInt8](repeating: 1, count: 200)
    let wrong: [[UInt8]] = [
      [], Array("hello".utf8), Self.pem(sequence, "PRIVATE KEY"), Self.pem(Array(sequence.dropLast())),
      Self.pem(sequence + [0]), Self.pem([0x30, 0x00]), Self.pem([]), Self.pem(sequence) + Self.pem(sequence),
      Self.pem(sequence) + Self.pem(sequence, "PRIVATE KEY"), [0xFF, 0xFE],
    ]
    for bytes in wrong {
      #expect(throws: ClientError("'x' is not one certificate in PEM form")) {
        try CertificateFile(pem: bytes, named: "x")
      }
    }
  }

  @Test(
    arguments: [
      ("registry.example.com", "registry.example.com:5443"), ("localhost:5000", "localhost:5000"),
      ("[::1]:443", "[::1]:443"), ("[fe80::1]", "[fe80::1]:5443"), ("10.0.0.1", "10.0.0.1:5443"),
    ])
  func `a registry's name becomes its folder's`(text: String, name: String) throws {
    #expect(try Trust.name(text) == name)
  }

  @Test(
    arguments: [
      ("registry.example.com:443", ["registry.example.com:443", "registry.example.com"]),
      ("[::1]:443", ["[::1]:443", "[::1]"]),
      ("registry.example.com:8443", ["registry.example.com:8443"]),
      ("registry.example.com", ["registry.example.com:5443"]),
    ])
  func `a registry at HTTPS's own port is trusted under both of its names`(text: String, names: [String]) throws {
    #expect(try Trust.names(text) == names)
  }

  @Test(arguments: [
    "", ":1", "a:0", "a:65536", "a:b", "a/b", "../x", "..", ".:1", "-a", "a b", "::1", "[::1]x", "a\0b",
  ])
  func `what is no registry's name is refused`(text: String) {
    #expect(throws: ClientError.self) { try Trust.name(text) }
  }
}
