import HTTPServing

/// What one rule of a role allows. Source: Kubernetes `rbac.authorization.k8s.io/v1.PolicyRule`.
///
/// Names are compared byte by byte: two spellings of one letter are two names.
public struct AccessRule: Sendable, Equatable {
  public let verbs: [String]
  public let apiGroups: [String]
  /// `pods`, `pods/log`, `*/scale`, `*`.
  public let resources: [String]
  /// Empty: all.
  public let resourceNames: [String]
  /// `/healthz`, `/apis/*`, `*`.
  public let nonResourceURLs: [String]

  public init(
    verbs: [String], apiGroups: [String] = [], resources: [String] = [], resourceNames: [String] = [],
    nonResourceURLs: [String] = []
  ) {
    self.verbs = verbs
    self.apiGroups = apiGroups
    self.resources = resources
    self.resourceNames = resourceNames
    self.nonResourceURLs = nonResourceURLs
  }

  /// An item of a role's `rules`; what is no list of texts counts as empty, so that it allows nothing.
  public init(document: JSONValue) {
    func texts(_ name: String) -> [String] { document[name]?.items.compactMap(\.text) ?? [] }
    self.init(
      verbs: texts("verbs"), apiGroups: texts("apiGroups"), resources: texts("resources"),
      resourceNames: texts("resourceNames"), nonResourceURLs: texts("nonResourceURLs"))
  }

  public var document: JSONValue {
    var members: [(name: String, value: JSONValue)] = []
    func add(_ name: String, _ texts: [String], isKept: Bool = false) {
      if !texts.isEmpty || isKept { members.append((name, .array(texts.map { .string($0) }))) }
    }
    add("verbs", verbs, isKept: true)
    add("apiGroups", apiGroups)
    add("resources", resources)
    add("resourceNames", resourceNames)
    add("nonResourceURLs", nonResourceURLs)
    return .object(members)
  }

  func allows(_ request: AccessRequest) -> Bool {
    guard Self.has(verbs, request.verb) || Self.has(verbs, "*") else { return false }
    switch request.target {
    case .path(let path):
      return nonResourceURLs.contains { Self.covers(url: $0, path) }
    case .resource(let target):
      guard Self.has(apiGroups, "*") || Self.has(apiGroups, target.group) else { return false }
      guard resources.contains(where: { target.isNamed(by: $0) }) else { return false }
      return resourceNames.isEmpty || Self.has(resourceNames, target.name)
    }
  }

  /// The first comparison is fast and takes letters for the same that are written differently; the second does not.
  static func same(_ one: String, _ other: String) -> Bool { one == other && one.utf8.elementsEqual(other.utf8) }

  static func has(_ texts: [String], _ text: String) -> Bool { texts.contains { same($0, text) } }

  /// A star at the end of a rule's address stands for anything.
  static func covers(url: String, _ path: String) -> Bool {
    if same(url, "*") || same(url, path) { return true }
    guard url.utf8.last == UInt8(ascii: "*") else { return false }
    var prefix = url.utf8[...]
    while prefix.last == UInt8(ascii: "*") { prefix.removeLast() }
    return path.utf8.starts(with: prefix)
  }
}

/// Somebody who asks: what authentication found out.
public struct Requester: Sendable, Equatable {
  public static let masters = "system:masters"
  public static let authenticated = "system:authenticated"
  public static let unauthenticated = "system:unauthenticated"
  public static let anonymous = Requester(name: "system:anonymous", groups: [unauthenticated])

  public let name: String
  public let groups: [String]
  public let uid: String
  public let extra: [String: [String]]

  public init(name: String, groups: [String], uid: String = "", extra: [String: [String]] = [:]) {
    self.name = name
    self.groups = groups
    self.uid = uid
    self.extra = extra
  }

  /// Who may do everything, whatever the roles say: the way back in.
  var isMaster: Bool { AccessRule.has(groups, Self.masters) }
}

/// What somebody wants to do.
public struct AccessRequest: Sendable, Equatable {
  public struct Resource: Sendable, Equatable {
    public let group: String
    /// In the plural.
    public let resource: String
    public let subresource: String
    /// Empty where the request concerns the cluster, or all namespaces.
    public let namespace: String
    /// Empty for lists and creates.
    public let name: String

    public init(
      group: String, resource: String, subresource: String = "", namespace: String = "", name: String = ""
    ) {
      self.group = group
      self.resource = resource
      self.subresource = subresource
      self.namespace = namespace
      self.name = name
    }

    /// `pods`, `pods/log`.
    var combined: String { subresource.isEmpty ? resource : "\(resource)/\(subresource)" }

    func isNamed(by rule: String) -> Bool {
      if AccessRule.same(rule, "*") || AccessRule.same(rule, combined) { return true }
      return !subresource.isEmpty && AccessRule.same(rule, "*/\(subresource)")
    }
  }

  public enum Target: Sendable, Equatable {
    case resource(Resource)
    /// `/metrics`.
    case path(String)
  }

  public let requester: Requester
  /// `get`, `list`, `impersonate`; for addresses that are no resources the method in lower case.
  public let verb: String
  public let target: Target

  public init(_ requester: Requester, _ verb: String, _ target: Target) {
    self.requester = requester
    self.verb = verb
    self.target = target
  }

  var namespace: String { if case .resource(let target) = target { target.namespace } else { "" } }

  /// The message of the 403, as a Kubernetes server words it. `reason`: why a role could not be found, or empty.
  public func denial(reason: String = "") -> String {
    let tail = reason.isEmpty ? "" : ": \(reason)"
    let user = GoText.quoted(requester.name)
    switch target {
    case .path(let path): return "forbidden: User \(user) cannot \(verb) path \(GoText.quoted(path))\(tail)"
    case .resource(let target):
      let kind = ResourceName(group: target.group, resource: target.resource).description
      let subject = target.name.isEmpty ? kind : "\(kind) \(GoText.quoted(target.name))"
      let place =
        target.namespace.isEmpty ? "at the cluster scope" : "in the namespace \(GoText.quoted(target.namespace))"
      return "\(subject) is forbidden: User \(user) cannot \(verb) resource \(GoText.quoted(target.combined))"
        + " in API group \(GoText.quoted(target.group)) \(place)\(tail)"
    }
  }
}
