import HTTPServing
import KubeMachinery

/// What rules on a pod's place must be: affinity, tolerations, spread.
enum PlacementRules {
  static func errors(_ spec: JSONValue, at path: String) -> [FieldError] {
    var errors = tolerationErrors(spec.listAt("tolerations"), at: "\(path).tolerations")
    errors += nodeErrors(spec.at("affinity", "nodeAffinity"), at: "\(path).affinity.nodeAffinity")
    for field in ["podAffinity", "podAntiAffinity"] {
      errors += podErrors(spec.at("affinity", field), at: "\(path).affinity.\(field)")
    }
    return errors + spreadErrors(spec.listAt("topologySpreadConstraints"), at: "\(path).topologySpreadConstraints")
  }

  static func tolerationErrors(_ tolerations: [JSONValue], at path: String) -> [FieldError] {
    var errors: [FieldError] = []
    for (index, toleration) in tolerations.enumerated() {
      let place = "\(path)[\(index)]"
      let (key, relation) = (toleration.textAt("key"), toleration.textAt("operator"))
      if !key.isEmpty { errors += NameRule.qualifiedName.errors(key, at: "\(place).key") }
      if key.isEmpty, relation != "Exists" {
        errors.append(
          .invalid(
            "\(place).operator", relation,
            "operator must be Exists when `key` is empty, which means \"match all values and all keys\""))
      }
      if toleration.has("tolerationSeconds"), toleration.textAt("effect") != "NoExecute" {
        errors.append(
          .invalid(
            "\(place).effect", toleration.textAt("effect"), "effect must be 'NoExecute' when `tolerationSeconds` is set"
          ))
      }
      let value = toleration.textAt("value")
      if relation == "Exists", !value.isEmpty {
        errors.append(.invalid("\(place).operator", value, "value must be empty when `operator` is 'Exists'"))
      } else if relation != "Exists" {
        errors += NameRule.labelValue.errors(value, at: "\(place).operator")
      }
    }
    return errors
  }

  private static func nodeErrors(_ affinity: JSONValue?, at path: String) -> [FieldError] {
    guard let affinity else { return [] }
    var errors: [FieldError] = []
    let required = "requiredDuringSchedulingIgnoredDuringExecution"
    let preferred = "preferredDuringSchedulingIgnoredDuringExecution"
    for (index, term) in affinity.listAt(required, "nodeSelectorTerms").enumerated() {
      errors += termErrors(term, at: "\(path).\(required).nodeSelectorTerms[\(index)]")
    }
    for (index, item) in affinity.listAt(preferred).enumerated() {
      let place = "\(path).\(preferred)[\(index)]"
      errors += weightErrors(item, at: place)
      errors += termErrors(item["preference"] ?? [:], at: "\(place).preference")
    }
    return errors
  }

  private static func weightErrors(_ item: JSONValue, at path: String) -> [FieldError] {
    let weight = item.numberAt("weight")
    return (1...100).contains(weight)
      ? [] : [.invalid("\(path).weight", .integer(weight), "must be in the range 1-100")]
  }

  private static func termErrors(_ term: JSONValue, at path: String) -> [FieldError] {
    var errors: [FieldError] = []
    for (index, requirement) in term.listAt("matchExpressions").enumerated() {
      let place = "\(path).matchExpressions[\(index)]"
      let values = requirement.listAt("values")
      switch requirement.textAt("operator") {
      case "In", "NotIn":
        if values.isEmpty {
          errors.append(.required("\(place).values", "must be specified when `operator` is 'In' or 'NotIn'"))
        }
      case "Exists", "DoesNotExist":
        if !values.isEmpty {
          errors.append(
            .forbidden("\(place).values", "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"))
        }
      case "Gt", "Lt":
        if values.count != 1 {
          errors.append(.required("\(place).values", "must be specified single value when `operator` is 'Lt' or 'Gt'"))
        }
      default:
        errors.append(.invalid("\(place).operator", requirement.textAt("operator"), "not a valid selector operator"))
      }
      errors += NameRule.qualifiedName.errors(requirement.textAt("key"), at: "\(place).key")
    }
    for (index, requirement) in term.listAt("matchFields").enumerated()
    where requirement.textAt("key") != "metadata.name" {
      errors.append(
        .invalid(
          "\(path).matchFields[\(index)].key", requirement.textAt("key"), "not a valid field selector key"))
    }
    return errors
  }

  private static func podErrors(_ affinity: JSONValue?, at path: String) -> [FieldError] {
    guard let affinity else { return [] }
    var errors: [FieldError] = []
    let required = "requiredDuringSchedulingIgnoredDuringExecution"
    let preferred = "preferredDuringSchedulingIgnoredDuringExecution"
    for (index, term) in affinity.listAt(required).enumerated() {
      errors += podTermErrors(term, at: "\(path).\(required)[\(index)]")
    }
    for (index, item) in affinity.listAt(preferred).enumerated() {
      let place = "\(path).\(preferred)[\(index)]"
      errors += weightErrors(item, at: place)
      errors += podTermErrors(item["podAffinityTerm"] ?? [:], at: "\(place).podAffinityTerm")
    }
    return errors
  }

  private static func podTermErrors(_ term: JSONValue, at path: String) -> [FieldError] {
    var errors = LabelSelector.errors(in: term["labelSelector"], at: "\(path).labelSelector")
    errors += LabelSelector.errors(in: term["namespaceSelector"], at: "\(path).namespaceSelector")
    for (index, namespace) in term.listAt("namespaces").enumerated() {
      errors += NameRule.label.errors(namespace.text ?? "", at: "\(path).namespaces[\(index)]")
    }
    let key = term.textAt("topologyKey")
    if !key.isEmpty { errors += NameRule.qualifiedName.errors(key, at: "\(path).topologyKey") }
    return errors
  }

  private static func spreadErrors(_ constraints: [JSONValue], at path: String) -> [FieldError] {
    var errors: [FieldError] = []
    var seen: Set<[String]> = []
    for (index, constraint) in constraints.enumerated() {
      let place = "\(path)[\(index)]"
      let skew = constraint.numberAt("maxSkew")
      if skew <= 0 { errors.append(.invalid("\(place).maxSkew", .integer(skew), "must be greater than zero")) }
      let (key, action) = (constraint.textAt("topologyKey"), constraint.textAt("whenUnsatisfiable"))
      if !seen.insert([key, action]).inserted {
        errors.append(.duplicate("\(place).{topologyKey, whenUnsatisfiable}", .string("{\(key), \(action)}")))
      }
      if let domains = constraint["minDomains"]?.integer {
        if domains <= 0 {
          errors.append(.invalid("\(place).minDomains", .integer(domains), "must be greater than zero"))
        }
        if action != "DoNotSchedule" {
          errors.append(
            .invalid(
              "\(place).minDomains", .integer(domains),
              "can only use minDomains if whenUnsatisfiable=DoNotSchedule, not \(action)"))
        }
      }
      errors += LabelSelector.errors(in: constraint["labelSelector"], at: "\(place).labelSelector")
    }
    return errors
  }
}
