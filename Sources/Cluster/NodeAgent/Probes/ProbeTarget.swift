import HTTPServing
import KubeMachinery
import KubeResources

/// What a probe or a hook does. Source: Kubernetes API reference, *Probe*, *LifecycleHandler*.
enum ProbeTarget: Equatable, Sendable {
  case execute([String])
  case http(HTTPCheck)
  case tcp(host: String, port: Int64)
  case grpc(port: Int64, service: String)
  case sleep(seconds: Int64)
  /// It cannot be done, and why.
  case impossible(String)

  struct HTTPCheck: Equatable, Sendable {
    var isEncrypted: Bool
    var host: String
    var port: Int64
    /// With its query.
    var path: String
    var headers: [EnvironmentVariable]
  }

  /// - Parameter address: of the pod, or of the node where the pod is on its network. The node asks nobody else: it reaches what
  ///   the pod's author may not.
  init(_ action: JSONValue, of container: ContainerDocument, address: String) {
    let named = (action["httpGet"] ?? action["tcpSocket"] ?? [:]).textAt("host")
    guard named.isEmpty || named == address else {
      self = .impossible(
        "the host \(named.prefix(253)) is not asked: probes and hooks reach the pod's own address only")
      return
    }
    if let section = action["exec"] {
      self = .execute(section.listAt("command").compactMap(\.text))
    } else if let section = action["httpGet"] {
      guard let port = container.port(section["port"]) else {
        self = .impossible("the container has no port \(section["port"]?.encodedText ?? "")")
        return
      }
      let path = section.textAt("path")
      self = .http(
        HTTPCheck(
          isEncrypted: section.textAt("scheme") == "HTTPS", host: address, port: port,
          path: path.hasPrefix("/") ? path : "/\(path)",
          headers: section.listAt("httpHeaders").map { EnvironmentVariable($0.textAt("name"), $0.textAt("value")) }))
    } else if let section = action["tcpSocket"] {
      guard let port = container.port(section["port"]) else {
        self = .impossible("the container has no port \(section["port"]?.encodedText ?? "")")
        return
      }
      self = .tcp(host: address, port: port)
    } else if let section = action["grpc"] {
      self = .grpc(port: section.numberAt("port"), service: section.textAt("service"))
    } else if let section = action["sleep"] {
      self = .sleep(seconds: section.numberAt("seconds"))
    } else {
      self = .impossible("the handler names no action")
    }
  }
}

/// Does what probes and hooks say.
protocol ProbeRunner: Sendable {
  func run(_ target: ProbeTarget, in container: String, address: String, timeoutSeconds: Int64) async -> ProbeAnswer
}
