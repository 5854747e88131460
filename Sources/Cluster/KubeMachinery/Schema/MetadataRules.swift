import HTTPServing

/// What holds for the metadata of every object. Source: Kubernetes *Object Names and IDs*, *Finalizers*,
/// *Owners and Dependents*.
public enum MetadataRules {
  static func errors(_ metadata: JSONValue?, of kind: Kind) -> [FieldError] {
    var errors: [FieldError] = []
    let prefix = metadata?["generateName"]?.text ?? ""
    if !prefix.isEmpty {
      errors += kind.rules.nameProblems(prefix, true).map { .invalid("metadata.generateName", prefix, $0) }
    }
    let name = metadata?["name"]?.text ?? ""
    if name.isEmpty {
      errors.append(.required("metadata.name", "name or generateName is required"))
    } else {
      errors += kind.rules.nameProblems(name, false).map { .invalid("metadata.name", name, $0) }
    }
    let namespace = metadata?["namespace"]?.text ?? ""
    if kind.isNamespaced {
      if namespace.isEmpty {
        errors.append(.required("metadata.namespace"))
      } else {
        errors += NameRule.label.errors(namespace, at: "metadata.namespace")
      }
    } else if !namespace.isEmpty {
      errors.append(.forbidden("metadata.namespace", "not allowed on this type"))
    }
    return errors + commonErrors(metadata)
  }

  private static func commonErrors(_ metadata: JSONValue?) -> [FieldError] {
    MetadataNames.labelErrors(metadata?["labels"], at: "metadata.labels")
      + MetadataNames.annotationErrors(metadata?["annotations"], at: "metadata.annotations")
      + ownerErrors(metadata?["ownerReferences"]?.items ?? [])
      + finalizerErrors(metadata?["finalizers"]?.items.compactMap(\.text) ?? [])
  }

  private static func ownerErrors(_ owners: [JSONValue]) -> [FieldError] {
    var errors: [FieldError] = []
    var controller: String?
    for (index, owner) in owners.enumerated() {
      let path = "metadata.ownerReferences"
      if owner["apiVersion"]?.text ?? "" == "" {
        errors.append(.invalid("\(path).apiVersion", owner["apiVersion"]?.text ?? "", "version must not be empty"))
      }
      for (field, detail) in [
        ("kind", "must not be empty"), ("name", "must not be empty"), ("uid", "must not be empty"),
      ]
      where owner[field]?.text ?? "" == "" {
        errors.append(.invalid("\(path).\(field)", owner[field]?.text ?? "", detail))
      }
      if owner["kind"]?.text == "Event",
        owner["apiVersion"]?.text == "v1" || owner["apiVersion"]?.text == "events.k8s.io/v1"
      {
        errors.append(.invalid("\(path)[\(index)]", owner, "is disallowed from being an owner"))
      }
      guard owner["controller"]?.flag == true else { continue }
      let name = owner["name"]?.text ?? ""
      if let controller {
        let detail =
          "Only one reference can have Controller set to true. Found \"true\" in references for \(controller) and \(name)"
        errors.append(.invalid(path, .array(owners), detail))
      } else {
        controller = name
      }
    }
    return errors
  }

  private static func finalizerErrors(_ finalizers: [String]) -> [FieldError] {
    var errors = finalizers.flatMap { NameRule.qualifiedName.errors($0, at: "metadata.finalizers") }
    if finalizers.contains("orphan"), finalizers.contains("foregroundDeletion") {
      errors.append(
        .invalid(
          "metadata.finalizers", .array(finalizers.map { .string($0) }),
          "finalizer orphan and foregroundDeletion cannot be both set"))
    }
    return errors
  }

  static func updateErrors(_ metadata: JSONValue?, old: JSONValue?, of kind: Kind) -> [FieldError] {
    var errors: [FieldError] = []
    for field in ["name", "namespace", "uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds"] {
      guard metadata?[field] != old?[field] else { continue }
      errors.append(.invalid("metadata.\(field)", metadata?[field] ?? .null, "field is immutable"))
    }
    if old?["deletionTimestamp"] != nil {
      let known = Set(old?["finalizers"]?.items.compactMap(\.text) ?? [])
      let added = (metadata?["finalizers"]?.items.compactMap(\.text) ?? []).filter { !known.contains($0) }
      if !added.isEmpty {
        errors.append(
          .forbidden(
            "metadata.finalizers",
            "no new finalizers can be added if the object is being deleted, found new finalizers "
              + "[]string{\(added.sorted().map { GoText.quoted($0) }.joined(separator: ", "))}"))
      }
    }
    return errors + commonErrors(metadata)
  }
}
