import HTTPServing
import KubeMachinery

extension Kind {
  private static let rbac = "rbac.authorization.k8s.io"

  static let role = Kind(
    KindName(group: rbac, version: "v1", kind: "Role"), plural: "roles", schema: .role, table: RoleRules.roleTable,
    rules: KindRules(
      nameProblems: Naming.pathSegment, defaults: RoleRules.keepRules,
      validate: { RoleRules.ruleErrors($0.listAt("rules"), isNamespaced: true) }))

  static let clusterRole = Kind(
    KindName(group: rbac, version: "v1", kind: "ClusterRole"), plural: "clusterroles", isNamespaced: false,
    schema: .clusterRole, table: RoleRules.roleTable,
    rules: KindRules(
      nameProblems: Naming.pathSegment, defaults: RoleRules.keepRules,
      validate: { role in
        var errors = RoleRules.ruleErrors(role.listAt("rules"), isNamespaced: false)
        guard let aggregation = role["aggregationRule"] else { return errors }
        let selectors = aggregation.listAt("clusterRoleSelectors")
        if selectors.isEmpty {
          errors.append(
            .required(
              "aggregationRule.clusterRoleSelectors",
              "at least one clusterRoleSelector required if aggregationRule is non-nil"))
        }
        for (index, selector) in selectors.enumerated() {
          errors += LabelSelector.errors(in: selector, at: "aggregationRule.clusterRoleSelectors[\(index)]")
        }
        return errors
      }))

  static let roleBinding = Kind(
    KindName(group: rbac, version: "v1", kind: "RoleBinding"), plural: "rolebindings", schema: .roleBinding,
    table: RoleRules.bindingTable,
    rules: KindRules(
      nameProblems: Naming.pathSegment, defaults: RoleRules.bindingDefaults,
      validate: { RoleRules.bindingErrors($0, isNamespaced: true) },
      validateUpdate: { RoleRules.referenceErrors($0, $1) }))

  static let clusterRoleBinding = Kind(
    KindName(group: rbac, version: "v1", kind: "ClusterRoleBinding"), plural: "clusterrolebindings",
    isNamespaced: false, schema: .clusterRoleBinding, table: RoleRules.bindingTable,
    rules: KindRules(
      nameProblems: Naming.pathSegment, defaults: RoleRules.bindingDefaults,
      validate: { RoleRules.bindingErrors($0, isNamespaced: false) },
      validateUpdate: { RoleRules.referenceErrors($0, $1) }))
}

/// Source: Kubernetes *Using RBAC Authorization*.
enum RoleRules {
  private static let group = "rbac.authorization.k8s.io"

  static let roleTable = PrinterTable(
    columns: [PrinterTable.nameColumn, Cells.column("Created At", "When it was made.")]
  ) { object, _ in
    [Cells.name(object), Cells.text(object.textAt("metadata", "creationTimestamp"), orElse: "<unknown>")]
  }

  static let bindingTable = PrinterTable(
    columns: [
      PrinterTable.nameColumn, Cells.column("Role", "Role that is given."), PrinterTable.ageColumn,
      Cells.column("Users", "Users that get it.", wide: true),
      Cells.column("Groups", "Groups that get it.", wide: true),
      Cells.column("ServiceAccounts", "Service accounts that get it.", wide: true),
    ]
  ) { object, now in
    func names(_ kind: String) -> JSONValue {
      let found = object.listAt("subjects").filter { $0.textAt("kind") == kind }.map { subject in
        kind == "ServiceAccount" ? "\(subject.textAt("namespace"))/\(subject.textAt("name"))" : subject.textAt("name")
      }
      return .string(found.joined(separator: ", "))
    }
    return [
      Cells.name(object), .string("\(object.textAt("roleRef", "kind"))/\(object.textAt("roleRef", "name"))"),
      Cells.age(object, now), names("User"), names("Group"), names("ServiceAccount"),
    ]
  }

  /// A role without rules says so.
  @Sendable static func keepRules(_ role: inout JSONValue) {
    if !role.has("rules") { role["rules"] = .array([]) }
  }

  /// Each question about somebody's rights goes through all of his rules.
  private static let maxRules = 2_000

  static func ruleErrors(_ rules: [JSONValue], isNamespaced: Bool) -> [FieldError] {
    if rules.count > maxRules {
      return [FieldError(.tooMany, "rules", "Too many: \(rules.count): must have at most \(maxRules) items")]
    }
    var errors: [FieldError] = []
    for (index, rule) in rules.enumerated() {
      let path = "rules[\(index)]"
      if rule.listAt("verbs").isEmpty {
        errors.append(.required("\(path).verbs", "verbs must contain at least one value"))
      }
      let paths = rule.listAt("nonResourceURLs")
      if !paths.isEmpty {
        if isNamespaced {
          errors.append(
            .invalid(
              "\(path).nonResourceURLs", .array(paths), "namespaced rules cannot apply to non-resource URLs"))
        }
        if !rule.listAt("apiGroups").isEmpty || !rule.listAt("resources").isEmpty
          || !rule.listAt("resourceNames").isEmpty
        {
          errors.append(
            .invalid(
              "\(path).nonResourceURLs", .array(paths),
              "rules cannot apply to both regular resources and non-resource URLs"))
        }
        continue
      }
      if rule.listAt("apiGroups").isEmpty {
        errors.append(.required("\(path).apiGroups", "resource rules must supply at least one api group"))
      }
      if rule.listAt("resources").isEmpty {
        errors.append(.required("\(path).resources", "resource rules must supply at least one resource"))
      }
    }
    return errors
  }

  @Sendable static func bindingDefaults(_ binding: inout JSONValue) {
    binding.changeItems("subjects") { subject in
      guard subject.textAt("apiGroup").isEmpty else { return }
      if subject.textAt("kind") == "ServiceAccount" {
        subject["apiGroup"] = nil
      } else {
        subject["apiGroup"] = .string(group)
      }
    }
  }

  static func bindingErrors(_ binding: JSONValue, isNamespaced: Bool) -> [FieldError] {
    var errors: [FieldError] = []
    let reference = binding["roleRef"] ?? [:]
    if reference.textAt("apiGroup") != group {
      errors.append(.notSupported("roleRef.apiGroup", reference.textAt("apiGroup"), [group]))
    }
    let kinds = isNamespaced ? ["Role", "ClusterRole"] : ["ClusterRole"]
    let kind = reference.textAt("kind")
    if !kinds.contains(kind), !kind.isEmpty { errors.append(.notSupported("roleRef.kind", kind, kinds)) }
    let name = reference.textAt("name")
    if !name.isEmpty { errors += NameRule.pathSegment.errors(name, at: "roleRef.name") }
    for (index, subject) in binding.listAt("subjects").enumerated() {
      errors += subjectErrors(subject, isNamespaced: isNamespaced, at: "subjects[\(index)]")
    }
    return errors
  }

  private static func subjectErrors(_ subject: JSONValue, isNamespaced: Bool, at path: String) -> [FieldError] {
    var errors: [FieldError] = []
    let (name, subjectGroup) = (subject.textAt("name"), subject.textAt("apiGroup"))
    switch subject.textAt("kind") {
    case "ServiceAccount":
      if !name.isEmpty { errors += NameRule.subdomain.errors(name, at: "\(path).name") }
      if !subjectGroup.isEmpty { errors.append(.notSupported("\(path).apiGroup", subjectGroup, [""])) }
      if !isNamespaced, subject.textAt("namespace").isEmpty { errors.append(.required("\(path).namespace")) }
    case "User", "Group":
      if subjectGroup != group { errors.append(.notSupported("\(path).apiGroup", subjectGroup, [group])) }
    case "": break
    case let kind: errors.append(.notSupported("\(path).kind", kind, ["ServiceAccount", "User", "Group"]))
    }
    return errors
  }

  static func referenceErrors(_ binding: JSONValue, _ old: JSONValue) -> [FieldError] {
    guard let new = binding["roleRef"], let before = old["roleRef"], !new.means(before) else { return [] }
    return [.invalid("roleRef", new, "cannot change roleRef")]
  }
}
