import ArgumentParser

/// A small part of the Go templates that `docker --format` takes.
///
/// Understood: text, `{{.Field}}`, `{{.A.B}}`, `{{.}}`, `{{json .A}}`, `{{len .A}}`, `{{index .A "key" 0}}`, and `\t` `\n` in
/// the text. Everything else is refused by name.
struct Template: Equatable {
  enum Piece: Equatable {
    case text(String)
    case action(Function, path: [String])
  }
  enum Function: String { case show, json, len, index }

  let pieces: [Piece]

  init(parsing source: String) throws(ClientError) {
    var pieces: [Piece] = []
    var rest = source.replacing("\\t", with: "\t").replacing("\\n", with: "\n")[...]
    while let opening = rest.firstRange(of: "{{") {
      if opening.lowerBound > rest.startIndex { pieces.append(.text(String(rest[..<opening.lowerBound]))) }
      rest = rest[opening.upperBound...]
      guard let closing = rest.firstRange(of: "}}") else {
        throw ClientError.usage("the format '\(source)' has no closing '}}'")
      }
      pieces.append(try Self.action(rest[..<closing.lowerBound]))
      rest = rest[closing.upperBound...]
    }
    if !rest.isEmpty { pieces.append(.text(String(rest))) }
    self.pieces = pieces
  }

  /// Throws for a `--format` that is no format: told before anything is asked for or done.
  static func check(_ format: String?) throws {
    guard let format, format != "json", format != "table" else { return }
    do { _ = try Template(parsing: format) } catch { throw ValidationError("invalid --format: \(error.message)") }
  }

  /// The names of the fields at the top, in order: the columns of a table.
  var fieldNames: [String] {
    pieces.compactMap { if case .action(_, let path) = $0 { path.first } else { nil } }
  }

  func render(_ value: JSONValue) throws(ClientError) -> String {
    var text = ""
    for piece in pieces {
      switch piece {
      case .text(let content): text += content
      case .action(let function, let path):
        let found = try Self.find(path, in: value)
        switch function {
        case .show, .index: text += Self.plain(found)
        case .json: text += found.compact
        case .len: text += String(found.string?.utf8.count ?? (found.items.count + found.members.count))
        }
      }
    }
    return text
  }

  private static func action(_ source: Substring) throws(ClientError) -> Piece {
    let trimmed = source.drop { $0 == " " || $0 == "-" }
    var words = trimmed.split(separator: " ").filter { $0 != "-" }.map(String.init)
    var function = Function.show
    if let first = words.first, let named = Function(rawValue: first), named != .show {
      function = named
      words.removeFirst()
    }
    guard let field = words.first, field.hasPrefix("."), function == .index || words.count == 1 else {
      throw ClientError.usage(
        "cannot use '{{\(source)}}': a format knows {{.Field}}, {{.A.B}}, {{json .A}}, {{len .A}}, {{index .A \"key\"}}; "
          + "for more take --format json")
    }
    let path = field.split(separator: ".").map(String.init)
    let keys = words.dropFirst().map { $0.filter { $0 != "\"" } }
    return .action(function, path: path + keys)
  }

  private static func find(_ path: [String], in value: JSONValue) throws(ClientError) -> JSONValue {
    var current = value
    for name in path {
      if case .array(let values) = current {
        guard let index = Int(name), values.indices.contains(index) else {
          throw ClientError.usage("the format asks for element '\(name)' of a list of \(values.count)")
        }
        current = values[index]
        continue
      }
      guard case .object(let members) = current else {
        if current.isNull { return .null }
        throw ClientError.usage("the format asks for the field '\(name)' of something that has no fields")
      }
      guard
        let member = members.first(where: { $0.name == name })
          ?? members.first(where: { $0.name.lowercased() == name.lowercased() })
      else {
        // Maps, such as labels, have any key; what the engine names in capitals are fields of a fixed form.
        if current == value {
          throw ClientError.usage("no field '\(name)': there are \(members.map(\.name).joined(separator: ", "))")
        }
        return .null
      }
      current = member.value
    }
    return current
  }

  /// A value as Go prints it.
  private static func plain(_ value: JSONValue) -> String {
    switch value {
    case .string(let text): text
    case .null: "<no value>"
    case .array(let values): "[" + values.map(plain).joined(separator: " ") + "]"
    case .object(let members):
      "map[" + members.map { "\($0.name):\(plain($0.value))" }.sorted().joined(separator: " ") + "]"
    default: value.compact
    }
  }
}
