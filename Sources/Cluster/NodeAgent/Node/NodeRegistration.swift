import HTTPServing
import KubeMachinery
import KubeResources
import Logging

/// Makes the node known to the server, and keeps its status and lease up.
struct NodeRegistration: Sendable {
  static let statusSeconds: Int64 = 10
  /// A status that says nothing new is told this often. Source: Kubernetes *Nodes*, heartbeats.
  static let repeatSeconds: Int64 = 300
  private static let retrySeconds: Int64 = 1

  let cluster: any ClusterAccess
  let settings: NodeSettings
  /// Looks at the machine.
  let facts: @Sendable () async -> NodeFacts
  let now: @Sendable () -> Timestamp
  let clock: any Clock<Duration>
  let logger: Logger

  private var path: [String] { ["api", "v1", "nodes", settings.name] }

  private func document() async -> NodeDocument { NodeDocument(settings: settings, facts: await facts(), now: now()) }

  /// Makes the node, or finds it. Throws what the cluster's calls throw.
  /// - Returns: the node as the server has it.
  func register() async throws -> JSONValue {
    do {
      return try await cluster.send(ClusterRequest(.get, path))
    } catch let error as StatusError where error.code == 404 {
      let node = await document()
      do {
        let made = try await cluster.send(ClusterRequest(.post, ["api", "v1", "nodes"], body: node.document))
        logger.notice("node '\(settings.name)' is registered")
        return made
      } catch let error as StatusError where error.code == 409 {
        // The lease and the status begin at the same time.
        return try await cluster.send(ClusterRequest(.get, path))
      }
    }
  }

  /// Until cancelled.
  func keepUp() async {
    await withTaskGroup(of: Void.self) { group in
      group.addTask { await self.keepStatus() }
      group.addTask { await self.keepLease() }
    }
  }

  private func keepStatus() async {
    var told = Timestamp(seconds: 0)
    while !Task.isCancelled {
      do {
        let known = try await register()
        let node = await document()
        let status = node.status(after: known["status"] ?? [:])
        let isOld = now().seconds - told.seconds >= Self.repeatSeconds
        if isOld || NodeDocument.differs(status, known["status"] ?? [:]) {
          _ = try await cluster.send(.strategicPatch(path + ["status"], ["status": status]))
          told = now()
        }
        // What an administrator has taken away comes again, as pods are placed by it.
        let labels = known.meta.labels
        if !node.labels.members.allSatisfy({ labels[$0.name] == $0.value.text }) {
          _ = try await cluster.send(.strategicPatch(path, ["metadata": ["labels": node.labels]]))
        }
      } catch is CancellationError {
        return
      } catch {
        logger.warning("the node's status could not be told: \(error)")
      }
      try? await clock.sleep(for: .seconds(Self.statusSeconds))
    }
  }

  private func keepLease() async {
    let folder = ["apis", "coordination.k8s.io", "v1", "namespaces", NodeLease.namespace, "leases"]
    while !Task.isCancelled {
      var wait = NodeLease.renewSeconds
      do {
        let patch: JSONValue = ["spec": ["renewTime": .string(now().microText)]]
        do {
          _ = try await cluster.send(.strategicPatch(folder + [settings.name], patch))
        } catch let error as StatusError where error.code == 404 {
          let uid = try await register().meta.uid
          let lease = NodeLease.document(settings.name, uid: uid, at: now())
          _ = try await cluster.send(ClusterRequest(.post, folder, body: lease))
        }
      } catch is CancellationError {
        return
      } catch {
        logger.warning("the node's lease could not be renewed: \(error)")
        wait = Self.retrySeconds
      }
      try? await clock.sleep(for: .seconds(wait))
    }
  }
}
