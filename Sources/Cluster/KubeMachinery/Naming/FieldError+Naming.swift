extension FieldError {
  /// `Invalid value: "VALUE": DETAIL`, the value quoted as Go's `%q` does it.
  public static func invalid(_ path: String, _ value: String, _ detail: String) -> FieldError {
    FieldError(.invalid, path, "Invalid value: \(GoText.quoted(value)): \(detail)")
  }
}

/// Text as the programs that users compare us with write it.
public enum GoText {
  /// Between double quotes; control characters, quotes and backslashes escaped. Source: Go's `strconv.Quote`.
  public static func quoted(_ text: String) -> String {
    var output = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": output += "\\\""
      case "\\": output += "\\\\"
      case "\u{7}": output += "\\a"
      case "\u{8}": output += "\\b"
      case "\u{c}": output += "\\f"
      case "\n": output += "\\n"
      case "\r": output += "\\r"
      case "\t": output += "\\t"
      case "\u{b}": output += "\\v"
      default: output += isPrintable(scalar) ? String(scalar) : escaped(scalar)
      }
    }
    return output + "\""
  }

  /// Source: Go's `unicode.IsPrint`: letters, marks, numbers, punctuation, symbols and the ASCII space.
  public static func isPrintable(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.properties.generalCategory {
    case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator, .paragraphSeparator: false
    case .spaceSeparator: scalar == " "
    default: true
    }
  }

  private static func escaped(_ scalar: Unicode.Scalar) -> String {
    let digits = String(scalar.value, radix: 16)
    func padded(_ width: Int) -> String { String(repeating: "0", count: max(0, width - digits.count)) + digits }
    if scalar.value < 0x80 { return "\\x" + padded(2) }
    return scalar.value > 0xffff ? "\\U" + padded(8) : "\\u" + padded(4)
  }
}
