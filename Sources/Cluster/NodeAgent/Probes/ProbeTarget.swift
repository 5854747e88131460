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

  /// - Parameter address: of the pod, where the action names no host.
  init(_ action: JSONValue, of container: ContainerDocument, address: String) {
    func host(_ section: JSONValue) -> String {
      let named = section.textAt("host")
      return named.isEmpty ? address : named
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
          isEncrypted: section.textAt("scheme") == "HTTPS", host: host(section), port: port,
          path: path.hasPrefix("/") ? path : "/\(path)",
          headers: section.listAt("httpHeaders").map { EnvironmentVariable($0.textAt("name"), $0.textAt("value")) }))
    } else if let section = action["tcpSocket"] {
      guard let port = container.port(section["port"]) else {
        self = .impossible("the container has no port \(section["port"]?.encodedText ?? "")")
        return
      }
      self = .tcp(host: host(section), port: port)
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
