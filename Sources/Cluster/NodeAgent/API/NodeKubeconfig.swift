import FoundationEssentials
import HTTPServing
import KubeMachinery
import KubeResources
import LinuxSystem
import Model

/// How an agent reaches its server: a kubeconfig in JSON, which the server writes for the agent of its own machine.
public struct NodeKubeconfig: Sendable, Equatable {
  /// Of the file.
  public static let maxBytes = 256 << 10

  /// As the server's certificate authority names it: `system:node:NAME`.
  public let user: String
  /// `https://HOST:PORT`
  public let server: String
  /// The authority that vouches for the server.
  public let authorityPEM: String
  /// The node's own certificate and its key.
  public let certificatePEM: String
  public let keyPEM: String

  /// The node's name.
  public var node: String { String(user.dropFirst(NodeAccess.userPrefix.count)) }

  public init(user: String, server: String, authorityPEM: String, certificatePEM: String, keyPEM: String) {
    self.user = user
    self.server = server
    self.authorityPEM = authorityPEM
    self.certificatePEM = certificatePEM
    self.keyPEM = keyPEM
  }

  /// Source: Kubernetes *Organizing Cluster Access Using kubeconfig Files*; JSON is YAML, so that kubectl reads it, too.
  public var document: JSONValue {
    func base64(_ text: String) -> JSONValue { .string(Data(text.utf8).base64EncodedString()) }
    return [
      "apiVersion": "v1", "kind": "Config",
      "clusters": [
        [
          "name": "bulkhead",
          "cluster": ["server": .string(server), "certificate-authority-data": base64(authorityPEM)],
        ]
      ],
      "users": [
        [
          "name": .string(user),
          "user": ["client-certificate-data": base64(certificatePEM), "client-key-data": base64(keyPEM)],
        ]
      ],
      "contexts": [["name": "bulkhead", "context": ["cluster": "bulkhead", "user": .string(user)]]],
      "current-context": "bulkhead",
    ]
  }

  /// Reads the first cluster and user. Blocks. Throws `PlatformError` (`unavailable`: not there yet; `invalidArgument`: not of this form).
  public static func load(_ path: String) throws -> NodeKubeconfig {
    let bytes: [UInt8]
    do {
      bytes = try FileSystem.read(path, maxBytes: maxBytes)
    } catch {
      throw PlatformError(
        .unavailable, "cannot read '\(path)', which 'bulkheadd server' writes at its start: \(error)", cause: error)
    }
    func invalid(_ reason: String) -> PlatformError { PlatformError(.invalidArgument, "'\(path)' \(reason)") }
    guard let document = try? JSONParser.parse(bytes) else { throw invalid("is no kubeconfig in JSON") }
    guard let cluster = document.listAt("clusters").first?["cluster"], let user = document.listAt("users").first else {
      throw invalid("names no cluster or no user")
    }
    func decoded(_ section: JSONValue?, _ name: String) throws -> String {
      guard let data = Data(base64Encoded: section?.textAt(name) ?? ""), !data.isEmpty else {
        throw invalid("has no \(name)")
      }
      return String(decoding: data, as: UTF8.self)
    }
    let name = user.textAt("name")
    guard name.hasPrefix(NodeAccess.userPrefix), name.utf8.count > NodeAccess.userPrefix.utf8.count else {
      throw invalid("is not that of a node: its user is '\(name.prefix(100))'")
    }
    let server = cluster.textAt("server")
    guard server.hasPrefix("https://") else { throw invalid("names no server at https://") }
    return NodeKubeconfig(
      user: name, server: server, authorityPEM: try decoded(cluster, "certificate-authority-data"),
      certificatePEM: try decoded(user["user"], "client-certificate-data"),
      keyPEM: try decoded(user["user"], "client-key-data"))
  }
}
