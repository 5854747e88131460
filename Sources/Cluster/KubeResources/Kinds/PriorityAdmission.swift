import HTTPServing
import KubeMachinery

/// Gives pods the priority of their class, and keeps classes from being the default beside another one.
///
/// Source: Kubernetes *Pod Priority and Preemption*; the admission controller `Priority`.
public struct PriorityAdmission: ObjectAdmission {
  private static let pods = ResourceName(group: "", resource: "pods")
  private static let classes = ResourceName(group: "scheduling.k8s.io", resource: "priorityclasses")
  private static let standardPolicy = "PreemptLowerPriority"

  public init() {}

  public func complete(_ object: inout JSONValue, of kind: Kind, in store: any ObjectStore) async throws {
    guard kind.resource == Self.pods else { return try await check(object, of: kind, in: store) }
    let meta = object.meta
    // A generated name is no help to who reads why there is no pod.
    let shown = meta.generateName.isEmpty ? meta.name : meta.generateName
    let priority = try await Self.priorityClass(object.textAt("spec", "priorityClassName"), of: shown, in: store)
    let (value, policy) = (
      priority?.numberAt("value") ?? 0, priority.map { $0.textAt("preemptionPolicy") } ?? Self.standardPolicy
    )
    func refused(_ what: String, _ given: String, _ found: String) -> StatusError {
      .forbidden(
        Self.pods, shown,
        "the \(what) (\(given)) must not be provided in pod spec; priority admission controller computed \(found) from"
          + " the given PriorityClass name")
    }
    if let given = object.at("spec", "priority")?.integer, given != value {
      throw refused("integer value of priority", "\(given)", "\(value)")
    }
    let given = object.textAt("spec", "preemptionPolicy")
    if !given.isEmpty, !policy.isEmpty, given != policy {
      throw refused("string value of PreemptionPolicy", given, policy)
    }
    object.change("spec") { spec in
      if let priority { spec["priorityClassName"] = .string(priority.meta.name) }
      spec["priority"] = .integer(value)
      if !policy.isEmpty { spec["preemptionPolicy"] = .string(policy) }
    }
  }

  public func check(_ object: JSONValue, of kind: Kind, in store: any ObjectStore) async throws {
    guard kind.resource == Self.classes, object.flagAt("globalDefault") else { return }
    let name = object.meta.name
    if let present = try await Self.standardClass(in: store), present.meta.name != name {
      throw StatusError.forbidden(
        Self.classes, name,
        "PriorityClass \(present.meta.name) is already marked as default. Only one default can exist")
    }
  }

  /// The one of that name, which has to be there; without a name the default one, where there is one.
  private static func priorityClass(
    _ name: String, of pod: String, in store: any ObjectStore
  ) async throws -> JSONValue? {
    guard !name.isEmpty else { return try await standardClass(in: store) }
    guard let found = try await store.get(ObjectKey(classes, name: name)) else {
      throw StatusError.forbidden(pods, pod, "no PriorityClass with name \(name) was found")
    }
    return try found.value()
  }

  /// Where several were made at the same moment, the least important one.
  private static func standardClass(in store: any ObjectStore) async throws -> JSONValue? {
    let marked = try await store.collect(ListRequest(classes)) { stored -> JSONValue? in
      let found = try stored.value()
      return found.flagAt("globalDefault") ? found : nil
    }.items
    return marked.min { $0.numberAt("value") < $1.numberAt("value") }
  }
}
