import Crypto
import Internet
import KubeResources

/// The chains and sets by which each client of a service's port stays with one endpoint.
///
/// A set for each endpoint holds its clients, and forgets those that have not come again for a while. Names are made from what
/// the chains say, so that a change of endpoints makes new ones, while the sets of endpoints that stay keep their clients.
struct StickyGroup: Sendable, Hashable {
  let service: ServiceKey
  let port: UInt16
  let transport: ServiceTransport
  let timeoutSeconds: Int
  let backends: [Backend]

  static let prefix = "sticky_"
  static let memberPrefix = "stay_"
  static let clientPrefix = "clients_"
  /// Clients that are remembered of one endpoint; more are spread by chance.
  private static let maximumClients = 65_536

  private var identity: String {
    "\(service.namespace)/\(service.name) \(transport.rawValue) \(port) \(timeoutSeconds)"
  }

  var chain: String {
    Self.prefix + Self.hash("\(identity) \(backends.map { "\($0.address):\($0.port)" }.joined(separator: ","))")
  }

  private func suffix(_ backend: Backend) -> String { Self.hash("\(identity) \(backend.address):\(backend.port)") }

  var memberChains: [String] { backends.map { Self.memberPrefix + suffix($0) } }
  var clientSets: [String] { backends.map { Self.clientPrefix + suffix($0) } }

  /// 128 bits of SHA-256: authors of services choose what is hashed, and two that had one name would share their clients' endpoints.
  private static func hash(_ text: String) -> String {
    SHA256.hash(data: Array(text.utf8)).prefix(16).map { byte in
      let digits = String(byte, radix: 16)
      return digits.utf8.count == 1 ? "0\(digits)" : digits
    }.joined()
  }

  /// Declarations within a table; those of members that several groups share say the same.
  var setText: String {
    clientSets.map { set in
      "  set \(set) { type ipv4_addr; size \(Self.maximumClients); flags dynamic, timeout; timeout \(timeoutSeconds)s; }\n"
    }.joined()
  }

  /// The chain of one member.
  func memberText(_ index: Int) -> String {
    let backend = backends[index]
    return """
        chain \(memberChains[index]) {
          update @\(clientSets[index]) { ip saddr timeout \(timeoutSeconds)s }
          meta l4proto \(transport.rawValue) dnat ip to \(backend.address):\(backend.port)
        }

      """
  }

  var chainText: String {
    let known = zip(clientSets, memberChains).map { "    ip saddr @\($0) goto \($1)\n" }.joined()
    let choices = memberChains.enumerated().map { "\($0) : goto \($1)" }.joined(separator: ", ")
    return """
        chain \(chain) {
          meta nfproto != ipv4 return
      \(known)    numgen random mod \(backends.count) vmap { \(choices) }
        }

      """
  }
}
