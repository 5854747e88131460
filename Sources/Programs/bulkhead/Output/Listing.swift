/// A list of things to show: as a table, as JSON lines, by a template, or as ids only.
struct Listing {
  struct Column {
    let title: String
    let field: String
  }

  /// The columns of the table. Rows may have further fields, which templates and JSON show.
  let columns: [Column]
  /// The field that `--quiet` shows.
  let identity: String
  private(set) var rows: [JSONValue] = []

  /// Columns as pairs of title and field.
  init(_ columns: [(String, String)], identity: String) {
    self.columns = columns.map { Column(title: $0.0, field: $0.1) }
    self.identity = identity
  }

  mutating func add(_ fields: [(String, String)]) { rows.append(.map(fields)) }

  /// The text to print. `format` is `table`, `json`, a template, or `table` and a template.
  func text(format: String?, quiet: Bool) throws(ClientError) -> String {
    if quiet, format == nil { return rows.map { $0.text(identity) + "\n" }.joined() }
    switch format ?? "table" {
    case "table": return Self.table(columns, rows)
    case "json": return rows.map { $0.compact + "\n" }.joined()
    case let format where format.hasPrefix("table "):
      let template = try Template(parsing: String(format.dropFirst(6)))
      let titles = columns.map { JSONValue.Member(name: $0.field, value: .string($0.title)) }
      let extra = template.fieldNames.filter { name in !columns.contains { $0.field == name } }
      let header = JSONValue.object(titles + extra.map { .init(name: $0, value: .string($0.uppercased())) })
      var lines: [[String]] = []
      for row in [header] + rows {
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

  static func table(_ columns: [Column], _ rows: [JSONValue]) -> String {
    align([columns.map(\.title)] + rows.map { row in columns.map { row.text($0.field) } })
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
