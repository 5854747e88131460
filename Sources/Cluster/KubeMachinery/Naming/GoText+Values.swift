import HTTPServing

extension GoText {
  private static let maxPrintedBytes = 1_024

  /// A value as Go's `%v` prints it, names sorted: `map[a:1 b:[x y]]`. Cut where it gets long: it goes into messages.
  public static func printed(_ value: JSONValue) -> String {
    var output = ""
    print(value, into: &output)
    guard output.utf8.count > maxPrintedBytes else { return output }
    return String(decoding: output.utf8.prefix(maxPrintedBytes), as: UTF8.self) + "…"
  }

  private static func print(_ value: JSONValue, into output: inout String) {
    if output.utf8.count > maxPrintedBytes { return }
    switch value {
    case .null: output += "<nil>"
    case .bool(let flag): output += flag ? "true" : "false"
    case .integer(let number): output += String(number)
    case .double: output += value.encodedText
    case .string(let text): output += text
    case .array(let items):
      output += "["
      for (index, item) in items.enumerated() {
        if index > 0 { output += " " }
        print(item, into: &output)
      }
      output += "]"
    case .object(let members):
      output += "map["
      for (index, member) in members.sorted(by: { $0.name < $1.name }).enumerated() {
        if index > 0 { output += " " }
        output += member.name + ":"
        print(member.value, into: &output)
      }
      output += "]"
    }
  }

  /// As Go names the type of a decoded value.
  static func typeName(_ value: JSONValue) -> String {
    switch value {
    case .null: "<nil>"
    case .bool: "bool"
    case .integer: "int64"
    case .double: "float64"
    case .string: "string"
    case .array: "[]interface {}"
    case .object: "map[string]interface {}"
    }
  }
}
