import HTTPServing
import KubeMachinery

extension Kind {
  static let secret = Kind(
    KindName(group: "", version: "v1", kind: "Secret"), plural: "secrets", schema: .secret,
    table: PrinterTable(
      columns: [
        PrinterTable.nameColumn, Cells.column("Type", "What the data is for."), Cells.column("Data", "Number of keys."),
        PrinterTable.ageColumn,
      ]
    ) { object, now in
      [
        Cells.name(object), .string(object.textAt("type")), .integer(Int64(object["data"]?.members.count ?? 0)),
        Cells.age(object, now),
      ]
    },
    selectableFields: [SelectableField("type")],
    rules: KindRules(
      nameProblems: Naming.subdomain,
      defaults: SecretRules.mergeTexts,
      validate: SecretRules.errors,
      validateUpdate: { object, old in
        Checks.immutable("type", object["type"], old["type"])
          + ImmutableData.errors(object, old, fields: ["data"])
      }))
}

enum SecretRules {
  /// `stringData` is for writing only: its texts become data.
  @Sendable static func mergeTexts(_ object: inout JSONValue) {
    guard let texts = object["stringData"] else { return }
    object["stringData"] = nil
    for (name, value) in texts.members {
      guard let text = value.text else { continue }
      if object["data"] == nil { object["data"] = .object([]) }
      object["data"]?[name] = .string(Base64.encoded(text))
    }
  }

  /// Keys that there must be, by type.
  private static let keys: [String: [String]] = [
    "kubernetes.io/dockercfg": [".dockercfg"], "kubernetes.io/dockerconfigjson": [".dockerconfigjson"],
    "kubernetes.io/ssh-auth": ["ssh-privatekey"], "kubernetes.io/tls": ["tls.crt", "tls.key"],
  ]

  @Sendable static func errors(_ object: JSONValue) -> [FieldError] {
    var errors = Checks.dataKeys("data", object["data"])
    if Checks.base64Bytes(object["data"]) > Checks.maxDataBytes { errors.append(Checks.tooLarge("data")) }
    let type = object.textAt("type")
    for key in keys[type] ?? [] where object.at("data", key) == nil {
      errors.append(.required("data[\(key)]"))
    }
    switch type {
    case "kubernetes.io/service-account-token":
      if object.at("metadata", "annotations", "kubernetes.io/service-account.name")?.text ?? "" == "" {
        errors.append(.required("metadata.annotations[kubernetes.io/service-account.name]"))
      }
    case "kubernetes.io/basic-auth":
      if object.at("data", "username") == nil, object.at("data", "password") == nil {
        errors += [.required("data[username]"), .required("data[password]")]
      }
    case "kubernetes.io/dockercfg", "kubernetes.io/dockerconfigjson": errors += registryErrors(object, type)
    default: break
    }
    return errors
  }

  private static func registryErrors(_ object: JSONValue, _ type: String) -> [FieldError] {
    let key = type == "kubernetes.io/dockercfg" ? ".dockercfg" : ".dockerconfigjson"
    guard let text = object.at("data", key)?.text else { return [] }
    guard let bytes = Base64.decoded(text), let document = try? JSONParser.parse(bytes), document.isObject else {
      return [.invalid("data[\(key)]", "<secret contents redacted>", "is not a JSON object")]
    }
    return []
  }
}
