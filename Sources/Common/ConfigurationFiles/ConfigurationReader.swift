import Model
import Yams

/// Reads values of one mapping of a configuration file. Every complaint names file, line and key.
public struct ConfigurationReader {
  let name: String
  private let path: String
  private let pairs: [(key: String, value: Node, line: Int)]

  /// Reads a whole file. An empty one is an empty mapping.
  ///
  /// - Parameter name: how complaints call the file.
  public init(_ bytes: [UInt8], name: String) throws {
    try YAMLGuard.check(bytes, name: name)
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw PlatformError(.invalidArgument, "\(name): not valid UTF-8")
    }
    let node: Node?
    do {
      node = try Yams.compose(yaml: text)
    } catch {
      throw PlatformError(.invalidArgument, "\(name) \(Self.explain(error))")
    }
    guard let node, node.scalar?.string.isEmpty != true else {
      self.init(name: name, path: "", pairs: [])
      return
    }
    try self.init(node, path: "", name: name)
  }

  private init(name: String, path: String, pairs: [(key: String, value: Node, line: Int)]) {
    self.name = name
    self.path = path
    self.pairs = pairs
  }

  private init(_ node: Node, path: String, name: String) throws {
    guard let mapping = node.mapping else {
      let what = path.isEmpty ? "the file" : "'\(path)'"
      throw PlatformError(
        .invalidArgument, "\(name) line \(node.mark?.line ?? 1): \(what) must be a mapping of keys to values")
    }
    var pairs: [(key: String, value: Node, line: Int)] = []
    for (key, value) in mapping {
      let line = key.mark?.line ?? 1
      guard let text = key.scalar?.string else {
        throw PlatformError(.invalidArgument, "\(name) line \(line): a key must be a plain word")
      }
      guard !pairs.contains(where: { $0.key == text }) else {
        throw PlatformError(.invalidArgument, "\(name) line \(line): key '\(text.prefix(100))' is there twice")
      }
      pairs.append((text, value, line))
    }
    self.init(name: name, path: path, pairs: pairs)
  }

  private static func explain(_ error: any Error) -> String {
    guard let error = error as? YamlError else { return "not valid YAML" }
    switch error {
    case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _),
      .composer(_, let problem, let mark, _):
      return "line \(mark.line): \(problem)"
    case .duplicatedKeysInMapping(let duplicates, let context):
      let keys = duplicates.map { "\($0)" }.joined(separator: "', '")
      return "line \(context.mark.line): key '\(keys.prefix(100))' is there twice"
    default: return "not valid YAML"
    }
  }

  /// Throws `invalidArgument` for the first key that is not one of `known`.
  public func allow(_ known: [String]) throws {
    for pair in pairs where !known.contains(pair.key) {
      throw PlatformError(
        .invalidArgument,
        "\(name) line \(pair.line): unknown key '\(full(String(pair.key.prefix(100))))'; known here: "
          + known.sorted().joined(separator: ", "))
    }
  }

  private func full(_ key: String) -> String { path.isEmpty ? key : "\(path).\(key)" }

  private func value(_ key: String) -> (node: Node, line: Int)? {
    guard let pair = pairs.first(where: { $0.key == key }) else { return nil }
    return (pair.value, pair.value.mark?.line ?? pair.line)
  }

  public func fail(_ key: String, _ reason: String) -> PlatformError {
    let line = value(key)?.line ?? 1
    return PlatformError(.invalidArgument, "\(name) line \(line): '\(full(key))' \(reason)")
  }

  // MARK: Values; nil where the key is not there

  public func section(_ key: String) throws -> ConfigurationReader? {
    guard let (node, _) = value(key) else { return nil }
    return try ConfigurationReader(node, path: full(key), name: name)
  }

  /// The keys that are there.
  public var keys: [String] { pairs.map(\.key) }

  public func sections(_ key: String) throws -> [ConfigurationReader]? {
    guard let (node, _) = value(key) else { return nil }
    guard let sequence = node.sequence else { throw fail(key, "must be a list") }
    return try sequence.map { try ConfigurationReader($0, path: full(key), name: name) }
  }

  public func text(_ key: String) throws -> String? {
    guard let (node, _) = value(key) else { return nil }
    guard let text = node.scalar?.string else { throw fail(key, "must be a text") }
    return text
  }

  public func flag(_ key: String) throws -> Bool? {
    guard let text = try text(key) else { return nil }
    switch text {
    case "true": return true
    case "false": return false
    default: throw fail(key, "must be true or false, not '\(text.prefix(100))'")
    }
  }

  public func integer(_ key: String, in range: ClosedRange<Int64>) throws -> Int64? {
    guard let text = try text(key) else { return nil }
    guard let number = Int64(text), range.contains(number) else {
      throw fail(
        key, "must be a whole number from \(range.lowerBound) to \(range.upperBound), not '\(text.prefix(100))'")
    }
    return number
  }

  public func texts(_ key: String) throws -> [String]? {
    guard let (node, _) = value(key) else { return nil }
    guard let sequence = node.sequence else { throw fail(key, "must be a list") }
    return try sequence.map { element in
      guard let text = element.scalar?.string else { throw fail(key, "must be a list of texts") }
      return text
    }
  }

  /// A list of texts, each turned into a value; complains about the first that `read` takes for none, with its own line.
  public func list<Value>(_ key: String, expected: String, _ read: (String) -> Value?) throws -> [Value]? {
    guard let (node, line) = value(key) else { return nil }
    guard let sequence = node.sequence else { throw fail(key, "must be a list") }
    return try sequence.map { element in
      let text = element.scalar?.string
      guard let value = text.flatMap(read) else {
        let place = "\(name) line \(element.mark?.line ?? line): '\(full(key))'"
        throw PlatformError(
          .invalidArgument, "\(place) has \(text.map { "'\($0.prefix(100))'" } ?? "no text"): expected \(expected)")
      }
      return value
    }
  }

  public func dictionary(_ key: String) throws -> [String: String]? {
    guard let section = try section(key) else { return nil }
    var result: [String: String] = [:]
    for pair in section.pairs { result[pair.key] = try section.text(pair.key) }
    return result
  }

  public func choice<Choice: RawRepresentable & CaseIterable>(_ key: String, of type: Choice.Type) throws -> Choice?
  where Choice.RawValue == String {
    guard let text = try text(key) else { return nil }
    guard let choice = Choice(rawValue: text) else {
      throw fail(key, "must be one of " + Choice.allCases.map(\.rawValue).joined(separator: ", "))
    }
    return choice
  }
}
