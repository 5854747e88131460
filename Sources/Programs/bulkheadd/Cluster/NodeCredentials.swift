import Certificates
import FoundationEssentials
import Glibc
import KubeMachinery
import LinuxSystem
import NodeAgent

/// The kubeconfig for the agent of this machine's node: a file with a certificate of its own, made anew at each start and after two
/// thirds of its life. The agent reads it anew.
final class NodeCredentials: Sendable {
  private static let lifeSeconds = 30.0 * 86_400

  let path: String
  let node: String
  private let authority: CertificateAuthority
  private let address: String
  private let renewAt = Locked(Date.distantPast)

  /// Writes nothing yet.
  /// - Parameters:
  ///   - path: of the file, which nobody but its owner and root reads.
  ///   - address: host and port, as URLs say them.
  init(path: String, node: String, authority: CertificateAuthority, address: String) {
    self.path = path
    self.node = node
    self.authority = authority
    self.address = address
  }

  /// True where it was due.
  @discardableResult
  func renewIfDue(_ now: Date) throws -> Bool {
    guard now >= renewAt.withLock({ $0 }) else { return false }
    let user = NodeAccess.userPrefix + node
    let identity = try authority.issueClient(user: user, groups: [NodeAccess.group], lifeSeconds: Self.lifeSeconds)
    let config = NodeKubeconfig(
      user: user, server: "https://\(address)", authorityPEM: authority.certificatePEM,
      certificatePEM: identity.certificatePEM, keyPEM: identity.keyPEM)
    try FileSystem.atomicWrite(path, config.document.encoded() + [10], mode: 0o600, durable: false)
    renewAt.withLock { $0 = identity.renewAt }
    return true
  }

  /// This machine's name in the form that nodes have (RFC 1123); `node` where it has none of that form.
  static var machineName: String {
    var buffer = [CChar](repeating: 0, count: 256)
    gethostname(&buffer, buffer.count - 1)
    let host = String(decoding: buffer.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self).lowercased()
    return NameRule.subdomain.problems(host, isPrefix: false).isEmpty ? host : "node"
  }
}
