import HTTPServing
import LinuxSystem

/// Which pods nodes have and what those name: read once, then kept up by following the store.
public final class LiveNodePods: NodeAccess.Pods {
  private struct Reference: Hashable {
    let resource: String
    let namespace: String
    let name: String
  }

  private struct Pod {
    let node: String
    let references: Set<Reference>
  }

  private struct State {
    var pods: [ObjectPlace: Pod] = [:]
    /// How many pods of a node name something.
    var counts: [String: [Reference: Int]] = [:]
    var revision: Int64 = 0

    mutating func put(_ place: ObjectPlace, _ pod: Pod?) {
      if let old = pods.removeValue(forKey: place) {
        for reference in old.references { count(reference, old.node, by: -1) }
      }
      guard let pod else { return }
      pods[place] = pod
      for reference in pod.references { count(reference, pod.node, by: 1) }
    }

    private mutating func count(_ reference: Reference, _ node: String, by change: Int) {
      let count = (counts[node]?[reference] ?? 0) + change
      counts[node, default: [:]][reference] = count > 0 ? count : nil
      if counts[node]?.isEmpty == true { counts[node] = nil }
    }
  }

  private static let resource = ResourceName(group: "", resource: "pods")

  private let store: any ObjectStore
  private let state = Locked(State())

  /// Reads all pods. Throws what the store throws.
  public init(_ service: ObjectService) async throws {
    store = service.store
    try await reload()
  }

  public func isBound(pod name: String, in namespace: String, to node: String) -> Bool {
    state.withLock { $0.pods[ObjectPlace(namespace: namespace, name: name)]?.node == node }
  }

  public func isReferenced(_ resource: String, _ name: String, in namespace: String, by node: String) -> Bool {
    let reference = Reference(resource: resource, namespace: namespace, name: name)
    return state.withLock { $0.counts[node]?[reference] != nil }
  }

  /// Reads all pods anew: for who is about to refuse, as an agent may ask before the change that allows it was followed.
  public func reload() async throws {
    let request = ListRequest(Self.resource) { _, attributes in
      !(attributes.fields["spec.nodeName"] ?? "").isEmpty
    }
    let (pods, revision) = try await store.collect(request) { object -> (place: ObjectPlace, pod: Pod?)? in
      (Self.place(object.key), Self.pod(try object.value()))
    }
    state.withLock { state in
      guard revision >= state.revision else { return }
      state = State()
      state.revision = revision
      for (place, pod) in pods { state.put(place, pod) }
    }
  }

  /// Follows the store until cancelled. Throws where it cannot; it may be called again then and begins with a look at everything.
  public func follow() async throws {
    try await reload()
    var revision = state.withLock { $0.revision }
    while true {
      let slice = try await store.events(of: Self.resource, in: nil, after: revision)
      let changes = try slice.events.map { event -> (place: ObjectPlace, pod: Pod?, revision: Int64) in
        let pod = event.change == .deleted ? nil : Self.pod(try event.object.value())
        return (Self.place(event.object.key), pod, event.revision)
      }
      state.withLock { state in
        for change in changes where change.revision > state.revision { state.put(change.place, change.pod) }
        state.revision = max(state.revision, slice.revision)
      }
      revision = slice.revision
    }
  }

  private static func place(_ key: ObjectKey) -> ObjectPlace {
    ObjectPlace(namespace: key.namespace, name: key.name)
  }

  /// Nil for a pod without a node.
  private static func pod(_ document: JSONValue) -> Pod? {
    let spec = document["spec"] ?? [:]
    guard let node = spec["nodeName"]?.text, !node.isEmpty else { return nil }
    let namespace = document.meta.namespace
    var references: Set<Reference> = []
    func add(_ resource: String, _ name: String?) {
      guard let name, !name.isEmpty else { return }
      references.insert(Reference(resource: resource, namespace: namespace, name: name))
    }
    add("serviceaccounts", spec["serviceAccountName"]?.text ?? "default")
    for secret in spec["imagePullSecrets"]?.items ?? [] { add("secrets", secret["name"]?.text) }
    for volume in spec["volumes"]?.items ?? [] {
      add("secrets", volume.at("secret", "secretName")?.text)
      add("configmaps", volume.at("configMap", "name")?.text)
      add("persistentvolumeclaims", volume.at("persistentVolumeClaim", "claimName")?.text)
      for source in volume.at("projected", "sources")?.items ?? [] {
        add("secrets", source.at("secret", "name")?.text)
        add("configmaps", source.at("configMap", "name")?.text)
      }
    }
    for list in ["initContainers", "containers", "ephemeralContainers"] {
      for container in spec[list]?.items ?? [] {
        for source in container["envFrom"]?.items ?? [] {
          add("secrets", source.at("secretRef", "name")?.text)
          add("configmaps", source.at("configMapRef", "name")?.text)
        }
        for variable in container["env"]?.items ?? [] {
          add("secrets", variable.at("valueFrom", "secretKeyRef", "name")?.text)
          add("configmaps", variable.at("valueFrom", "configMapKeyRef", "name")?.text)
        }
      }
    }
    return Pod(node: node, references: references)
  }
}
