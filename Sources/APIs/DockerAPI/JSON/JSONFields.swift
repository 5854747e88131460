import HTTPServing
import Model

/// Reads the members of a JSON object by name and type, and knows afterwards which were not asked for.
///
/// Names are compared without regard to case, as docker does. `null` counts as absent. Every failure names the field:
/// `HostConfig.Memory: expected an integer, found a string`.
final class JSONFields {
  /// Dotted names that lead here; empty at the top.
  let path: String
  private let members: [String: (name: String, value: JSONValue)]
  private var unread: Set<String>

  init(_ value: JSONValue, path: String = "") throws {
    guard case .object(let list) = value else {
      let place = path.isEmpty ? "the request" : path
      throw PlatformError(.invalidArgument, "\(place): expected an object, found \(value.kindName)")
    }
    self.path = path
    var members: [String: (name: String, value: JSONValue)] = [:]
    for member in list {
      guard members.updateValue(member, forKey: member.name.lowercased()) == nil else {
        throw PlatformError(
          .invalidArgument,
          "\(path.isEmpty ? "" : path + ".")\(member.name.prefix(64)): given twice in different spelling")
      }
    }
    self.members = members
    unread = Set(members.keys)
  }

  /// The names as sent.
  var names: [String] { members.values.map(\.name).sorted() }

  func place(_ name: String) -> String { path.isEmpty ? name : "\(path).\(name)" }

  /// A failure that names the field.
  func failure(_ name: String, _ reason: String) -> PlatformError {
    PlatformError(.invalidArgument, "\(place(name)): \(reason)", subject: .member(place(name)))
  }

  /// The raw value, or nil where it is absent or null.
  func value(_ name: String) -> JSONValue? {
    let key = name.lowercased()
    unread.remove(key)
    guard let value = members[key]?.value, value != .null else { return nil }
    return value
  }

  private func mismatch(_ name: String, _ expected: String, _ found: JSONValue) -> PlatformError {
    failure(name, "expected \(expected), found \(found.kindName)")
  }

  func string(_ name: String) throws -> String? {
    guard let value = value(name) else { return nil }
    guard case .string(let text) = value else { throw mismatch(name, "a string", value) }
    guard !text.utf8.contains(0) else { throw failure(name, "must not hold a NUL character") }
    return text
  }

  /// A string that is not empty.
  func text(_ name: String) throws -> String? {
    try string(name).flatMap { $0.isEmpty ? nil : $0 }
  }

  func bool(_ name: String) throws -> Bool? {
    guard let value = value(name) else { return nil }
    guard case .bool(let flag) = value else { throw mismatch(name, "a boolean", value) }
    return flag
  }

  func integer(_ name: String) throws -> Int64? {
    guard let value = value(name) else { return nil }
    guard case .integer(let number) = value else { throw mismatch(name, "an integer", value) }
    return number
  }

  /// An integer within bounds.
  func integer<Number: FixedWidthInteger>(_ name: String, in range: ClosedRange<Number>) throws -> Number? {
    guard let number = try integer(name) else { return nil }
    guard let narrow = Number(exactly: number), range.contains(narrow) else {
      throw failure(name, "\(number) is not within \(range.lowerBound) to \(range.upperBound)")
    }
    return narrow
  }

  func strings(_ name: String) throws -> [String]? {
    guard let value = value(name) else { return nil }
    guard case .array(let items) = value else { throw mismatch(name, "a list of strings", value) }
    return try items.enumerated().map { index, item in
      guard case .string(let text) = item else { throw mismatch("\(name)[\(index)]", "a string", item) }
      guard !text.utf8.contains(0) else { throw failure("\(name)[\(index)]", "must not hold a NUL character") }
      return text
    }
  }

  /// A list of strings, or one string alone: docker's form of commands.
  func command(_ name: String) throws -> [String]? {
    if case .string? = members[name.lowercased()]?.value { return try string(name).map { [$0] } }
    return try strings(name)
  }

  /// An object whose members are all strings.
  func stringMap(_ name: String) throws -> [String: String]? {
    guard let value = value(name) else { return nil }
    guard case .object(let list) = value else { throw mismatch(name, "an object of strings", value) }
    var map: [String: String] = [:]
    for (key, value) in list {
      switch value {
      case .string(let text): map[key] = text
      case .null: map[key] = ""
      default: throw mismatch("\(name).\(key.prefix(64))", "a string", value)
      }
    }
    return map
  }

  /// The names of an object whose values do not matter, as docker writes sets.
  func set(_ name: String) throws -> [String]? {
    try object(name).map { fields in
      fields.ignoreRest()
      return fields.names
    }
  }

  func object(_ name: String) throws -> JSONFields? {
    guard let value = value(name) else { return nil }
    guard case .object = value else { throw mismatch(name, "an object", value) }
    return try JSONFields(value, path: place(name))
  }

  func objects(_ name: String) throws -> [JSONFields]? {
    guard let value = value(name) else { return nil }
    guard case .array(let items) = value else { throw mismatch(name, "a list of objects", value) }
    return try items.enumerated().map { index, item in try JSONFields(item, path: "\(place(name))[\(index)]") }
  }

  /// Marks fields as known though nothing is made of them.
  func ignore(_ names: String...) {
    for name in names { unread.remove(name.lowercased()) }
  }

  func ignoreRest() { unread = [] }

  /// Throws `notImplemented` where a field that nobody asked for says something.
  func finish() throws {
    let left = unread.compactMap { key in members[key] }.filter { !$0.value.isEmpty }.map { place($0.name) }.sorted()
    guard let first = left.first else { return }
    let names =
      left.count == 1 ? "the option \(first.prefix(128))" : "the options \(left.prefix(10).joined(separator: ", "))"
    throw PlatformError(
      .notImplemented, "\(names) is not supported by this engine; leave it out", subject: .member(first))
  }

  /// Throws `notImplemented` where a field that is known but not supported says something.
  func refuse(_ names: String...) throws {
    for name in names {
      if let value = value(name), !value.isEmpty {
        throw PlatformError(
          .notImplemented, "the option \(place(name)) is not supported by this engine; leave it out",
          subject: .member(place(name)))
      }
    }
  }
}
