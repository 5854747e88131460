import HTTPServing
import Model

/// The `filters` parameter: for each key a set of values.
struct Filters: Sendable, Equatable {
  private var values: [String: [String]] = [:]

  /// Values of all keys together.
  static let maxValues = 1_024

  init() {}

  /// Reads both of docker's forms: a map of lists, and the older clients' map of maps of `true`.
  init(json text: String) throws {
    if text.isEmpty { return }
    let value: JSONValue
    do {
      value = try JSONParser.parse(Array(text.utf8))
    } catch {
      throw Self.malformed
    }
    guard case .object(let keys) = value else {
      if value == .null { return }
      throw Self.malformed
    }
    for (key, value) in keys {
      switch value {
      case .array(let items):
        values[key] = try items.map { item in
          guard case .string(let text) = item else { throw Self.malformed }
          return text
        }
      case .object(let members):
        values[key] = try members.map { member in
          guard case .bool = member.value else { throw Self.malformed }
          return member.name
        }
      case .null: values[key] = []
      default: throw Self.malformed
      }
    }
    guard values.values.reduce(0, { $0 + $1.count }) <= Self.maxValues else {
      throw PlatformError(.invalidArgument, "invalid filter: more than \(Self.maxValues) values")
    }
  }

  private static let malformed = PlatformError(.invalidArgument, "invalid filter")

  subscript(_ key: String) -> [String] { values[key] ?? [] }

  var isEmpty: Bool { values.isEmpty }

  func contains(_ key: String) -> Bool { values[key] != nil }

  /// Throws `invalidArgument` for a key that is not among those.
  func requireKeys(_ allowed: Set<String>) throws {
    if let key = values.keys.sorted().first(where: { !allowed.contains($0) }) {
      throw PlatformError(.invalidArgument, "invalid filter '\(key.prefix(64))'")
    }
  }

  /// True where nothing is asked for, or `text` is one of the values.
  func equals(_ key: String, _ text: String) -> Bool {
    let wanted = self[key]
    return wanted.isEmpty || wanted.contains(text)
  }

  /// True where nothing is asked for, or `text` is or matches one of the values, which are patterns.
  func matches(_ key: String, _ text: String) -> Bool {
    let wanted = self[key]
    return wanted.isEmpty || wanted.contains { $0 == text || NamePattern($0)?.matches(text) == true }
  }

  /// True where nothing is asked for, or `text` begins with one of the values.
  func hasPrefix(_ key: String, _ text: String) -> Bool {
    let wanted = self[key]
    return wanted.isEmpty || wanted.contains { text.hasPrefix($0) }
  }

  /// True where every `name` or `name=value` holds.
  func matchesLabels(_ key: String, _ labels: [String: String]) -> Bool {
    self[key].allSatisfy { Self.label($0, isIn: labels) }
  }

  private static func label(_ wanted: String, isIn labels: [String: String]) -> Bool {
    let parts = wanted.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
    guard let value = labels[String(parts[0])] else { return false }
    return parts.count == 1 || value == parts[1]
  }

  /// A filter that is yes or no; nil where it is not given.
  func flag(_ key: String) throws -> Bool? {
    guard contains(key) else { return nil }
    let isTrue = self[key].contains { $0 == "1" || $0 == "true" }
    let isFalse = self[key].contains { $0 == "0" || $0 == "false" }
    guard isTrue != isFalse else {
      throw PlatformError(.invalidArgument, "invalid filter '\(key)=\(self[key].joined(separator: ",").prefix(64))'")
    }
    return isTrue
  }
}
