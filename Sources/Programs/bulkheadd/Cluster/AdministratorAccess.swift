import Certificates
import FoundationEssentials
import LinuxSystem

/// The kubeconfig for root and the group of the server's user: a file with a certificate of its own, made anew at each start and after
/// two thirds of its life.
final class AdministratorAccess: Sendable {
  private static let lifeSeconds = 30.0 * 86_400

  let path: String
  private let authority: CertificateAuthority
  private let address: String
  private let renewAt = Locked(Date.distantPast)

  /// - Parameters:
  ///   - path: of the file, which only its owner writes and his group reads.
  ///   - address: host and port, as URLs say them.
  init(path: String, authority: CertificateAuthority, address: String) throws {
    self.path = path
    self.authority = authority
    self.address = address
    try renewIfDue(Date())
  }

  /// True where it was due.
  @discardableResult
  func renewIfDue(_ now: Date) throws -> Bool {
    guard now >= renewAt.withLock({ $0 }) else { return false }
    let identity = try authority.issueClient(
      user: "bulkhead-administrator", groups: [ClusterContents.administrators], lifeSeconds: Self.lifeSeconds)
    try FileSystem.atomicWrite(path, Array(text(identity).utf8), mode: 0o640, durable: false)
    renewAt.withLock { $0 = identity.renewAt }
    return true
  }

  /// Source: Kubernetes *Organizing Cluster Access Using kubeconfig Files*.
  private func text(_ identity: ClientIdentity) -> String {
    func base64(_ text: String) -> String { Data(text.utf8).base64EncodedString() }
    return """
      apiVersion: v1
      kind: Config
      clusters:
        - name: bulkhead
          cluster:
            server: https://\(address)
            certificate-authority-data: \(base64(authority.certificatePEM))
      users:
        - name: administrator
          user:
            client-certificate-data: \(base64(identity.certificatePEM))
            client-key-data: \(base64(identity.keyPEM))
      contexts:
        - name: bulkhead
          context: {cluster: bulkhead, user: administrator, namespace: default}
      current-context: bulkhead

      """
  }
}
