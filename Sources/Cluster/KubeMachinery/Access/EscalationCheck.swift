import HTTPServing

/// That nobody hands out rights that he does not have. Source: Kubernetes *Privilege escalation prevention and
/// bootstrapping*.
public struct EscalationCheck: Sendable {
  /// Why a change of roles or bindings is refused.
  public enum Refusal: Error, Sendable, Equatable {
    /// 403; what follows `… is forbidden: `.
    case forbidden(String)
    /// 404; the whole message.
    case roleNotFound(String)
    /// 422, at `rules`.
    case tooMany(FieldError)
  }

  /// How many single rights the rules of one role may amount to where they have to be compared one by one.
  static let maxRights = 100_000
  /// Of comparisons of single texts; some seconds' worth would keep others waiting.
  static let maxComparisons = 20_000_000
  /// Rights that a refusal lists.
  static let maxShownRights = 50

  private let policy: AccessPolicy
  private let requester: Requester

  public init(_ policy: AccessPolicy, _ requester: Requester) {
    self.policy = policy
    self.requester = requester
  }

  /// A Role or ClusterRole is made or changed (`old`: what it was). Throws `Refusal`.
  public func role(_ role: JSONValue, old: JSONValue? = nil) throws {
    if requester.isMaster { return }
    let isCluster = role.kind == "ClusterRole"
    let name = role.meta.name
    let namespace = isCluster ? "" : role.meta.namespace
    let rules = role["rules"]?.items.map(AccessRule.init(document:)) ?? []
    let aggregates = role["aggregationRule"]?.isObject ?? false
    if let old, Self.onlyLetsGo(role, old) { return }
    if allows("escalate", RoleReference(kind: role.kind, name: name), namespace) { return }
    if aggregates || old?["aggregationRule"]?.isObject ?? false {
      guard try missing(AccessRule.everything, namespace).isEmpty else {
        throw Refusal.forbidden("must have cluster-admin privileges to use an aggregationRule")
      }
    }
    try confirm(rules, namespace)
  }

  /// A RoleBinding or ClusterRoleBinding is made or changed. Throws `Refusal`.
  public func binding(_ binding: JSONValue, old: JSONValue? = nil) throws {
    if requester.isMaster { return }
    let namespace = binding.kind == "ClusterRoleBinding" ? "" : binding.meta.namespace
    let role = RoleReference(document: binding["roleRef"] ?? .null)
    if let old, Self.onlyLetsGo(binding, old) { return }
    if allows("bind", role, namespace) { return }
    guard let rules = policy.rules(of: role, in: namespace) else { throw Refusal.roleNotFound(role.missing) }
    try confirm(rules, namespace)
  }

  /// What has to be possible without the role's rights, so that it can be removed: owners and finalizers alone differ. A label is
  /// not among that: by one a role joins an aggregate, and all who are bound to that get its rights.
  private static func onlyLetsGo(_ new: JSONValue, _ old: JSONValue) -> Bool {
    func rest(_ object: JSONValue) -> JSONValue {
      var meta = object.meta
      for name in ["ownerReferences", "finalizers", "managedFields"] { meta.document[name] = nil }
      var rest = object
      rest.meta = meta
      return rest
    }
    return rest(new).means(rest(old))
  }

  private func allows(_ verb: String, _ role: RoleReference, _ namespace: String) -> Bool {
    let target = AccessRequest.Resource(
      group: AccessPolicy.group, resource: role.resource, namespace: namespace, name: role.name)
    return policy.decide(AccessRequest(requester, verb, .resource(target))).isAllowed
  }

  private func confirm(_ rules: [AccessRule], _ namespace: String) throws {
    let missing = try missing(rules, namespace)
    guard !missing.isEmpty else { return }
    let groups = requester.groups.map(GoText.quoted).joined(separator: " ")
    let rules = AccessRule.compacted(missing)
    var rights = Set(rules.prefix(Self.maxShownRights).map(\.shown)).sorted().joined(separator: "\n")
    if rules.count > Self.maxShownRights { rights += "\nand \(rules.count - Self.maxShownRights) more" }
    throw Refusal.forbidden(
      "user \(GoText.quoted(requester.name)) (groups=[\(groups)]) is attempting to grant RBAC permissions not currently"
        + " held:\n\(rights)")
  }

  /// The single rights among the rules that the requester does not have.
  private func missing(_ rules: [AccessRule], _ namespace: String) throws -> [AccessRule] {
    let count = rules.reduce(0) { sum, rule in
      let (rights, overflows) = rule.rightsCount
      return overflows || sum > Self.maxRights ? Self.maxRights + 1 : sum + rights
    }
    guard count <= Self.maxRights else {
      throw Refusal.tooMany(
        FieldError(.tooMany, "rules", "Too many: must amount to at most \(Self.maxRights) single rights"))
    }
    let held = policy.rules(for: requester, namespace: namespace)
    var comparisons = 0
    func isHeld(_ wanted: AccessRule) throws -> Bool {
      for rule in held {
        comparisons += rule.comparisons(with: wanted)
        guard comparisons <= Self.maxComparisons else {
          throw Refusal.tooMany(
            FieldError(
              .tooMany, "rules", "Too many: cannot be compared with the \(held.count) rules that the requester has"))
        }
        if rule.covers(wanted) { return true }
      }
      return false
    }
    // One look at whole rules saves most of the single ones.
    return try rules.flatMap { rule in try isHeld(rule) ? [] : rule.rights.filter { try !isHeld($0) } }
  }
}

extension RoleReference {
  /// As the 404 of the role says it.
  fileprivate var missing: String { "\(resource).\(AccessPolicy.group) \(GoText.quoted(name)) not found" }
}

extension AccessRule {
  /// Into how many single rights the rule falls.
  fileprivate var rightsCount: (count: Int, overflows: Bool) {
    let factors = [apiGroups.count, resources.count, max(resourceNames.count, 1), verbs.count]
    var count = 1
    for factor in factors {
      let (product, overflows) = count.multipliedReportingOverflow(by: factor)
      if overflows { return (0, true) }
      count = product
    }
    let (urls, overflows) = nonResourceURLs.count.multipliedReportingOverflow(by: verbs.count)
    return (count &+ urls, overflows || count > Int.max / 2 || urls > Int.max / 2)
  }

  /// One verb on one thing each.
  fileprivate var rights: [AccessRule] {
    var rights: [AccessRule] = []
    for verb in verbs {
      for group in apiGroups {
        for resource in resources {
          for name in resourceNames.isEmpty ? [nil] : resourceNames.map(Optional.some) {
            rights.append(
              AccessRule(
                verbs: [verb], apiGroups: [group], resources: [resource], resourceNames: name.map { [$0] } ?? []))
          }
        }
      }
      for url in nonResourceURLs { rights.append(AccessRule(verbs: [verb], nonResourceURLs: [url])) }
    }
    return rights
  }

  /// How many texts `covers` compares at most.
  fileprivate func comparisons(with other: AccessRule) -> Int {
    1 + verbs.count * other.verbs.count + apiGroups.count * other.apiGroups.count
      + resources.count * other.resources.count * 2 + resourceNames.count * other.resourceNames.count
      + nonResourceURLs.count * other.nonResourceURLs.count
  }

  /// Whether whoever has this rule has the other one too.
  func covers(_ other: AccessRule) -> Bool {
    func all(_ own: [String], _ wanted: [String]) -> Bool {
      Self.has(own, "*") || wanted.allSatisfy { Self.has(own, $0) }
    }
    let namesAreCovered =
      resourceNames.isEmpty
      || !other.resourceNames.isEmpty && other.resourceNames.allSatisfy { Self.has(resourceNames, $0) }
    return all(verbs, other.verbs) && all(apiGroups, other.apiGroups) && namesAreCovered
      && (Self.has(resources, "*") || other.resources.allSatisfy(coversResource))
      && other.nonResourceURLs.allSatisfy { url in nonResourceURLs.contains { Self.covers(url: $0, url) } }
  }

  private func coversResource(_ resource: String) -> Bool {
    if Self.has(resources, resource) { return true }
    guard let slash = resource.utf8.firstIndex(of: UInt8(ascii: "/")) else { return false }
    return Self.has(resources, "*\(resource[slash...])")
  }

  /// Single rights on the same thing become one rule with several verbs.
  fileprivate static func compacted(_ rules: [AccessRule]) -> [AccessRule] {
    var order: [[String]] = []
    var verbs: [[String]: [String]] = [:]
    var output: [AccessRule] = []
    for rule in rules {
      guard rule.resourceNames.isEmpty, rule.nonResourceURLs.isEmpty, rule.apiGroups.count == 1,
        rule.resources.count == 1
      else {
        output.append(rule)
        continue
      }
      let key = [rule.apiGroups[0], rule.resources[0]]
      if verbs[key] == nil { order.append(key) }
      verbs[key, default: []] += rule.verbs
    }
    return output + order.map { AccessRule(verbs: verbs[$0] ?? [], apiGroups: [$0[0]], resources: [$0[1]]) }
  }

  /// As refusals list it, with the beginning of what is long.
  fileprivate var shown: String {
    func part(_ name: String, _ texts: [String]) -> String? {
      let begins = texts.prefix(20).map { GoText.quoted(String(decoding: $0.utf8.prefix(256), as: UTF8.self)) }
      return texts.isEmpty ? nil : "\(name):[\(begins.joined(separator: " "))\(texts.count > 20 ? " …" : "")]"
    }
    let parts = [
      part("APIGroups", apiGroups), part("Resources", resources), part("NonResourceURLs", nonResourceURLs),
      part("ResourceNames", resourceNames), part("Verbs", verbs),
    ]
    return "{\(parts.compactMap { $0 }.joined(separator: ", "))}"
  }
}
