import HTTPServing

/// One configuration on its way into an object.
struct Application {
  /// What the configuration sets.
  let fields: FieldSet
  private let config: JSONValue
  private let schema: Schema
  private let ignored: FieldSet
  private let writer: ManagedFields.Manager

  init(_ config: JSONValue, _ schema: Schema, ignoring ignored: FieldSet, by writer: ManagedFields.Manager) {
    self.config = config
    self.schema = schema
    self.ignored = ignored
    self.writer = writer
    fields = FieldSet(of: config, schema).excluding(ignored)
  }

  /// The stored object with the configuration, without what the writer applied before and nobody owns now.
  func merge(_ stored: JSONValue, _ managed: ManagedFields) -> (object: JSONValue, changes: FieldComparison) {
    let object = pruned(ConfigurationMerge.merge(stored, config, schema), managed)
    return (object, FieldComparison(stored, object, schema).excluding(ignored))
  }

  /// The fields of others that the changes touch.
  func conflicts(
    _ changes: FieldComparison, _ managed: ManagedFields
  ) -> [(manager: ManagedFields.Manager, path: [PathElement])] {
    let changed = changes.added.union(changes.modified)
    var conflicts: [(manager: ManagedFields.Manager, path: [PathElement])] = []
    for entry in managed.entries where entry.manager != writer {
      entry.fields.intersection(changed).forEachPath { conflicts.append((entry.manager, $0)) }
    }
    return conflicts
  }

  private func pruned(_ merged: JSONValue, _ managed: ManagedFields) -> JSONValue {
    guard let last = managed[writer]?.fields, !last.subtracting(fields).isEmpty else { return merged }
    let gone = last.withNamedFields(schema)
    let owned = managed.entries.filter { $0.manager != writer }.reduce(fields) { $0.union($1.fields) }
      .withNamedFields(schema)
    let all = FieldSet(of: merged, schema).withNamedFields(schema)
    // First all that was applied goes, with what lies in it; then what somebody owns comes back; then what was not the
    // writer's, though it lay in what was.
    let bare = FieldSet(of: ConfigurationMerge.removing(gone, from: merged, schema), schema).withNamedFields(schema)
    let unowned = all.subtracting(bare.union(owned))
    let kept = FieldSet(of: ConfigurationMerge.removing(unowned, from: merged, schema), schema)
      .withNamedFields(schema)
    return ConfigurationMerge.removing(all.subtracting(kept).intersection(gone), from: merged, schema)
  }
}

extension FieldSet {
  /// Whether the path itself is in the set.
  func contains(_ path: [PathElement]) -> Bool {
    guard let last = path.last else { return false }
    var set = self
    for element in path.dropLast() {
      guard let entry = set.entry(element) else { return false }
      set = entry.below
    }
    return set.entry(last)?.isMember ?? false
  }
}
