/// What a name of some purpose has to look like, and what a client is told where it does not.
///
/// Lengths are bytes. Sources: Kubernetes *Object Names and IDs*, *Labels and Selectors*; RFC 1035, RFC 1123.
public enum NameRule: Sendable, CaseIterable {
  /// Labels of RFC 1123 with dots between them: the names of most objects.
  case subdomain
  /// One label of RFC 1123: names of namespaces, containers, ports' owners.
  case label
  /// One label of RFC 1035, which begins with a letter: names of services.
  case label1035
  /// Whatever may be one step of an address: names of roles and their bindings.
  case pathSegment
  /// The keys of labels and the names of finalizers: an optional prefix that is a subdomain, `/`, a name.
  case qualifiedName
  /// A qualified name in which upper case counts as lower case.
  case annotationKey
  case labelValue
  /// The keys of ConfigMaps and Secrets.
  case dataKey
  /// The names of ports in containers and services.
  case portName
  /// Printable ASCII but `=`.
  case environmentVariable

  /// What is wrong with `name`, empty where nothing is. `isPrefix`: letters will be put behind it (`generateName`).
  public func problems(_ name: String, isPrefix: Bool = false) -> [String] {
    let bytes = isPrefix ? Self.maskingTrailingDash(Array(name.utf8)) : Array(name.utf8)
    switch self {
    case .subdomain: return Self.subdomainProblems(bytes[...], unit: "characters")
    case .label: return Self.labelProblems(bytes)
    case .label1035: return Self.label1035Problems(bytes)
    case .pathSegment: return Self.pathSegmentProblems(name, isPrefix: isPrefix)
    case .qualifiedName: return Self.qualifiedNameProblems(bytes)
    case .annotationKey: return Self.qualifiedNameProblems(bytes.map(Self.lowered))
    case .labelValue: return Self.labelValueProblems(bytes)
    case .dataKey: return Self.dataKeyProblems(name)
    case .portName: return Self.portNameProblems(bytes)
    case .environmentVariable: return Self.environmentVariableProblems(bytes)
    }
  }

  /// The problems as errors of the field at `path`.
  public func errors(_ name: String, at path: String, isPrefix: Bool = false) -> [FieldError] {
    problems(name, isPrefix: isPrefix).map { FieldError.invalid(path, name, $0) }
  }

  /// A dash at the end is allowed where letters follow.
  private static func maskingTrailingDash(_ bytes: [UInt8]) -> [UInt8] {
    guard bytes.count > 1, bytes.last == UInt8(ascii: "-") else { return bytes }
    return bytes.dropLast() + [UInt8(ascii: "a")]
  }

  static func lowered(_ byte: UInt8) -> UInt8 {
    byte >= UInt8(ascii: "A") && byte <= UInt8(ascii: "Z") ? byte | 0x20 : byte
  }
}

/// The bytes that names are made of.
enum NameBytes {
  static func isDigit(_ byte: UInt8) -> Bool { byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9") }
  static func isLower(_ byte: UInt8) -> Bool { byte >= UInt8(ascii: "a") && byte <= UInt8(ascii: "z") }
  static func isLowerOrDigit(_ byte: UInt8) -> Bool { isLower(byte) || isDigit(byte) }
  static func isLetterOrDigit(_ byte: UInt8) -> Bool { isLower(NameRule.lowered(byte)) || isDigit(byte) }

  static func isLabel(_ bytes: ArraySlice<UInt8>) -> Bool {
    guard let first = bytes.first, let last = bytes.last, isLowerOrDigit(first), isLowerOrDigit(last) else {
      return false
    }
    return bytes.allSatisfy { isLowerOrDigit($0) || $0 == UInt8(ascii: "-") }
  }

  static func isSubdomain(_ bytes: ArraySlice<UInt8>) -> Bool {
    bytes.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false).allSatisfy(isLabel)
  }

  /// The name part of a qualified name; a label's value where it is not empty.
  static func isName(_ bytes: ArraySlice<UInt8>) -> Bool {
    guard let first = bytes.first, let last = bytes.last, isLetterOrDigit(first), isLetterOrDigit(last) else {
      return false
    }
    return bytes.allSatisfy {
      isLetterOrDigit($0) || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: "_") || $0 == UInt8(ascii: ".")
    }
  }
}
