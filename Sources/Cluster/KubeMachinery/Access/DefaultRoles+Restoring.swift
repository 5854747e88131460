import HTTPServing

extension DefaultRoles {
  private static let autoupdate = "rbac.authorization.kubernetes.io/autoupdate"

  /// A default role or binding that lacks something of what it began with, with that put back; nil where nothing is to be done: rules
  /// and subjects that were added stay, and whoever sets the annotation `…/autoupdate` to `false` is left alone.
  public static func restored(_ current: JSONValue, to wanted: JSONValue) -> JSONValue? {
    guard current.meta.annotations[autoupdate] == "true" else { return nil }
    var object = current
    // Rules of aggregates follow from other roles.
    if wanted["aggregationRule"] == nil, let rules = wanted["rules"] {
      let held = current["rules"]?.items.map(AccessRule.init(document:)) ?? []
      let missing = rules.items.filter { document in
        let rule = AccessRule(document: document)
        return !held.contains { $0.covers(rule) }
      }
      if !missing.isEmpty { object["rules"] = .array((current["rules"]?.items ?? []) + missing) }
    }
    if let subjects = wanted["subjects"], (current["roleRef"] ?? .null).means(wanted["roleRef"] ?? .null) {
      let held = current["subjects"]?.items ?? []
      let missing = subjects.items.filter { subject in !held.contains { $0.means(subject) } }
      if !missing.isEmpty { object["subjects"] = .array(held + missing) }
    }
    return object.means(current) ? nil : object
  }
}

extension ObjectService {
  /// Makes what a cluster begins with where it is not there, and puts back what default roles and bindings have lost.
  /// Throws `StatusError`, and what the store throws.
  /// - Parameter objects: each with `apiVersion`, `kind`, name and, where its kind has one, namespace; namespaces before what is in them.
  public func establish(_ objects: [JSONValue], manager: String, at now: Timestamp) async throws {
    var options = WriteOptions()
    options.fieldManager = manager
    for object in objects {
      guard let kind = catalog[KindName(apiVersion: object.apiVersion, kind: object.kind)] else {
        throw StatusError.notImplemented("\(object.apiVersion) \(object.kind)")
      }
      let meta = object.meta
      if let stored = try await store.get(key(kind, meta.namespace, meta.name)) {
        guard let changed = DefaultRoles.restored(try stored.value(), to: object) else { continue }
        _ = try await update(kind, in: meta.namespace, meta.name, .whole, changed, options, at: now)
      } else {
        _ = try await create(kind, in: meta.namespace, object, options, at: now)
      }
    }
  }
}

extension KindName {
  /// From what documents say: `apps/v1`, `Deployment`.
  public init(apiVersion: String, kind: String) {
    let parts = apiVersion.split(separator: "/", maxSplits: 1)
    self.init(
      group: parts.count == 2 ? String(parts[0]) : "", version: parts.last.map(String.init) ?? "", kind: kind)
  }
}
