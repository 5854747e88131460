import HTTPServing

/// A schema as OpenAPI says it. Sources: OpenAPI 2.0, *Schema Object*; OpenAPI 3.0.0, *Schema Object*; Kubernetes API conventions on
/// the extensions `x-kubernetes-…`.
struct SchemaDocument {
  enum Version { case two, three }

  let version: Version

  private typealias Members = [(name: String, value: JSONValue)]

  private var prefix: String { version == .two ? "#/definitions/" : "#/components/schemas/" }

  private func reference(_ name: String) -> JSONValue { ["$ref": .string(prefix + name)] }

  /// A reference beside other members: OpenAPI 3 as Kubernetes writes it wraps it, OpenAPI 2 does not mind.
  private func referenceMembers(_ name: String) -> Members {
    version == .two
      ? [("$ref", .string(prefix + name))] : [("allOf", .array([reference(name)]))]
  }

  /// The definition of an object. `kinds`: what documents of this form say that they are.
  func definition(_ schema: ObjectSchema, kinds: [KindName] = []) -> JSONValue {
    var members: Members = [("description", .string(schema.summary))]
    let required = schema.fields.filter(\.isRequired).map { JSONValue.string($0.name) }
    if !required.isEmpty { members.append(("required", .array(required))) }
    members.append(("type", "object"))
    if !schema.fields.isEmpty {
      members.append(
        ("properties", .object(schema.fields.sorted { $0.name < $1.name }.map { ($0.name, property($0)) })))
    }
    if !kinds.isEmpty {
      members.append(
        (
          "x-kubernetes-group-version-kind",
          .array(
            kinds.map {
              ["group": .string($0.group), "kind": .string($0.kind), "version": .string($0.version)]
            })
        ))
    }
    if schema.isAtomic { members.append(("x-kubernetes-map-type", "atomic")) }
    return .object(members)
  }

  private func property(_ field: Field) -> JSONValue {
    var members: Members = [("description", .string(field.summary))]
    members += form(field.schema)
    if version == .three, let value = field.defaultValue { members.append(("default", value)) }
    if let rule = field.merge {
      if let key = rule.key { members.append(("x-kubernetes-patch-merge-key", .string(key))) }
      let strategies = (rule.mergesItems ? ["merge"] : []) + (rule.retainsKeys ? ["retainKeys"] : [])
      members.append(("x-kubernetes-patch-strategy", .string(strategies.joined(separator: ","))))
    }
    return .object(members)
  }

  private func form(_ schema: Schema) -> Members {
    switch schema {
    case .string(let format, let allowed):
      var members: Members = [("type", "string")]
      if let format { members.append(("format", .string(format))) }
      if version == .three, !allowed.isEmpty {
        members.append(("enum", .array(allowed.sorted().map { .string($0) })))
      }
      return members
    case .boolean: return [("type", "boolean")]
    case .integer(let bits): return [("format", .string("int\(bits)")), ("type", "integer")]
    case .number: return [("format", "double"), ("type", "number")]
    case .quantity: return referenceMembers(WellKnown.quantity)
    case .intOrString: return referenceMembers(WellKnown.intOrString)
    case .time: return referenceMembers(WellKnown.time)
    case .microTime: return referenceMembers(WellKnown.microTime)
    case .base64: return [("format", "byte"), ("type", "string")]
    case .anything: return referenceMembers(WellKnown.anything)
    case .object(let inner): return referenceMembers(inner.name)
    case .map(let inner, let isAtomic):
      let members: Members = [("additionalProperties", value(inner)), ("type", "object")]
      return isAtomic ? members + [("x-kubernetes-map-type", "atomic")] : members
    case .list(let inner, let form): return [("items", value(inner)), ("type", "array")] + extensions(form)
    }
  }

  private func value(_ schema: Schema) -> JSONValue {
    switch schema {
    case .object(let inner): reference(inner.name)
    case .quantity: reference(WellKnown.quantity)
    default: .object(form(schema))
    }
  }

  private func extensions(_ form: ListForm) -> Members {
    switch form {
    case .atomic: [("x-kubernetes-list-type", "atomic")]
    case .set: [("x-kubernetes-list-type", "set")]
    case .map(let keys):
      [
        ("x-kubernetes-list-map-keys", .array(keys.map { .string($0) })), ("x-kubernetes-list-type", "map"),
      ]
    }
  }

  /// Forms that have definitions of their own, though they are no objects with fields.
  enum WellKnown {
    static let quantity = "io.k8s.apimachinery.pkg.api.resource.Quantity"
    static let intOrString = "io.k8s.apimachinery.pkg.util.intstr.IntOrString"
    static let time = "io.k8s.apimachinery.pkg.apis.meta.v1.Time"
    static let microTime = "io.k8s.apimachinery.pkg.apis.meta.v1.MicroTime"
    static let anything = "io.k8s.apimachinery.pkg.runtime.RawExtension"
  }

  var wellKnown: [(name: String, value: JSONValue)] {
    let number: JSONValue = ["description": "An amount: a number with a suffix.", "type": "string"]
    let either: JSONValue = ["description": "A whole number or a text.", "format": "int-or-string", "type": "string"]
    return [
      (
        WellKnown.quantity,
        version == .two
          ? number
          : [
            "description": "An amount: a number with a suffix.",
            "oneOf": [["type": "string"], ["type": "number"]],
          ]
      ),
      (
        WellKnown.intOrString,
        version == .two
          ? either
          : [
            "description": "A whole number or a text.", "format": "int-or-string",
            "oneOf": [["type": "integer"], ["type": "string"]],
          ]
      ),
      (
        WellKnown.time,
        ["description": "A moment, RFC 3339 with whole seconds.", "format": "date-time", "type": "string"]
      ),
      (
        WellKnown.microTime,
        ["description": "A moment, RFC 3339 with microseconds.", "format": "date-time", "type": "string"]
      ),
      (WellKnown.anything, ["description": "Any JSON.", "type": "object"]),
    ]
  }
}
