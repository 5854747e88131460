import HTTPServing
import Testing

@testable import KubeMachinery

@Suite struct CompletionTests {
  /// Each one has the number after the largest of the others; 99 is refused.
  private static let tickets = Kind(
    KindName(group: "test.example", version: "v1", kind: "Ticket"), plural: "tickets", isNamespaced: false,
    schema: ObjectSchema(
      "example.v1.Ticket", "A ticket.",
      fields: [
        Field("apiVersion", .string(), "Version."), Field("kind", .string(), "Kind."),
        Field("metadata", .anything, "Metadata."),
        Field("number", .integer(bits: 32), "Its number."),
      ]),
    rules: KindRules(
      nameProblems: { NameRule.label.problems($0, isPrefix: $1) },
      complete: { object, _, others in
        if object["number"] == .integer(99) { return [.invalid("number", "99", "is nobody's")] }
        if object["number"] == nil {
          object["number"] = .integer((others.compactMap { $0["number"]?.integer }.max() ?? 0) + 1)
        }
        return []
      }))

  @Test func thoseThatComeTogetherDoNotGetTheSame() async throws {
    let files = try StoreFixture()
    let service = ObjectService(store: try files.open(), catalog: KindCatalog([Self.tickets]))
    let now = Timestamp(seconds: 1_800_000_000)
    let numbers = try await withThrowingTaskGroup(of: Int64?.self) { group in
      for number in 0..<40 {
        group.addTask {
          let body: JSONValue = ["metadata": ["name": .string("t\(number)")]]
          let made = try await service.create(Self.tickets, in: "", body, WriteOptions(), at: now)
          return try JSONParser.parse(made.document)["number"]?.integer
        }
      }
      return try await group.reduce(into: Set<Int64>()) { all, one in one.map { _ = all.insert($0) } }
    }
    #expect(numbers == Set(1...40))
    // A refused one holds nobody up.
    let refusal = await refused {
      try await service.create(
        Self.tickets, in: "", ["metadata": ["name": "a"], "number": 99], WriteOptions(), at: now)
    }
    #expect(refusal?.code == 422)
    let changed = try await service.update(
      Self.tickets, in: "", "t1", .whole, ["metadata": ["name": "t1"]], WriteOptions(), at: now)
    #expect(try JSONParser.parse(changed.document)["number"] == .integer(41))
  }
}
