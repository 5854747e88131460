import HTTPServing
import KubeMachinery

/// What a pod's volumes must be: each has a name of its own and exactly one source.
enum VolumeRules {
  static func errors(_ volumes: [JSONValue], at path: String, names: inout Set<String>) -> [FieldError] {
    var errors: [FieldError] = []
    for (index, volume) in volumes.enumerated() {
      let place = "\(path)[\(index)]"
      let name = volume.textAt("name")
      if !name.isEmpty {
        errors += NameRule.label.errors(name, at: "\(place).name")
        if !names.insert(name).inserted { errors.append(.duplicate("\(place).name", .string(name))) }
      }
      errors += sourceErrors(volume, at: place)
    }
    return errors
  }

  private static func sourceErrors(_ volume: JSONValue, at path: String) -> [FieldError] {
    let sources = volume.members.filter { $0.name != "name" }
    guard let first = sources.first else { return [.required(path, "must specify a volume type")] }
    var errors = sources.dropFirst().map { source in
      FieldError.forbidden("\(path).\(source.name)", "may not specify more than 1 volume type")
    }
    errors += detailErrors(first.name, first.value, at: "\(path).\(first.name)")
    return errors
  }

  private static func detailErrors(_ kind: String, _ source: JSONValue, at path: String) -> [FieldError] {
    switch kind {
    case "hostPath": return Checks.noBackstep("\(path).path", source.textAt("path"))
    case "emptyDir":
      guard let limit = source["sizeLimit"]?.text, let amount = try? Quantity(parsing: limit), amount < .zero else {
        return []
      }
      return [.forbidden("\(path).sizeLimit", "SizeLimit field must be a valid resource quantity")]
    case "secret", "configMap":
      let field = kind == "secret" ? "secretName" : "name"
      let missing: [FieldError] = source.textAt(field).isEmpty ? [.required("\(path).\(field)")] : []
      return missing + Checks.fileMode("\(path).defaultMode", source["defaultMode"]) + itemErrors(source, at: path)
    case "downwardAPI":
      return Checks.fileMode("\(path).defaultMode", source["defaultMode"]) + fileErrors(source, at: path)
    case "projected": return projectedErrors(source, at: path)
    case "nfs":
      return source.textAt("path").hasPrefix("/") || source.textAt("path").isEmpty
        ? [] : [.invalid("\(path).path", source.textAt("path"), "must be an absolute path")]
    default: return []
    }
  }

  /// Keys that become files.
  private static func itemErrors(_ source: JSONValue, at path: String) -> [FieldError] {
    source.listAt("items").enumerated().flatMap { index, item in
      let place = "\(path).items[\(index)]"
      return Checks.fileMode("\(place).mode", item["mode"]) + fileName(item.textAt("path"), at: "\(place).path")
    }
  }

  /// Files of fields of the pod.
  private static func fileErrors(_ source: JSONValue, at path: String) -> [FieldError] {
    source.listAt("items").enumerated().flatMap { index, item in
      let place = "\(path).items[\(index)]"
      var errors = Checks.fileMode("\(place).mode", item["mode"]) + fileName(item.textAt("path"), at: "\(place).path")
      switch (item["fieldRef"], item["resourceFieldRef"]) {
      case (nil, nil): errors.append(.required(place, "one of fieldRef and resourceFieldRef is required"))
      case (.some, .some):
        errors.append(.invalid(place, "resource", "fieldRef and resourceFieldRef can not be specified simultaneously"))
      case (let field?, nil):
        errors += FieldReferenceRules.errors(
          field, at: "\(place).fieldRef", allowed: FieldReferenceRules.inFiles)
      case (nil, .some):
        if item.textAt("resourceFieldRef", "containerName").isEmpty {
          errors.append(.required("\(place).resourceFieldRef.containerName"))
        }
      }
      return errors
    }
  }

  private static func fileName(_ name: String, at path: String) -> [FieldError] {
    if name.hasPrefix(".."), !name.hasPrefix("../"), name != ".." {
      return [.invalid(path, name, "must not start with '..'")]
    }
    return Checks.descending(path, name)
  }

  private static func projectedErrors(_ source: JSONValue, at path: String) -> [FieldError] {
    var errors = Checks.fileMode("\(path).defaultMode", source["defaultMode"])
    for (index, part) in source.listAt("sources").enumerated() {
      let place = "\(path).sources[\(index)]"
      guard let first = part.members.first else {
        errors.append(.required(place, "must specify at least one projection type"))
        continue
      }
      errors += part.members.dropFirst().map {
        FieldError.forbidden("\(place).\($0.name)", "may not specify more than 1 volume type")
      }
      let inner = "\(place).\(first.name)"
      switch first.name {
      case "secret", "configMap":
        if first.value.textAt("name").isEmpty { errors.append(.required("\(inner).name")) }
        errors += itemErrors(first.value, at: inner)
      case "downwardAPI": errors += fileErrors(first.value, at: inner)
      case "serviceAccountToken":
        let seconds = first.value.numberAt("expirationSeconds")
        if seconds < 600 {
          errors.append(
            .invalid("\(inner).expirationSeconds", .integer(seconds), "may not specify a duration less than 10 minutes")
          )
        } else if seconds > 1 << 32 {
          errors.append(
            .invalid(
              "\(inner).expirationSeconds", .integer(seconds), "may not specify a duration larger than 2^32 seconds"))
        }
        errors += fileName(first.value.textAt("path"), at: "\(inner).path")
      default: errors += fileName(first.value.textAt("path"), at: "\(inner).path")
      }
    }
    return errors
  }
}

/// Fields of the pod that variables and files may tell.
enum FieldReferenceRules {
  static let inVariables: [String] = [
    "metadata.name", "metadata.namespace", "metadata.uid", "spec.nodeName", "spec.serviceAccountName", "status.hostIP",
    "status.hostIPs", "status.podIP", "status.podIPs",
  ]
  static let inFiles: [String] = [
    "metadata.annotations", "metadata.labels", "metadata.name", "metadata.namespace", "metadata.uid",
  ]

  /// Fields of a pod that have a name at all, wherever that may be used.
  private static let known = Set(
    inVariables + inFiles + ["spec.host", "spec.restartPolicy", "spec.schedulerName", "status.phase"])

  static func errors(_ reference: JSONValue, at path: String, allowed: [String]) -> [FieldError] {
    let field = reference.textAt("fieldPath")
    guard !field.isEmpty else { return [] }
    for prefix in ["metadata.labels['", "metadata.annotations['"] where field.hasPrefix(prefix) && field.hasSuffix("']")
    {
      let key = String(field.dropFirst(prefix.count).dropLast(2))
      let name = prefix.contains("annotations") ? key.lowercased() : key
      return NameRule.qualifiedName.errors(name, at: path)
    }
    if allowed.contains(field) { return [] }
    guard known.contains(field) else {
      return [
        .invalid("\(path).fieldPath", field, "error converting fieldPath: field label not supported: \(field)")
      ]
    }
    return [.notSupported("\(path).fieldPath", field, allowed)]
  }
}
