import Glibc
import LinuxSystem
import Model
import Testing
import X509

@testable import Certificates

@Suite struct CertificateAuthorityTests {
  private static func withFolder(_ body: (String) throws -> Void) throws {
    var template = Array("/tmp/certificates-XXXXXX".utf8CString)
    let folder = try #require(mkdtemp(&template).map { String(cString: $0) })
    defer { try? FileSystem.removeTree(folder) }
    try body(folder + "/ca")
  }

  private static func first(_ chain: String) throws -> Certificate {
    let end = try #require(chain.firstRange(of: "-----END CERTIFICATE-----")).upperBound
    return try Certificate(pemEncoded: String(chain[..<end]))
  }

  @Test func theAuthorityStaysTheSameAndItsKeyIsClosed() throws {
    try Self.withFolder { folder in
      let made = try CertificateAuthority.open(directory: folder)
      #expect(try CertificateAuthority.open(directory: folder).certificatePEM == made.certificatePEM)
      var status = stat()
      #expect(lstat(folder + "/ca.key", &status) == 0 && status.st_mode & 0o777 == 0o600)
    }
  }

  @Test func certificatesHoldForTheirNamesAndComeFromTheAuthority() throws {
    try Self.withFolder { folder in
      let authority = try CertificateAuthority.open(directory: folder)
      let identity = try authority.issue(names: ["localhost", "127.0.0.1", "::1"], lifeSeconds: 90 * 86_400)
      let certificate = try Self.first(identity.chainPEM)
      let root = try Certificate(pemEncoded: authority.certificatePEM)
      #expect(root.publicKey.isValidSignature(certificate.signature, for: certificate))
      let names = try #require(try certificate.extensions.subjectAlternativeNames)
      #expect(names.count == 3)
      #expect("\(names)".contains("localhost"))
      #expect(identity.chainPEM.hasSuffix(authority.certificatePEM))
      #expect(identity.renewAt < certificate.notValidAfter && identity.renewAt > certificate.notValidBefore)
      #expect(try #require(try certificate.extensions.basicConstraints) == .notCertificateAuthority)
    }
  }

  @Test(arguments: ["ca.crt", "ca.key"]) func damagedFilesAreReportedAndLeftAlone(name: String) throws {
    try Self.withFolder { folder in
      _ = try CertificateAuthority.open(directory: folder)
      let path = "\(folder)/\(name)"
      try FileSystem.atomicWrite(path, Array("garbage".utf8), mode: 0o600, durable: false)
      #expect(throws: PlatformError.self) { try CertificateAuthority.open(directory: folder) }
      #expect(try FileSystem.read(path, maxBytes: 100) == Array("garbage".utf8))
    }
  }

  @Test func aKeyOfAnotherAuthorityIsRefused() throws {
    try Self.withFolder { folder in
      _ = try CertificateAuthority.open(directory: folder)
      _ = try CertificateAuthority.open(directory: folder + "/other")
      try FileSystem.rename(folder + "/other/ca.key", to: folder + "/ca.key")
      #expect(throws: PlatformError.self) { try CertificateAuthority.open(directory: folder) }
    }
  }

  @Test func aCrashBeforeTheCertificateWasWrittenMakesANewAuthority() throws {
    try Self.withFolder { folder in
      _ = try CertificateAuthority.open(directory: folder)
      try FileSystem.removeFile(folder + "/ca.crt")
      _ = try CertificateAuthority.open(directory: folder)
      _ = try CertificateAuthority.open(directory: folder)
    }
  }
}

@Suite struct ClientCertificateTests {
  @Test func aClientsCertificateSaysWhoItIs() throws {
    var template = Array("/tmp/certificates-XXXXXX".utf8CString)
    let folder = try #require(mkdtemp(&template).map { String(cString: $0) })
    defer { try? FileSystem.removeTree(folder) }
    let authority = try CertificateAuthority.open(directory: folder + "/ca")
    let names: [(user: String, groups: [String])] = [
      ("ada", []), ("system:node:n1", ["system:nodes"]), ("Jürgen, \"J\" + <x>", ["a,b", " c", "#d"]),
    ]
    for (user, groups) in names {
      let identity = try authority.issueClient(user: user, groups: groups, lifeSeconds: 3_600)
      let certificate = try Certificate(pemEncoded: identity.certificatePEM)
      let root = try Certificate(pemEncoded: authority.certificatePEM)
      #expect(root.publicKey.isValidSignature(certificate.signature, for: certificate))
      #expect(try certificate.extensions.extendedKeyUsage?.contains(.clientAuth) == true)
      #expect(try certificate.extensions.extendedKeyUsage?.contains(.serverAuth) == false)
      #expect(try certificate.extensions.basicConstraints == .notCertificateAuthority)
      let read = try ClientCertificate(der: try certificate.serializeAsPEM().derBytes)
      #expect(read.commonName == user && read.organizations == groups)
      #expect(read.notAfter - read.notBefore >= 3_600 && read.notAfter > read.notBefore)
    }
    #expect(throws: PlatformError.self) { try ClientCertificate(der: [1, 2, 3]) }
    let many = try authority.issueClient(user: "a", groups: (0...64).map { "g\($0)" }, lifeSeconds: 60)
    let der = try Certificate(pemEncoded: many.certificatePEM).serializeAsPEM().derBytes
    #expect(throws: PlatformError.self) { try ClientCertificate(der: der) }
  }
}
