import HTTPServing
import KubeMachinery

/// A kind with one field of each form.
enum Sample {
  static let port: ObjectSchema = ObjectSchema(
    "io.example.v1.Port", "A port.",
    fields: [
      Field("name", .string(), "Name of the port.", isRequired: true),
      Field("number", .integer(bits: 32), "Number of the port."),
      Field("protocol", .string(allowed: ["TCP", "UDP"]), "Protocol of the port.", default: "TCP"),
    ])

  static let spec: ObjectSchema = ObjectSchema(
    "io.example.v1.GadgetSpec", "What is wanted of a gadget.",
    fields: [
      Field("replicas", .integer(bits: 32), "Number of gadgets.", default: 1),
      Field("paused", .boolean, "Whether changes wait."),
      Field("ratio", .number, "A share."),
      Field("size", .quantity, "Size of the gadget."),
      Field("surge", .intOrString, "How many at a time."),
      Field("when", .time, "When it begins."),
      Field("exactly", .microTime, "When it begins, exactly."),
      Field("key", .base64, "A key."),
      Field("raw", .anything, "Anything."),
      Field("labels", .map(.string()), "Labels."),
      Field("amounts", .map(.quantity), "Amounts."),
      Field("args", .list(.string(), .atomic), "Arguments."),
      Field(
        "ports", .list(.object(port), .map(keys: ["name"])), "Ports.", isRequired: true, merge: MergeRule(key: "name")),
      Field("mode", .string(), "Mode of the gadget.", default: "fast"),
    ])

  static let metadata: ObjectSchema = ObjectSchema(
    "io.example.v1.Meta", "Metadata.",
    fields: [
      Field("name", .string(), "Name."), Field("namespace", .string(), "Namespace."),
      Field("generation", .integer(bits: 64), "Generation."), Field("creationTimestamp", .time, "When it was made."),
      Field("labels", .map(.string()), "Labels."),
    ])

  static let gadget: ObjectSchema = ObjectSchema(
    "io.example.v1.Gadget", "A gadget.",
    fields: [
      Field("kind", .string(), "Name of the kind."), Field("apiVersion", .string(), "Group and version."),
      Field("metadata", .object(metadata), "Metadata."), Field("spec", .object(spec), "What is wanted."),
      Field(
        "status",
        .object(
          ObjectSchema(
            "io.example.v1.GadgetStatus", "State.",
            fields: [
              Field("replicas", .integer(bits: 32), "Gadgets that are there.")
            ])), "What is."),
    ])

  static let kind = Kind(
    KindName(group: "example.io", version: "v1", kind: "Gadget"), plural: "gadgets", shortNames: ["gd"],
    categories: ["all"], subresources: [.status, .scale(ScalePaths { _ in "app=gadget" })], schema: gadget,
    selectableFields: [SelectableField("spec.mode")], countsGenerations: true,
    rules: KindRules(
      nameProblems: { NameRule.subdomain.problems($0, isPrefix: $1) },
      validateUpdate: { new, old in
        new.at("spec", "mode") == old.at("spec", "mode")
          ? [] : [.invalid("spec.mode", new.at("spec", "mode") ?? .null, "field is immutable")]
      }))

  static let catalog = KindCatalog([
    kind,
    Kind(
      KindName(group: "", version: "v1", kind: "Widget"), plural: "widgets", isNamespaced: false,
      verbs: ["get", "list"],
      schema: ObjectSchema(
        "io.example.core.v1.Widget", "A widget.",
        fields: [
          Field("metadata", .object(metadata), "Metadata."), Field("size", .quantity, "Size."),
        ]), rules: KindRules(nameProblems: { _, _ in [] })),
  ])

  static func json(_ text: String) throws -> JSONValue { try JSONParser.parse(Array(text.utf8)) }
}
