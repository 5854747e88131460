import HTTPServing
import Testing

@testable import KubeMachinery

/// Laws of server-side apply, on random configurations of the sample kind.
struct FieldManagementPropertyTests {
  private struct Source {
    var random: SeededGenerator

    mutating func flip() -> Bool { Bool.random(using: &random) }
    mutating func pick<Item>(_ items: [Item]) -> Item { items[Int.random(in: 0..<items.count, using: &random)] }

    /// Values depend on their place only where `isAgreed`, so that two configurations never contradict each other.
    mutating func config(isAgreed: Bool) -> JSONValue {
      func value(_ agreed: JSONValue, _ others: [JSONValue]) -> JSONValue {
        isAgreed ? agreed : pick(others + [agreed])
      }
      var spec = JSONValue.object([])
      if flip() { spec["replicas"] = value(1, [2, 3]) }
      if flip() {
        var strategy: JSONValue = ["type": value("R", ["S"])]
        if flip() { strategy["surge"] = 1 }
        spec["strategy"] = strategy
      }
      if flip() { spec["nodeSelector"] = value(["a": "1"], [["b": "2"], [:]]) }
      if flip() {
        let names = ["c", "d", "e"].filter { _ in flip() }.shuffled(using: &random)
        spec["containers"] = .array(
          names.map { name in
            var container: JSONValue = ["name": .string(name)]
            if flip() { container["image"] = value("i", ["j"]) }
            if flip() { container["args"] = value(["x"], [["y"], []]) }
            if flip() {
              let ports: [Int64] = [80, 81].filter { _ in flip() }
              container["ports"] = .array(ports.map { ["containerPort": .integer($0), "name": value("p", ["q"])] })
            }
            return container
          })
      }
      var config: JSONValue = ["apiVersion": "apps/v1", "kind": "Deployment", "metadata": ["name": "web"]]
      if flip() {
        config["metadata"]?["labels"] = .texts(
          Dictionary(uniqueKeysWithValues: ["a", "b"].filter { _ in flip() }.map { ($0, "v") }))
      }
      if flip() { config["metadata"]?["finalizers"] = .array(["f", "g"].filter { _ in flip() }.map { .string($0) }) }
      config["spec"] = spec
      return config
    }
  }

  private func apply(
    _ live: JSONValue?, _ config: JSONValue, _ manager: String, isForced: Bool = false
  ) throws -> JSONValue {
    try ManagedSample.fields.apply(
      live: live, config: config, manager: manager, isForced: isForced, time: "2026-01-01T00:00:00Z")
  }

  private static let schema = Schema.object(ManagedSample.schema)

  private static func paths(_ value: JSONValue) -> FieldSet {
    var value = value
    value.setManagedFields(nil)
    return FieldSet(of: value, schema)
  }

  @Test func applyingAgainChangesNothing() throws {
    var source = Source(random: SeededGenerator(seed: 1))
    for _ in 0..<120 {
      let first = try apply(nil, source.config(isAgreed: false), "a")
      let config = source.config(isAgreed: false)
      let once = try apply(first, config, "b", isForced: true)
      #expect(try apply(once, config, "b") == once)
    }
  }

  @Test func whatAConfigurationSetsIsThereAfterwards() throws {
    var source = Source(random: SeededGenerator(seed: 2))
    for _ in 0..<120 {
      let first = try apply(nil, source.config(isAgreed: false), "a")
      let config = source.config(isAgreed: false)
      let object = try apply(first, config, "b", isForced: true)
      let changes = FieldComparison(config, object, Self.schema)
      #expect(changes.modified.isEmpty && changes.removed.intersection(Self.paths(config)).isEmpty)
    }
  }

  @Test func whoAppliesNothingAnyMoreLeavesWhatOthersApply() throws {
    var source = Source(random: SeededGenerator(seed: 3))
    let nothing: JSONValue = ["apiVersion": "apps/v1", "kind": "Deployment", "metadata": ["name": "web"]]
    for _ in 0..<120 {
      let one = source.config(isAgreed: true)
      let two = source.config(isAgreed: true)
      var object = try apply(nil, one, "a")
      object = try apply(object, two, "b")
      object = try apply(object, nothing, "a")
      let left = Self.paths(object).subtracting(Self.paths(nothing))
      let wanted = Self.paths(two).subtracting(Self.paths(nothing))
      #expect(left.subtracting(wanted).withoutContainers == FieldSet(), "\(one.encodedText) \(two.encodedText)")
      #expect(wanted.subtracting(left).withoutContainers == FieldSet(), "\(one.encodedText) \(two.encodedText)")
    }
  }

  @Test func theOrderOfThoseWhoApplyDoesNotMatterForWhoOwnsWhat() throws {
    var source = Source(random: SeededGenerator(seed: 4))
    for _ in 0..<100 {
      let one = source.config(isAgreed: true)
      let two = source.config(isAgreed: true)
      let object = try apply(try apply(nil, one, "a"), two, "b")
      let other = try apply(try apply(nil, two, "b"), one, "a")
      // Where the first of them owns nothing, the second finds an object from before the first apply.
      func owners(_ object: JSONValue) -> [String] {
        ManagedSample.owners(object).filter { !$0.hasPrefix("before-first-apply") }
      }
      #expect(owners(object) == owners(other))
      #expect(Self.paths(object) == Self.paths(other))
    }
  }

  @Test func everybodyOwnsOnlyWhatIsThere() throws {
    var source = Source(random: SeededGenerator(seed: 5))
    for _ in 0..<100 {
      var object = try apply(nil, source.config(isAgreed: false), "a")
      for manager in ["b", "c", "a", "b"] {
        if source.flip() {
          object = try apply(object, source.config(isAgreed: false), manager, isForced: true)
        } else {
          var changed = try apply(object, source.config(isAgreed: false), "x", isForced: true)
          changed["metadata"]?["managedFields"] = nil
          object = ManagedSample.fields.update(
            live: object, new: changed, manager: manager, time: "2026-01-01T00:00:00Z")
        }
        let present = Self.paths(object).withNamedFields(Self.schema)
        for entry in object["metadata"]?["managedFields"]?.items ?? [] {
          let owned = try #require(FieldSet(document: entry["fieldsV1"] ?? .null))
          #expect(owned.subtracting(present).withoutContainers.isEmpty)
        }
      }
    }
  }

  /// Managed fields come from clients: whatever they are, nothing breaks.
  @Test func strangeManagedFieldsDoNotBreakAnything() throws {
    var source = Source(random: SeededGenerator(seed: 6))
    let names = [
      "f:spec", "f:containers", "k:{\"name\":\"c\"}", ".", "v:1", "i:0", "f:", "k:[]", "x:y", "k:{\"a\":{\"b\":[]}}",
    ]
    func fields(_ depth: Int) -> JSONValue {
      var value = JSONValue.object([])
      if depth < 4 {
        for _ in 0..<Int.random(in: 0..<3, using: &source.random) { value[source.pick(names)] = fields(depth + 1) }
      }
      return value
    }
    for _ in 0..<400 {
      let live = try apply(nil, source.config(isAgreed: false), "a")
      var new = try apply(live, source.config(isAgreed: false), "b", isForced: true)
      new["metadata"]?["managedFields"] = .array(
        (0..<Int.random(in: 0..<3, using: &source.random)).map { _ in
          [
            "manager": "m", "operation": source.pick(["Apply", "Update", "x"]),
            "apiVersion": source.pick(["apps/v1", ""]),
            "fieldsType": source.pick(["FieldsV1", ""]), "fieldsV1": fields(0),
          ]
        })
      let object = ManagedSample.fields.update(live: live, new: new, manager: "u", time: "2026-01-01T00:00:00Z")
      #expect((object["metadata"]?["managedFields"]?.items.count ?? 0) <= 4)
      _ = try? apply(object, source.config(isAgreed: false), "c")
    }
  }
}

extension FieldSet {
  /// Only what has nothing below it and is no bare container of the sample kind.
  fileprivate var withoutContainers: FieldSet {
    let containers: Set = [
      ".metadata", ".metadata.labels", ".metadata.finalizers", ".spec", ".spec.strategy", ".spec.containers",
    ]
    var set = FieldSet()
    forEachPath { path in
      let shown = path.map(\.shown).joined()
      if !containers.contains(shown), !shown.hasSuffix(".ports") { set.insert(path) }
    }
    return set
  }
}
