import Crypto
import FoundationEssentials
import Model
import X509

extension CertificateAuthority {
  /// A client's certificate with a key of its own, which says who it is: the common name is the user, each organisation is one of
  /// his groups. Source: Kubernetes *Authenticating*, *X509 client certificates*.
  /// - Parameter lifeSeconds: from now on.
  public func issueClient(user: String, groups: [String], lifeSeconds: Double) throws -> ClientIdentity {
    let fresh = P256.Signing.PrivateKey()
    let now = Date()
    let subject = try DistinguishedName {
      for group in groups { OrganizationName(group) }
      CommonName(user)
    }
    let issued = try sign(
      subject: subject, publicKey: .init(fresh.publicKey), from: now, lifeSeconds: lifeSeconds, usage: [.clientAuth],
      names: [])
    return ClientIdentity(
      certificatePEM: try issued.serializeAsPEM().pemString + "\n", keyPEM: fresh.pemRepresentation,
      renewAt: now + lifeSeconds * 2 / 3)
  }
}

/// What a client shows and proves over TLS.
public struct ClientIdentity: Sendable {
  public let certificatePEM: String
  public let keyPEM: String
  /// When the next one is due: after two thirds of its life.
  public let renewAt: Date
}

/// What a client's certificate says about its holder. That an authority has made it is checked by TLS.
public struct ClientCertificate: Sendable, Equatable {
  static let maxOrganizations = 64

  /// Empty where the subject has no common name.
  public let commonName: String
  public let organizations: [String]
  /// Seconds since 1970.
  public let notBefore: Int64
  public let notAfter: Int64

  /// Throws `invalidArgument` for what is no certificate, has several common names, or too many organisations.
  public init(der: [UInt8]) throws {
    let certificate: Certificate
    do {
      certificate = try Certificate(derEncoded: der)
    } catch {
      throw PlatformError(.invalidArgument, "the client's certificate is malformed", cause: error)
    }
    var names: [String] = []
    var organizations: [String] = []
    for attribute in certificate.subject.joined() {
      guard attribute.type == .RDNAttributeType.commonName || attribute.type == .RDNAttributeType.organizationName
      else {
        continue
      }
      guard let text = String(attribute.value) else {
        throw PlatformError(.invalidArgument, "a name in the client's certificate is no text")
      }
      if attribute.type == .RDNAttributeType.commonName { names.append(text) } else { organizations.append(text) }
    }
    guard names.count <= 1, organizations.count <= Self.maxOrganizations else {
      throw PlatformError(
        .invalidArgument,
        "the client's certificate has \(names.count) common names and \(organizations.count) organisations: at most 1 and"
          + " \(Self.maxOrganizations) are taken")
    }
    commonName = names.first ?? ""
    self.organizations = organizations
    notBefore = Int64(certificate.notValidBefore.timeIntervalSince1970.rounded(.up))
    notAfter = Int64(certificate.notValidAfter.timeIntervalSince1970.rounded(.down))
  }
}
