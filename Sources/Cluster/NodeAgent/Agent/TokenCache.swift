import HTTPServing
import KubeMachinery
import KubeResources

/// Tokens of service accounts that volumes show: asked for once and renewed in time.
actor TokenCache {
  private struct Place: Hashable {
    let pod: String
    let key: ProjectedToken.Key
  }

  private var known: [Place: ProjectedToken] = [:]

  /// Throws what the cluster's calls throw. One that is still good is given where a new one is not to be had.
  func token(_ key: ProjectedToken.Key, for pod: PodDocument, _ context: AgentContext) async throws -> ProjectedToken {
    let place = Place(pod: pod.identity.uid, key: key)
    let now = context.now()
    let old = known[place]
    if let old, !old.isDue(at: now) { return old }
    do {
      let token = try await request(key, pod, context)
      known[place] = token
      return token
    } catch {
      if let old, old.endsAt > now { return old }
      throw error
    }
  }

  private func request(
    _ key: ProjectedToken.Key, _ pod: PodDocument, _ context: AgentContext
  ) async throws -> ProjectedToken {
    let account = pod.spec.textAt("serviceAccountName")
    let path = [
      "api", "v1", "namespaces", pod.identity.namespace, "serviceaccounts", account.isEmpty ? "default" : account,
      "token",
    ]
    var spec: JSONValue = [
      "expirationSeconds": .integer(key.seconds),
      "boundObjectRef": [
        "apiVersion": "v1", "kind": "Pod", "name": .string(pod.identity.name), "uid": .string(pod.identity.uid),
      ],
    ]
    if !key.audience.isEmpty { spec["audiences"] = [.string(key.audience)] }
    let now = context.now()
    let answer = try await context.cluster.send(
      ClusterRequest(
        .post, path, body: ["apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec]))
    return ProjectedToken(
      text: answer.textAt("status", "token"), issuedAt: now,
      endsAt: Timestamp(answer.textAt("status", "expirationTimestamp")) ?? now)
  }

  func forget(pod uid: String) { known = known.filter { $0.key.pod != uid } }
}
