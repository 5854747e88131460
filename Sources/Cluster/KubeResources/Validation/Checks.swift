import Glibc
import HTTPServing
import KubeMachinery

/// Rules on single values that many kinds share, with the sentences of a Kubernetes server.
enum Checks {
  static func range(_ path: String, _ value: Int64, _ allowed: ClosedRange<Int64>) -> [FieldError] {
    allowed.contains(value)
      ? []
      : [
        .invalid(
          path, .integer(value), "must be between \(allowed.lowerBound) and \(allowed.upperBound), inclusive")
      ]
  }

  static func port(_ path: String, _ value: Int64) -> [FieldError] { range(path, value, 1...65_535) }

  static func notNegative(_ path: String, _ value: JSONValue?) -> [FieldError] {
    guard let number = value?.integer, number < 0 else { return [] }
    return [.invalid(path, .integer(number), "must be greater than or equal to 0")]
  }

  /// A time that somebody waits for: not negative, and not beyond what 32 bits count.
  static func seconds(_ path: String, _ value: JSONValue?) -> [FieldError] {
    let longest = DeleteOptions.longestGraceSeconds
    guard let number = value?.integer, number > longest else { return notNegative(path, value) }
    return [.invalid(path, .integer(number), "must be less than or equal to \(longest)")]
  }

  /// A number or name of a port.
  static func portReference(_ path: String, _ value: JSONValue?) -> [FieldError] {
    switch value {
    case .integer(let number): port(path, number)
    case .string(let name): NameRule.portName.errors(name, at: path)
    default: [.required(path)]
    }
  }

  static func isIPv4(_ text: String) -> Bool {
    var address = in_addr()
    return inet_pton(AF_INET, text, &address) == 1
  }

  static func isIPv6(_ text: String) -> Bool {
    var address = in6_addr()
    return inet_pton(AF_INET6, text, &address) == 1
  }

  /// Four bytes, also of an IPv4 address in the form of an IPv6 one; sixteen of any other. Nil for what is no address.
  static func addressBytes(_ text: String) -> [UInt8]? {
    var four = in_addr()
    if inet_pton(AF_INET, text, &four) == 1 { return withUnsafeBytes(of: &four) { Array($0) } }
    var sixteen = in6_addr()
    guard inet_pton(AF_INET6, text, &sixteen) == 1 else { return nil }
    let bytes = withUnsafeBytes(of: &sixteen) { Array($0) }
    let mapped: [UInt8] = Array(repeating: 0, count: 10) + [0xff, 0xff]
    return bytes.starts(with: mapped) ? Array(bytes[12...]) : bytes
  }

  static func address(_ path: String, _ text: String) -> [FieldError] {
    isIPv4(text) || isIPv6(text)
      ? [] : [.invalid(path, text, "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)")]
  }

  static func network(_ path: String, _ text: String) -> [FieldError] {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false)
    let bits = parts.count == 2 ? Int(parts[1]) : nil
    let isValid =
      parts.count == 2
      && bits.map { $0 >= 0 && (isIPv4(String(parts[0])) && $0 <= 32 || isIPv6(String(parts[0])) && $0 <= 128) }
        ?? false
    return isValid ? [] : [.invalid(path, text, "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)")]
  }

  /// A path below a volume: relative, never upwards.
  static func descending(_ path: String, _ text: String) -> [FieldError] {
    var errors: [FieldError] = []
    if text.hasPrefix("/") { errors.append(.invalid(path, text, "must be a relative path")) }
    return errors + noBackstep(path, text)
  }

  static func noBackstep(_ path: String, _ text: String) -> [FieldError] {
    text.split(separator: "/").contains("..") ? [.invalid(path, text, "must not contain '..'")] : []
  }

  static func fileMode(_ path: String, _ value: JSONValue?) -> [FieldError] {
    guard let mode = value?.integer, !(0...0o777).contains(mode) else { return [] }
    return [.invalid(path, .integer(mode), "must be a number between 0 and 0777 (octal), both inclusive")]
  }

  /// An amount or share of pods: not negative, a percentage at most 100 where `capped`.
  static func share(_ path: String, _ value: JSONValue?, capped: Bool = false) -> [FieldError] {
    switch value {
    case .integer: return notNegative(path, value)
    case .string(let text):
      let digits = text.dropLast()
      guard text.hasSuffix("%"), !digits.isEmpty, digits.utf8.allSatisfy({ $0 >= 48 && $0 <= 57 }) else {
        return [
          .invalid(
            path, text,
            "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')"
          )
        ]
      }
      return capped && (Int(digits) ?? Int.max) > 100 ? [.invalid(path, text, "must not be greater than 100%")] : []
    default: return []
    }
  }

  /// Whether an amount or share is none at all.
  static func isZero(_ value: JSONValue?) -> Bool {
    switch value {
    case .integer(let number): number == 0
    case .string(let text): Int(text.dropLast()) == 0
    default: false
    }
  }

  static func immutable(_ path: String, _ new: JSONValue?, _ old: JSONValue?) -> [FieldError] {
    if let new, let old, new.means(old) { return [] }
    if new == nil && old == nil { return [] }
    return [.invalid(path, new ?? .null, "field is immutable")]
  }

  /// The keys of a map of data, and its size.
  static func dataKeys(_ path: String, _ data: JSONValue?) -> [FieldError] {
    (data?.members ?? []).flatMap { NameRule.dataKey.errors($0.name, at: "\(path)[\($0.name)]") }
  }

  /// Bytes of the data of a ConfigMap or Secret.
  static let maxDataBytes = 1 << 20

  static func textBytes(_ data: JSONValue?) -> Int {
    (data?.members ?? []).reduce(0) { $0 + ($1.value.text?.utf8.count ?? 0) }
  }

  static func base64Bytes(_ data: JSONValue?) -> Int {
    (data?.members ?? []).reduce(0) { sum, member in
      let text = member.value.text ?? ""
      return sum + text.utf8.count / 4 * 3 - text.utf8.suffix(2).count { $0 == UInt8(ascii: "=") }
    }
  }

  static func tooLarge(_ path: String) -> FieldError {
    FieldError(.tooLong, path, "Too long: may not be more than \(maxDataBytes) bytes")
  }
}
