import HTTPServing

/// All roles and bindings, in the form in which questions are answered: by subject. A value: who decides has one of some
/// moment and is not disturbed by changes.
///
/// Source: Kubernetes *Using RBAC Authorization*. What is not allowed is forbidden.
public struct AccessPolicy: Sendable {
  public static let group = "rbac.authorization.k8s.io"

  /// Empty namespace: of the cluster.
  private struct Name: Hashable {
    let namespace: String
    let name: [UInt8]

    init(_ namespace: String, _ name: String) {
      self.namespace = namespace
      self.name = Array(name.utf8)
    }
  }

  private struct Binding {
    let namespace: String
    let name: String
    let role: RoleReference
    let subjects: [Subject]
  }

  private var roles: [Name: [AccessRule]] = [:]
  private var bindings: [Name: Binding] = [:]
  /// Names of bindings by the namespace they hold in and whom they concern.
  private var index: [String: [Subject: [Name]]] = [:]

  public init() {}

  /// Takes in a Role, ClusterRole, RoleBinding or ClusterRoleBinding, in place of the one of its name. Others are left alone.
  public mutating func put(_ object: JSONValue) {
    let meta = object.meta
    switch object.kind {
    case "Role", "ClusterRole":
      let namespace = object.kind == "Role" ? meta.namespace : ""
      roles[Name(namespace, meta.name)] = object["rules"]?.items.map(AccessRule.init(document:)) ?? []
    case "RoleBinding", "ClusterRoleBinding":
      let namespace = object.kind == "RoleBinding" ? meta.namespace : ""
      remove(kind: object.kind, namespace: namespace, name: meta.name)
      let subjects = object["subjects"]?.items.compactMap { Subject(document: $0, namespace: namespace) } ?? []
      let name = Name(namespace, meta.name)
      bindings[name] = Binding(
        namespace: namespace, name: meta.name, role: RoleReference(document: object["roleRef"] ?? .null),
        subjects: subjects)
      for subject in Set(subjects) { index[namespace, default: [:]][subject, default: []].append(name) }
    default: break
    }
  }

  public mutating func remove(kind: String, namespace: String, name: String) {
    switch kind {
    case "Role": roles[Name(namespace, name)] = nil
    case "ClusterRole": roles[Name("", name)] = nil
    case "RoleBinding", "ClusterRoleBinding":
      let namespace = kind == "RoleBinding" ? namespace : ""
      let key = Name(namespace, name)
      guard let binding = bindings.removeValue(forKey: key) else { return }
      for subject in Set(binding.subjects) {
        let left = index[namespace]?[subject]?.filter { $0 != key } ?? []
        index[namespace]?[subject] = left.isEmpty ? nil : left
      }
      if index[namespace]?.isEmpty ?? false { index[namespace] = nil }
    default: break
    }
  }

  /// Removes all objects of a kind.
  public mutating func removeAll(kind: String) {
    let isOfNamespaces = kind == "Role" || kind == "RoleBinding"
    switch kind {
    case "Role", "ClusterRole": roles = roles.filter { $0.key.namespace.isEmpty == isOfNamespaces }
    case "RoleBinding", "ClusterRoleBinding":
      for binding in bindings.values where binding.namespace.isEmpty != isOfNamespaces {
        remove(kind: kind, namespace: binding.namespace, name: binding.name)
      }
    default: break
    }
  }

  public enum Decision: Sendable, Equatable {
    /// `reason`: which binding allows it, for the audit.
    case allowed(reason: String)
    /// `reason`: which roles were not found; mostly empty.
    case denied(reason: String)

    public var isAllowed: Bool { if case .allowed = self { true } else { false } }
  }

  public func decide(_ request: AccessRequest) -> Decision {
    if request.requester.isMaster { return .allowed(reason: "") }
    var missing: [String] = []
    var seen: Set<Name> = []
    for (binding, subject) in matching(request.requester, request.namespace) {
      guard let name = Self.name(of: binding.role, in: binding.namespace), let rules = roles[name] else {
        missing.append(binding.role.notFound)
        continue
      }
      // Many bindings may give one role.
      guard seen.insert(name).inserted else { continue }
      if rules.contains(where: { $0.allows(request) }) {
        let kind = binding.namespace.isEmpty ? "ClusterRoleBinding" : "RoleBinding"
        let name = binding.namespace.isEmpty ? binding.name : "\(binding.name)/\(binding.namespace)"
        return .allowed(
          reason: "RBAC: allowed by \(kind) \(GoText.quoted(name)) of \(binding.role.kind)"
            + " \(GoText.quoted(binding.role.name)) to \(subject.shown)")
      }
    }
    return .denied(reason: missing.isEmpty ? "" : "RBAC: \(Self.list(missing))")
  }

  private static func list(_ texts: [String]) -> String {
    texts.count == 1 ? texts[0] : "[\(texts.prefix(10).joined(separator: ", "))]"
  }

  private func matching(_ requester: Requester, _ namespace: String) -> [(binding: Binding, subject: Subject)] {
    let subjects = Subject.all(of: requester)
    var found: [(binding: Binding, subject: Subject)] = []
    for scope in namespace.isEmpty ? [""] : ["", namespace] {
      guard let index = index[scope] else { continue }
      for subject in subjects {
        for name in index[subject] ?? [] { if let binding = bindings[name] { found.append((binding, subject)) } }
      }
    }
    return found
  }

  /// Nil where the role does not exist, or is none.
  func rules(of role: RoleReference, in namespace: String) -> [AccessRule]? {
    Self.name(of: role, in: namespace).flatMap { roles[$0] }
  }

  private static func name(of role: RoleReference, in namespace: String) -> Name? {
    switch role.kind {
    case "ClusterRole": Name("", role.name)
    case "Role": namespace.isEmpty ? nil : Name(namespace, role.name)
    default: nil
    }
  }

  /// Everything that the requester may do in a namespace, each role's once; empty namespace: in the cluster.
  public func rules(for requester: Requester, namespace: String) -> [AccessRule] {
    var rules = requester.isMaster ? AccessRule.everything : []
    var seen: Set<Name> = []
    for (binding, _) in matching(requester, namespace) {
      guard let name = Self.name(of: binding.role, in: binding.namespace), seen.insert(name).inserted else { continue }
      rules += roles[name] ?? []
    }
    return rules
  }

  /// Of texts in the answer to a review; authors of roles choose how much there is to tell.
  static let maxReviewBytes = 4 << 20

  /// The `status` of a `SelfSubjectRulesReview`.
  public func rulesReview(for requester: Requester, namespace: String) -> JSONValue {
    let rules = rules(for: requester, namespace: namespace)
    var left = Self.maxReviewBytes
    let told = rules.prefix { rule in
      left -= rule.sizeBytes
      return left >= 0
    }
    var status: JSONValue = [
      "resourceRules": .array(told.filter { !$0.resources.isEmpty }.map(\.document)),
      "nonResourceRules": .array(told.filter { !$0.nonResourceURLs.isEmpty }.map(\.document)),
      "incomplete": .bool(told.count < rules.count),
    ]
    if told.count < rules.count {
      status["evaluationError"] = .string("\(rules.count - told.count) of \(rules.count) rules are left out")
    }
    return status
  }
}

extension AccessRule {
  /// About as much as it takes as a document.
  fileprivate var sizeBytes: Int {
    [verbs, apiGroups, resources, resourceNames, nonResourceURLs].joined().reduce(100) { $0 + $1.utf8.count + 3 }
  }

  /// What makes an administrator of the cluster.
  static let everything = [
    AccessRule(verbs: ["*"], apiGroups: ["*"], resources: ["*"]), AccessRule(verbs: ["*"], nonResourceURLs: ["*"]),
  ]
}

/// A binding's `roleRef`.
public struct RoleReference: Sendable, Equatable {
  /// `Role` or `ClusterRole`.
  public let kind: String
  public let name: String

  public init(kind: String, name: String) {
    self.kind = kind
    self.name = name
  }

  /// Of another API group than RBAC's it is no reference to a role.
  public init(document: JSONValue) {
    let isOurs = document["apiGroup"]?.text == AccessPolicy.group
    self.init(kind: isOurs ? document["kind"]?.text ?? "" : "", name: document["name"]?.text ?? "")
  }

  /// `clusterroles` or `roles`.
  var resource: String { kind == "ClusterRole" ? "clusterroles" : "roles" }
  /// As the 404 says it.
  public var notFound: String { "\(resource.dropLast()).\(AccessPolicy.group) \(GoText.quoted(name)) not found" }
}

/// Whom a binding concerns. Names by their bytes.
struct Subject: Hashable, Sendable {
  enum Kind: Hashable, Sendable {
    case user, group, serviceAccount
  }

  let kind: Kind
  /// A service account's is `NAMESPACE:NAME`.
  let name: [UInt8]

  private init(_ kind: Kind, _ name: String) {
    self.kind = kind
    self.name = Array(name.utf8)
  }

  /// `namespace`: the binding's, where the service account has none of its own. Nil for subjects that concern nobody.
  init?(document: JSONValue, namespace: String) {
    let name = document["name"]?.text ?? ""
    switch document["kind"]?.text {
    case "User": self.init(.user, name)
    case "Group": self.init(.group, name)
    case "ServiceAccount":
      let own = document["namespace"]?.text ?? ""
      let place = own.isEmpty ? namespace : own
      if place.isEmpty { return nil }
      self.init(.serviceAccount, "\(place):\(name)")
    default: return nil
    }
  }

  static let serviceAccountPrefix = "system:serviceaccount:"

  static func all(of requester: Requester) -> [Subject] {
    var subjects = [Subject(.user, requester.name)] + requester.groups.map { Subject(.group, $0) }
    if requester.name.hasPrefix(serviceAccountPrefix) {
      subjects.append(Subject(.serviceAccount, String(requester.name.dropFirst(serviceAccountPrefix.count))))
    }
    return subjects
  }

  var shown: String {
    let text = String(decoding: name, as: UTF8.self)
    switch kind {
    case .user: return "User \(GoText.quoted(text))"
    case .group: return "Group \(GoText.quoted(text))"
    case .serviceAccount:
      let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
      return "ServiceAccount \(GoText.quoted("\(parts.last ?? "")/\(parts.first ?? "")"))"
    }
  }
}
