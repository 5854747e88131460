import Certificates
import FoundationEssentials
import KubeMachinery
import KubernetesAPI
import LinuxSystem

/// Who holds a client's certificate, by its subject: the common name is the user, each organisation is a group.
///
/// TLS has checked that the authority made it. What was read of a certificate is kept, as a client shows it with each connection.
final class CertificateHolders: Sendable {
  private struct Holder {
    let requester: Requester
    let valid: ClosedRange<Int64>
  }

  private static let maxKnown = 1_024

  private let known = Locked<[[UInt8]: Holder]>([:])
  private let now: @Sendable () -> Int64

  /// - Parameter now: seconds since 1970.
  init(now: @escaping @Sendable () -> Int64) {
    self.now = now
  }

  /// Nil for a certificate that names nobody, or is over: a connection may live longer than what it began with.
  func requester(_ der: [UInt8]) -> Requester? {
    guard let holder = known.withLock({ $0[der] }) ?? read(der), holder.valid.contains(now()) else { return nil }
    return holder.requester
  }

  private func read(_ der: [UInt8]) -> Holder? {
    guard let certificate = try? ClientCertificate(der: der), !certificate.commonName.isEmpty,
      certificate.notBefore <= certificate.notAfter
    else { return nil }
    let holder = Holder(
      requester: Requester(
        name: certificate.commonName, groups: certificate.organizations + [Requester.authenticated]),
      valid: certificate.notBefore...certificate.notAfter)
    known.withLock { known in
      if known.count >= Self.maxKnown { known = [:] }
      known[der] = holder
    }
    return holder
  }
}
