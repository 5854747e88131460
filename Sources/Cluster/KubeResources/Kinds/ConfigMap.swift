import HTTPServing
import KubeMachinery

extension Kind {
  static let configMap = Kind(
    KindName(group: "", version: "v1", kind: "ConfigMap"), plural: "configmaps", shortNames: ["cm"], schema: .configMap,
    table: PrinterTable(
      columns: [PrinterTable.nameColumn, Cells.column("Data", "Number of keys."), PrinterTable.ageColumn]
    ) { object, now in
      let count = (object["data"]?.members.count ?? 0) + (object["binaryData"]?.members.count ?? 0)
      return [Cells.name(object), .integer(Int64(count)), Cells.age(object, now)]
    },
    rules: KindRules(
      nameProblems: Naming.subdomain,
      validate: { object in
        var errors = Checks.dataKeys("data", object["data"]) + Checks.dataKeys("binaryData", object["binaryData"])
        let binary = Set((object["binaryData"]?.members ?? []).map(\.name))
        for (name, _) in object["data"]?.members ?? [] where binary.contains(name) {
          errors.append(.invalid("data[\(name)]", name, "duplicate of key present in binaryData"))
        }
        if Checks.textBytes(object["data"]) + Checks.base64Bytes(object["binaryData"]) > Checks.maxDataBytes {
          errors.append(Checks.tooLarge(""))
        }
        return errors
      },
      validateUpdate: { object, old in ImmutableData.errors(object, old, fields: ["data", "binaryData"]) }))
}

/// ConfigMaps and Secrets whose data was declared to stay as it is.
enum ImmutableData {
  static func errors(_ object: JSONValue, _ old: JSONValue, fields: [String]) -> [FieldError] {
    guard old.flagAt("immutable") else { return [] }
    let detail = "field is immutable when `immutable` is set"
    var errors: [FieldError] = object.flagAt("immutable") ? [] : [.forbidden("immutable", detail)]
    for field in fields where !(object[field] ?? [:]).means(old[field] ?? [:]) {
      errors.append(.forbidden(field, detail))
    }
    return errors
  }
}
