import HTTPServing

/// Who set which fields of an object: `metadata.managedFields`.
///
/// Source: Kubernetes *Server-Side Apply*, `meta/v1.ManagedFieldsEntry`.
struct ManagedFields: Equatable {
  enum Operation: String {
    case apply = "Apply"
    case update = "Update"
  }

  /// What makes two writes those of one manager. What somebody applied is his in any version of the kind.
  struct Manager: Hashable {
    let name: String
    let operation: Operation
    /// Empty for those who apply.
    let apiVersion: String
    let subresource: String

    init(_ name: String, _ operation: Operation, apiVersion: String, subresource: String) {
      self.name = name
      self.operation = operation
      self.apiVersion = operation == .apply ? "" : apiVersion
      self.subresource = subresource
    }
  }

  struct Entry: Equatable {
    let manager: Manager
    var apiVersion: String
    /// RFC 3339; nil where the client that wrote the entry gave none.
    var time: String?
    var fields: FieldSet
  }

  static let maxEntries = 200
  /// Entries of updates beyond these are put together. Source: Kubernetes `DefaultMaxUpdateManagers`.
  static let maxUpdates = 10
  private static let bucketName = "ancient-changes"

  private(set) var entries: [Entry] = []

  init() {}

  /// Nil where an entry cannot be read, or where there are too many.
  init?(document: JSONValue?) {
    guard let document, document != .null else { return }
    guard case .array(let items) = document, items.count <= Self.maxEntries else { return nil }
    for item in items {
      guard let entry = Self.entry(item) else { return nil }
      self[entry.manager] = entry
    }
  }

  private static func entry(_ item: JSONValue) -> Entry? {
    guard let operation = item["operation"]?.text.flatMap(Operation.init), item["fieldsType"] == "FieldsV1",
      let apiVersion = item["apiVersion"]?.text, !apiVersion.isEmpty,
      let fields = FieldSet(document: item["fieldsV1"] ?? .object([]))
    else { return nil }
    let manager = Manager(
      item["manager"]?.text ?? "", operation, apiVersion: apiVersion, subresource: item["subresource"]?.text ?? "")
    return Entry(manager: manager, apiVersion: apiVersion, time: item["time"]?.text, fields: fields)
  }

  var isEmpty: Bool { entries.isEmpty }

  /// Setting an entry without fields removes it.
  subscript(manager: Manager) -> Entry? {
    get { entries.first { $0.manager == manager } }
    set {
      let index = entries.firstIndex { $0.manager == manager }
      if let newValue, !newValue.fields.isEmpty {
        if let index { entries[index] = newValue } else { entries.append(newValue) }
      } else if let index {
        entries.remove(at: index)
      }
    }
  }

  /// Takes fields from everybody but one.
  mutating func take(_ fields: FieldSet, fromAllBut manager: Manager) {
    if fields.isEmpty { return }
    for index in entries.indices where entries[index].manager != manager {
      entries[index].fields = entries[index].fields.subtracting(fields)
    }
    entries.removeAll { $0.fields.isEmpty }
  }

  /// Nil where nobody owns anything.
  var document: JSONValue? {
    if entries.isEmpty { return nil }
    return .array(entries.sorted(by: Self.precedes).map(Self.document))
  }

  private static func precedes(_ one: Entry, _ two: Entry) -> Bool {
    func key(_ entry: Entry) -> [String] {
      [
        entry.manager.operation.rawValue, entry.time ?? "", entry.manager.name, entry.apiVersion,
        entry.manager.subresource,
      ]
    }
    return key(one).lexicographicallyPrecedes(key(two))
  }

  private static func document(_ entry: Entry) -> JSONValue {
    var members: [(name: String, value: JSONValue)] = [
      ("manager", .string(entry.manager.name)), ("operation", .string(entry.manager.operation.rawValue)),
      ("apiVersion", .string(entry.apiVersion)),
    ]
    if let time = entry.time { members.append(("time", .string(time))) }
    members.append(("fieldsType", "FieldsV1"))
    members.append(("fieldsV1", entry.fields.document))
    if !entry.manager.subresource.isEmpty { members.append(("subresource", .string(entry.manager.subresource))) }
    return .object(members)
  }

  /// Puts the oldest updates of each version together until few enough are left.
  mutating func capUpdates() {
    var updates = entries.filter { $0.manager.operation == .update }
    var excess = updates.count - Self.maxUpdates
    guard excess > 0 else { return }
    updates.sort { ($0.time ?? "", $0.manager.name) < ($1.time ?? "", $1.manager.name) }
    var firsts: [String: Manager] = [:]
    for entry in updates where excess > 0 {
      guard let first = firsts[entry.apiVersion] else {
        firsts[entry.apiVersion] = entry.manager
        continue
      }
      let bucket = Manager(Self.bucketName, .update, apiVersion: entry.apiVersion, subresource: "")
      if self[bucket] == nil, let old = self[first] {
        self[first] = nil
        self[bucket] = Entry(manager: bucket, apiVersion: old.apiVersion, time: old.time, fields: old.fields)
      }
      guard entry.manager != bucket, var merged = self[bucket] else { continue }
      merged.fields = merged.fields.union(entry.fields)
      merged.time = entry.time
      self[entry.manager] = nil
      self[bucket] = merged
      excess -= 1
    }
  }
}
