/// The sentences are those that a Kubernetes server answers: clients and their users look for them.
extension NameRule {
  private static let labelForm = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
  private static let label1035Form = "[a-z]([-a-z0-9]*[a-z0-9])?"
  private static let nameForm = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"
  private static let nameRule =
    "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character"

  private static func form(_ rule: String, _ expression: String, _ examples: String...) -> String {
    let shown = examples.map { "'\($0)', " }.joined(separator: " or ")
    return "\(rule) (e.g. \(shown)regex used for validation is '\(expression)')"
  }

  private static func tooLong(_ limit: Int, _ unit: String) -> String { "must be no more than \(limit) \(unit)" }

  static func subdomainProblems(_ bytes: ArraySlice<UInt8>, unit: String) -> [String] {
    var problems = bytes.count > 253 ? [tooLong(253, unit)] : []
    if !NameBytes.isSubdomain(bytes) {
      problems.append(
        form(
          "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must"
            + " start and end with an alphanumeric character", "\(labelForm)(\\.\(labelForm))*", "example.com"))
    }
    return problems
  }

  static func labelProblems(_ bytes: [UInt8]) -> [String] {
    var problems = bytes.count > 63 ? [tooLong(63, "characters")] : []
    if NameBytes.isLabel(bytes[...]) { return problems }
    if NameBytes.isSubdomain(bytes[...]) {
      problems.append("must not contain dots")
    } else {
      problems.append(
        form(
          "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and"
            + " end with an alphanumeric character", labelForm, "my-name", "123-abc"))
    }
    return problems
  }

  static func label1035Problems(_ bytes: [UInt8]) -> [String] {
    var problems = bytes.count > 63 ? [tooLong(63, "characters")] : []
    if !NameBytes.isLabel(bytes[...]) || !NameBytes.isLower(bytes[0]) {
      problems.append(
        form(
          "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic"
            + " character, and end with an alphanumeric character", label1035Form, "my-name", "abc-123"))
    }
    return problems
  }

  static func pathSegmentProblems(_ name: String, isPrefix: Bool) -> [String] {
    if !isPrefix, name == "." || name == ".." { return ["may not be '\(name)'"] }
    return ["/", "%"].filter { name.utf8.contains($0.utf8.first ?? 0) }.map { "may not contain '\($0)'" }
  }

  static func qualifiedNameProblems(_ bytes: [UInt8]) -> [String] {
    let parts = bytes.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
    let shape = form(nameRule, nameForm, "MyName", "my.name", "123-abc")
    guard parts.count <= 2, let name = parts.last else {
      return ["a valid label key \(shape) with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"]
    }
    var problems: [String] = []
    if parts.count == 2 {
      problems =
        parts[0].isEmpty
        ? ["prefix part must be non-empty"]
        : subdomainProblems(parts[0], unit: "bytes").map { "prefix part \($0)" }
    }
    if name.isEmpty {
      problems.append("name part must be non-empty")
    } else if name.count > 63 {
      problems.append("name part \(tooLong(63, "bytes"))")
    }
    if !NameBytes.isName(name) { problems.append("name part \(shape)") }
    return problems
  }

  static func labelValueProblems(_ bytes: [UInt8]) -> [String] {
    var problems = bytes.count > 63 ? [tooLong(63, "bytes")] : []
    if !bytes.isEmpty, !NameBytes.isName(bytes[...]) {
      problems.append(
        form(
          "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must"
            + " start and end with an alphanumeric character", "(\(nameForm))?", "MyValue", "my_value", "12345"))
    }
    return problems
  }

  static func dataKeyProblems(_ name: String) -> [String] {
    var problems = name.utf8.count > 253 ? [tooLong(253, "characters")] : []
    let isKey = name.utf8.allSatisfy {
      NameBytes.isLetterOrDigit($0) || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: "_") || $0 == UInt8(ascii: ".")
    }
    if name.isEmpty || !isKey {
      problems.append(
        form(
          "a valid config key must consist of alphanumeric characters, '-', '_' or '.'", "[-._a-zA-Z0-9]+",
          "key.name", "KEY_NAME", "key-name"))
    }
    if name == "." || name == ".." {
      problems.append("must not be '\(name)'")
    } else if name.hasPrefix("..") {
      problems.append("must not start with '..'")
    }
    return problems
  }

  static func portNameProblems(_ bytes: [UInt8]) -> [String] {
    let dash = UInt8(ascii: "-")
    var problems = bytes.count > 15 ? [tooLong(15, "characters")] : []
    if bytes.isEmpty || !bytes.allSatisfy({ NameBytes.isLowerOrDigit($0) || $0 == dash }) {
      problems.append("must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)")
    }
    if !bytes.contains(where: NameBytes.isLower) { problems.append("must contain at least one letter (a-z)") }
    if zip(bytes, bytes.dropFirst()).contains(where: { $0 == dash && $1 == dash }) {
      problems.append("must not contain consecutive hyphens")
    }
    if bytes.first == dash || bytes.last == dash { problems.append("must not begin or end with a hyphen") }
    return problems
  }

  static func environmentVariableProblems(_ bytes: [UInt8]) -> [String] {
    if bytes.isEmpty { return ["environment variable name must be non-empty"] }
    guard bytes.allSatisfy({ $0 >= 32 && $0 < 127 && $0 != UInt8(ascii: "=") }) else {
      return ["a valid environment variable name must consist only of printable ASCII characters other than '='"]
    }
    return []
  }
}
