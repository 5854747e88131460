/// A list of things to show: as a table, as JSON lines, by a template, or as ids only.
///
/// Rows are JSON objects. Lists of the engine's have strings only, as docker's do; lists of the server's have each value in
/// JSON's own type, whole, and the columns say how people are shown it.
struct Listing {
  struct Column {
    let title: String
    let field: String
    /// What the table has where there is no value.
    let absent: String
    /// How the table shows a value.
    let shown: (JSONValue) -> String

    init(
      _ title: String, _ field: String, absent: String = "", shown: @escaping (JSONValue) -> String = \.readable
    ) {
      (self.title, self.field, self.absent, self.shown) = (title, field, absent, shown)
    }

    func text(_ row: JSONValue) -> String {
      let value = row[field]
      let isAbsent = value.isNull || value == "" || value == []
      return isAbsent ? absent : shown(value)
    }
  }

  /// The columns of the table. Rows may have further fields, which templates and JSON show.
  let columns: [Column]
  /// The field that `--quiet` shows.
  let identity: String
  private(set) var rows: [JSONValue] = []

  init(columns: [Column], identity: String) {
    self.columns = columns
    self.identity = identity
  }

  /// Columns as pairs of title and field.
  init(_ columns: [(String, String)], identity: String) {
    self.init(columns: columns.map { Column($0.0, $0.1) }, identity: identity)
  }

  mutating func add(_ fields: [(String, String)]) { rows.append(.map(fields)) }
  mutating func add(_ row: JSONValue) { rows.append(row) }

  /// The text to print. `format` is `table`, `json`, a template, or `table` and a template.
  func text(format: String?, quiet: Bool) throws(ClientError) -> String {
    if quiet, format == nil { return rows.map { $0.text(identity) + "\n" }.joined() }
    switch format ?? "table" {
    case "table": return Self.align([columns.map(\.title)] + rows.map { row in columns.map { $0.text(row) } })
    case "json": return rows.map { $0.compact + "\n" }.joined()
    case let format where format.hasPrefix("table "):
      let template = try Template(parsing: String(format.dropFirst(6)))
      let titles = columns.map { JSONValue.Member(name: $0.field, value: .string($0.title)) }
      let extra = template.fieldNames.filter { name in !columns.contains { $0.field == name } }
      let header = JSONValue.object(titles + extra.map { .init(name: $0, value: .string($0.uppercased())) })
      var lines: [[String]] = []
      for row in [header] + rows.map(readable) {
        lines.append(try template.render(row).split(separator: "\t", omittingEmptySubsequences: false).map(String.init))
      }
      return Self.align(lines)
    case let format:
      let template = try Template(parsing: format)
      var text = ""
      for row in rows { text += try template.render(row) + "\n" }
      return text
    }
  }

  /// A row with what the table shows of it.
  private func readable(_ row: JSONValue) -> JSONValue {
    var shown = row
    for column in columns where row.members.contains(where: { $0.name == column.field }) {
      shown[column.field] = .string(column.text(row))
    }
    return shown
  }

  /// Lines of cells as columns, three spaces apart.
  static func align(_ lines: [[String]]) -> String {
    var widths: [Int] = []
    for line in lines {
      for (index, cell) in line.enumerated() {
        if index == widths.count { widths.append(0) }
        widths[index] = max(widths[index], cell.count)
      }
    }
    var text = ""
    for line in lines {
      for (index, cell) in line.enumerated() {
        text += cell
        if index + 1 < line.count { text += String(repeating: " ", count: widths[index] - cell.count + 3) }
      }
      text += "\n"
    }
    return text
  }
}

extension JSONValue {
  /// As a table shows it: texts as they are, yes or no, the members of a list one after the other.
  var readable: String {
    switch self {
    case .string(let text): text
    case .null: ""
    case .bool(let value): value ? "yes" : "no"
    case .array(let values): values.map(\.readable).joined(separator: ",")
    case .number, .object: compact
    }
  }

  /// Bytes as a table shows them, counted by 1,000 as images are.
  var readableSize: String { int.map(Units.decimalSize) ?? "" }
  /// Bytes as a table shows them, counted by 1,024 as options take them.
  var readableBinarySize: String { int.map(Units.binarySize) ?? "" }
  /// A text with its digest cut to the algorithm and twelve digits.
  var readableDigest: String {
    guard let text = string else { return readable }
    guard let name = ["sha256:", "sha512:"].lazy.compactMap({ text.firstRange(of: $0) }).first else { return text }
    let digits = text[name.upperBound...].prefix { $0.isHexDigit }
    return "\(text[..<name.upperBound])\(digits.prefix(12))\(text[digits.endIndex...])"
  }

  /// This text; null where it is empty.
  var unlessEmpty: JSONValue { self == "" ? .null : self }
}
