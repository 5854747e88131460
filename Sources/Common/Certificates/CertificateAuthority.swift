import Crypto
import FoundationEssentials
import Glibc
import LinuxSystem
import Model
import SwiftASN1
import X509

/// The platform's own certificate authority: one key and one certificate in a folder, made at the first start.
///
/// Keys are ECDSA over P-256. Source: RFC 5280.
public struct CertificateAuthority: Sendable {
  private static let lifeSeconds = 10.0 * 365 * 86_400
  /// How far clocks of others may be behind.
  private static let skewSeconds = 3_600.0
  private static let maximumFileBytes = 64 << 10

  private let certificate: Certificate
  private let key: P256.Signing.PrivateKey
  /// The authority's certificate in PEM form, which clients are to trust.
  public let certificatePEM: String

  /// Opens the authority, or makes it where nothing is there yet.
  /// - Throws: `internal` where its files are damaged or do not belong together; they are left as they are, as others
  ///   trust them: restore them from a backup, or remove both for a new authority.
  public static func open(directory: String) throws -> CertificateAuthority {
    let (certificatePath, keyPath) = ("\(directory)/ca.crt", "\(directory)/ca.key")
    do {
      try FileSystem.makeDirectories(directory, mode: 0o700)
      if !FileSystem.exists(certificatePath) && !FileSystem.exists(keyPath) {
        let fresh = try make()
        // The key comes first: a certificate without its key would be trusted and of no use.
        try FileSystem.atomicWrite(keyPath, Array(fresh.key.pemRepresentation.utf8), mode: 0o600, durable: true)
        try FileSystem.atomicWrite(certificatePath, Array(fresh.certificatePEM.utf8), mode: 0o644, durable: true)
        return fresh
      }
      if !FileSystem.exists(certificatePath) {
        // A crash came between the two: nobody can trust a certificate that was never there.
        try FileSystem.removeFile(keyPath)
        return try open(directory: directory)
      }
      let pem = String(
        decoding: try FileSystem.read(certificatePath, maxBytes: maximumFileBytes), as: UTF8.self)
      let keyText = String(decoding: try FileSystem.read(keyPath, maxBytes: maximumFileBytes), as: UTF8.self)
      let authority = CertificateAuthority(
        certificate: try Certificate(pemEncoded: pem), key: try P256.Signing.PrivateKey(pemRepresentation: keyText),
        certificatePEM: pem)
      guard authority.certificate.publicKey == Certificate.PublicKey(authority.key.publicKey) else {
        throw PlatformError(.internal, "they do not belong together")
      }
      return authority
    } catch {
      throw PlatformError(
        .internal,
        "the certificate authority in '\(directory)' cannot be used: restore ca.crt and ca.key from a backup, or remove both "
          + "for a new one", cause: error)
    }
  }

  private init(certificate: Certificate, key: P256.Signing.PrivateKey, certificatePEM: String) {
    self.certificate = certificate
    self.key = key
    self.certificatePEM = certificatePEM
  }

  private static func make() throws -> CertificateAuthority {
    let key = P256.Signing.PrivateKey()
    let name = try DistinguishedName {
      OrganizationName("Bulkhead")
      CommonName("Bulkhead authority \(String(UInt32.random(in: 0 ... .max), radix: 36))")
    }
    let now = Date()
    let certificate = try Certificate(
      version: .v3, serialNumber: Certificate.SerialNumber(), publicKey: .init(key.publicKey),
      notValidBefore: now - skewSeconds, notValidAfter: now + lifeSeconds, issuer: name, subject: name,
      signatureAlgorithm: .ecdsaWithSHA256,
      extensions: try Certificate.Extensions {
        Critical(BasicConstraints.isCertificateAuthority(maxPathLength: 0))
        Critical(KeyUsage(keyCertSign: true, cRLSign: true))
        SubjectKeyIdentifier(hash: .init(key.publicKey))
      },
      issuerPrivateKey: .init(key))
    return CertificateAuthority(
      certificate: certificate, key: key, certificatePEM: try certificate.serializeAsPEM().pemString + "\n")
  }

  /// A server's certificate with a key of its own.
  /// - Parameters:
  ///   - names: DNS names and IP addresses that it is to hold for; the first is its common name.
  ///   - lifeSeconds: from now on.
  public func issue(names: [String], lifeSeconds: Double) throws -> ServerIdentity {
    let fresh = P256.Signing.PrivateKey()
    let now = Date()
    let issued = try sign(
      subject: try DistinguishedName {
        OrganizationName("Bulkhead")
        CommonName(String((names.first ?? "localhost").prefix(64)))
      }, publicKey: .init(fresh.publicKey), from: now, lifeSeconds: lifeSeconds, usage: [.serverAuth], names: names)
    return ServerIdentity(
      chainPEM: try issued.serializeAsPEM().pemString + "\n" + certificatePEM, keyPEM: fresh.pemRepresentation,
      renewAt: now + lifeSeconds * 2 / 3, endsAt: now + lifeSeconds)
  }

  /// - Parameter names: none where the certificate is not to hold for a host.
  func sign(
    subject: DistinguishedName, publicKey: Certificate.PublicKey, from start: Date, lifeSeconds: Double,
    usage: [ExtendedKeyUsage.Usage], names: [String]
  ) throws -> Certificate {
    try Certificate(
      version: .v3, serialNumber: Certificate.SerialNumber(), publicKey: publicKey,
      notValidBefore: start - Self.skewSeconds, notValidAfter: start + lifeSeconds, issuer: certificate.subject,
      subject: subject, signatureAlgorithm: .ecdsaWithSHA256,
      extensions: try Certificate.Extensions {
        Critical(BasicConstraints.notCertificateAuthority)
        Critical(KeyUsage(digitalSignature: true))
        try ExtendedKeyUsage(usage)
        AuthorityKeyIdentifier(keyIdentifier: SubjectKeyIdentifier(hash: .init(key.publicKey)).keyIdentifier)
        if !names.isEmpty { SubjectAlternativeNames(names.map(Self.generalName)) }
      },
      issuerPrivateKey: .init(key))
  }

  private static func generalName(_ name: String) -> GeneralName {
    var four = in_addr()
    if inet_pton(AF_INET, name, &four) == 1 {
      return .ipAddress(ASN1OctetString(contentBytes: withUnsafeBytes(of: four) { ArraySlice($0) }))
    }
    var six = in6_addr()
    if inet_pton(AF_INET6, name, &six) == 1 {
      return .ipAddress(ASN1OctetString(contentBytes: withUnsafeBytes(of: six) { ArraySlice($0) }))
    }
    return .dnsName(name)
  }
}

/// What a server shows and proves over TLS.
public struct ServerIdentity: Sendable {
  /// The server's certificate and the authority's, in PEM form.
  public let chainPEM: String
  public let keyPEM: String
  /// When the next one is due: after two thirds of its life.
  public let renewAt: Date
  /// Its last moment.
  public let endsAt: Date
}
