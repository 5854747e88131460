import HTTPServing

@testable import KubeMachinery

/// An object service with two kinds, on a store of its own.
struct ServiceFixture {
  static let widgets = Kind(
    KindName(group: "test.example", version: "v1", kind: "Widget"), plural: "widgets", subresources: [.status],
    schema: ObjectSchema(
      "example.v1.Widget", "A thing.",
      fields: common + [
        Field(
          "spec",
          .object(
            ObjectSchema(
              "example.v1.WidgetSpec", "What is wanted.",
              fields: [
                Field("size", .integer(bits: 32), "How big.", default: 1),
                Field("color", .string(), "Its color."),
                Field(
                  "parts",
                  .list(
                    .object(
                      ObjectSchema(
                        "example.v1.Part", "A part.",
                        fields: [
                          Field("name", .string(), "Its name."), Field("weight", .integer(bits: 32), "Its weight."),
                        ])),
                    .map(keys: ["name"])), "Its parts.", merge: MergeRule(key: "name")),
              ])), "What is wanted.", default: [:]),
        Field(
          "status",
          .object(
            ObjectSchema("example.v1.WidgetStatus", "What is.", fields: [Field("phase", .string(), "Its phase.")])),
          "What is."),
      ]),
    selectableFields: [SelectableField("spec.color")], countsGenerations: true,
    rules: KindRules(
      nameProblems: { NameRule.subdomain.problems($0, isPrefix: $1) },
      validate: { object in
        object.at("spec", "color")?.text == "bad" ? [.invalid("spec.color", "bad", "is bad")] : []
      },
      validateUpdate: { object, old in
        object.at("spec", "color") == old.at("spec", "color") || old.at("spec", "color") == nil
          ? [] : [.invalid("spec.color", object.at("spec", "color") ?? .null, "field is immutable")]
      },
      graceSeconds: { object, wished in object.at("spec", "color")?.text == "slow" ? wished ?? 30 : 0 }))

  static let namespaces = Kind(
    KindName(group: "", version: "v1", kind: "Namespace"), plural: "namespaces", isNamespaced: false,
    schema: ObjectSchema("v1.Namespace", "A namespace.", fields: common + [Field("status", .anything, "Its status.")]),
    selectableFields: [SelectableField("status.phase")],
    rules: KindRules(nameProblems: { NameRule.label.problems($0, isPrefix: $1) }))

  private static let common = [
    Field("apiVersion", .string(), "Version."), Field("kind", .string(), "Kind."),
    Field("metadata", .anything, "Metadata."),
  ]

  let store: SQLiteObjectStore
  let service: ObjectService
  let files: StoreFixture
  let now = Timestamp(seconds: 1_800_000_000)

  /// With the namespaces `default` and `other`.
  init() async throws {
    files = try StoreFixture()
    store = try files.open()
    service = ObjectService(store: store, catalog: KindCatalog([Self.namespaces, Self.widgets]))
    for name in ["default", "other"] {
      _ = try await service.create(
        Self.namespaces, in: "", ["metadata": ["name": .string(name)]], WriteOptions(), at: now)
    }
  }

  @discardableResult
  func create(_ body: JSONValue, in namespace: String = "default", _ options: WriteOptions = WriteOptions())
    async throws
    -> JSONValue
  {
    try JSONParser.parse(try await service.create(Self.widgets, in: namespace, body, options, at: now).document)
  }

  func get(_ name: String, in namespace: String = "default") async throws -> JSONValue {
    try await service.get(Self.widgets, in: namespace, name).value()
  }

  @discardableResult
  func update(
    _ body: JSONValue, _ name: String = "a", _ part: ObjectService.Part = .whole,
    _ options: WriteOptions = WriteOptions()
  ) async throws -> JSONValue {
    try JSONParser.parse(
      try await service.update(Self.widgets, in: "default", name, part, body, options, at: now).document)
  }

  @discardableResult
  func patch(
    _ patch: JSONValue, _ form: PatchForm = .merge, _ name: String = "a", _ part: ObjectService.Part = .whole
  ) async throws -> JSONValue {
    try JSONParser.parse(
      try await service.patch(Self.widgets, in: "default", name, part, form, patch, WriteOptions(), at: now).document)
  }

  func delete(_ name: String = "a", _ options: DeleteOptions = DeleteOptions()) async throws -> ObjectService.Deletion {
    try await service.delete(Self.widgets, in: "default", name, options, at: now)
  }
}

func widget(_ name: String, spec: JSONValue = [:], metadata: JSONValue = [:]) -> JSONValue {
  var body: JSONValue = ["metadata": metadata, "spec": spec]
  if !name.isEmpty { body.meta.name = name }
  return body
}

/// The status that a call is refused with.
func refused(_ body: () async throws -> some Any) async -> StatusError? {
  do {
    _ = try await body()
    return nil
  } catch {
    return error as? StatusError
  }
}
