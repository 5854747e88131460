import HTTPServing

/// Whether an applied configuration has the form that its schema declares, so that it can be merged.
struct ConfigurationCheck {
  private static let maxProblems = 20
  private var problems: [String] = []

  /// One sentence for each problem, with its path; empty where there is none.
  static func problems(_ config: JSONValue, _ schema: ObjectSchema) -> [String] {
    var check = ConfigurationCheck()
    check.visit(config, .object(schema), "")
    return check.problems
  }

  private mutating func report(_ path: String, _ text: String) {
    if problems.count < Self.maxProblems { problems.append(path.isEmpty ? text : "\(path): \(text)") }
  }

  private mutating func visit(_ value: JSONValue, _ schema: Schema, _ path: String) {
    if value == .null || problems.count >= Self.maxProblems { return }
    switch schema {
    case .object(let object):
      guard case .object(let members) = value else { return mismatch(path, "map", value) }
      for (name, value) in members {
        guard let field = object.field(name) else {
          report("\(path).\(name)", "field not declared in schema")
          continue
        }
        visit(value, field.schema, "\(path).\(name)")
      }
    case .map(let values, _):
      guard case .object(let members) = value else { return mismatch(path, "map", value) }
      for (name, value) in members { visit(value, values, "\(path).\(name)") }
    case .list(let element, _):
      guard case .array(let items) = value else { return mismatch(path, "list", value) }
      visitItems(items, element, schema, path)
    case .string, .time, .microTime, .base64:
      if value.text == nil { mismatch(path, "string", value) }
    case .boolean:
      if value.flag == nil { mismatch(path, "boolean", value) }
    case .integer, .number:
      if !Self.isNumber(value) { mismatch(path, "numeric (int or float)", value) }
    case .quantity, .intOrString:
      if value.text == nil && !Self.isNumber(value) { mismatch(path, "string or number", value) }
    case .anything: break
    }
  }

  private static func isNumber(_ value: JSONValue) -> Bool {
    switch value {
    case .integer, .double: true
    default: false
    }
  }

  private mutating func mismatch(_ path: String, _ expected: String, _ value: JSONValue) {
    report(path, "expected \(expected), got \(GoText.typeName(value))")
  }

  private mutating func visitItems(_ items: [JSONValue], _ element: Schema, _ list: Schema, _ path: String) {
    guard case .list(_, let keys) = FieldShape(list) else {
      for (index, item) in items.enumerated() { visit(item, element, "\(path)[\(index)]") }
      return
    }
    let identity = ListIdentity(element, keys: keys)
    var seen: Set<PathElement> = []
    for (index, item) in items.enumerated() {
      guard let step = identity.element(of: item) else {
        report(path, "element \(index): \(identity.problem(item))")
        continue
      }
      if !seen.insert(step).inserted { report(path, "duplicate entries for key \(step.shown)") }
      visit(item, element, path + step.shown)
    }
  }
}
