import HTTPServing
import KubeMachinery
import PodStreams

/// Has nodes and what runs in pods answer: the agents of the nodes. Where a node has no pod of that uid, though one of that name, it is
/// not found (404): the successor is not the pod that the client was allowed to see.
public protocol NodeConnections: Sendable {
  /// A pod's log as it comes, with the client's own parameters (`core/v1.PodLogOptions`). Throws `StatusError`.
  func logs(of pod: PodIdentity, query: QueryParameters) async throws -> HTTPResponse
  /// A stream of a pod: `exec`, `attach` (frames of docs/cri.md) or `portforward` (with `port`: that port's own bytes). Throws `StatusError`.
  func open(_ action: String, of pod: PodIdentity, query: QueryParameters) async throws -> UpgradedConnection
  /// What `nodes` or `pods` use, as documents of `metrics.k8s.io/v1beta1` without kind and labels. Throws `StatusError`.
  func measures(of what: String) async throws -> [JSONValue]
}

/// A request for the log of a pod.
struct PodLogCall: Sendable {
  let api: KubernetesAPI
  let request: HTTPRequest
  let kind: Kind
  let namespace: String
  let name: String

  /// Throws `StatusError`.
  func answer() async throws -> HTTPResponse {
    guard let nodes = api.nodes else { throw StatusError.notImplemented("pods/log") }
    let pod = try await api.service.get(kind, in: namespace, name).value()
    guard !(pod.at("spec", "nodeName")?.text ?? "").isEmpty else {
      throw StatusError.badRequest("pod \(name) does not have a host assigned")
    }
    return try await nodes.logs(of: PodIdentity(pod.meta), query: request.query)
  }
}
