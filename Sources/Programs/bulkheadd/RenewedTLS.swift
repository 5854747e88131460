import Certificates
import FoundationEssentials
import HTTPServing
import LinuxSystem

/// The server's certificate, made anew at each start and after two thirds of its life. Its key is in memory only.
final class RenewedTLS: Sendable {
  let serving: ServerTLS
  private let authority: CertificateAuthority
  private let names: [String]
  private let lifeSeconds: Double
  private let dates: Locked<(renewAt: Date, endsAt: Date)>

  /// - Parameter clientAuthorities: in PEM form, who may vouch for clients; empty where none is asked for a certificate.
  init(
    authority: CertificateAuthority, names: [String], lifeSeconds: Double, clientAuthorities: String = ""
  ) throws {
    self.authority = authority
    self.names = names
    self.lifeSeconds = lifeSeconds
    let identity = try authority.issue(names: names, lifeSeconds: lifeSeconds)
    serving = try ServerTLS(
      chain: Array(identity.chainPEM.utf8), privateKey: Array(identity.keyPEM.utf8),
      clientAuthorities: Array(clientAuthorities.utf8))
    dates = Locked((identity.renewAt, identity.endsAt))
  }

  /// The last moment of the present certificate.
  var endsAt: Date { dates.withLock { $0.endsAt } }

  /// Renews the certificate where that is due; true where it was. New connections get the new one.
  func renewIfDue(_ now: Date) throws -> Bool {
    guard now >= dates.withLock({ $0.renewAt }) else { return false }
    let identity = try authority.issue(names: names, lifeSeconds: lifeSeconds)
    try serving.replace(chain: Array(identity.chainPEM.utf8), privateKey: Array(identity.keyPEM.utf8))
    dates.withLock { $0 = (identity.renewAt, identity.endsAt) }
    return true
  }
}
