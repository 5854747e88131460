import HTTPServing
import KubeMachinery

/// What a container's environment must be.
enum EnvironmentRules {
  static func errors(_ container: JSONValue, at path: String) -> [FieldError] {
    var errors: [FieldError] = []
    for (index, variable) in container.listAt("env").enumerated() {
      let place = "\(path).env[\(index)]"
      let name = variable.textAt("name")
      if !name.isEmpty { errors += NameRule.environmentVariable.errors(name, at: "\(place).name") }
      if let source = variable["valueFrom"] {
        errors += sourceErrors(source, value: variable.textAt("value"), at: "\(place).valueFrom")
      }
    }
    for (index, source) in container.listAt("envFrom").enumerated() {
      let place = "\(path).envFrom[\(index)]"
      let prefix = source.textAt("prefix")
      if !prefix.isEmpty { errors += NameRule.environmentVariable.errors(prefix, at: "\(place).prefix") }
      let given = ["configMapRef", "secretRef"].filter { source.has($0) }
      if given.isEmpty {
        errors.append(.invalid(place, "", "must specify one of: `configMapRef` or `secretRef`"))
      } else if given.count > 1 {
        errors.append(.invalid(place, "", "may not have more than one field specified at a time"))
      }
      for field in given {
        let name = source.textAt(field, "name")
        errors +=
          name.isEmpty
          ? [.required("\(place).\(field).name")] : NameRule.subdomain.errors(name, at: "\(place).\(field).name")
      }
    }
    return errors
  }

  private static func sourceErrors(_ source: JSONValue, value: String, at path: String) -> [FieldError] {
    let fields = ["fieldRef", "resourceFieldRef", "configMapKeyRef", "secretKeyRef"]
    let given = fields.filter { source.has($0) }
    guard !given.isEmpty else {
      return [
        .invalid(
          path, "",
          "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`")
      ]
    }
    var errors: [FieldError] = []
    if !value.isEmpty { errors.append(.invalid(path, "", "may not be specified when `value` is not empty")) }
    if given.count > 1 {
      errors.append(.invalid(path, "", "may not have more than one field specified at a time"))
    }
    if let field = source["fieldRef"] {
      errors += FieldReferenceRules.errors(
        field, at: "\(path).fieldRef", allowed: FieldReferenceRules.inVariables)
    }
    for field in ["configMapKeyRef", "secretKeyRef"] where source.has(field) {
      if source.textAt(field, "name").isEmpty { errors.append(.required("\(path).\(field).name")) }
      let key = source.textAt(field, "key")
      if !key.isEmpty { errors += NameRule.dataKey.errors(key, at: "\(path).\(field).key") }
    }
    return errors
  }
}
