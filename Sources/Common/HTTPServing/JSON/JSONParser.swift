/// Reads JSON text. Source: RFC 8259.
///
/// Depth, size and duplicate keys are bounded by `JSONLimits`, which is asked first.
public struct JSONParser {
  private let bytes: [UInt8]
  private var index = 0
  /// Objects and arrays that are open.
  private var depth = 0
  private var omission: Omission?

  /// A member of a member of the document that is not read.
  private struct Omission {
    let outer: String
    let inner: String
    var isInside = false
    /// Where the outer member's text stands.
    var range: Range<Int>?
  }

  private init(_ bytes: [UInt8], _ omission: Omission? = nil) {
    self.bytes = bytes
    self.omission = omission
  }

  /// Throws `HTTPRefusal` (400, 413) where the text is no JSON document or beyond the bounds.
  public static func parse(_ bytes: [UInt8]) throws -> JSONValue {
    try JSONLimits.check(bytes)
    return try parse(checked: bytes)
  }

  /// Reads a document that was within the bounds when it was kept. Throws `HTTPRefusal` (400) where it is none.
  public static func parse(checked bytes: [UInt8]) throws -> JSONValue {
    var parser = JSONParser(bytes)
    return try parser.document()
  }

  /// Reads such a document but for one member of one of its members, and tells where that one's text stands.
  public static func parse(
    checked bytes: [UInt8], leavingOut inner: String, of outer: String
  ) throws -> (value: JSONValue, outer: Range<Int>?) {
    var parser = JSONParser(bytes, Omission(outer: outer, inner: inner))
    let value = try parser.document()
    return (value, parser.omission?.range)
  }

  private mutating func document() throws -> JSONValue {
    // Once for the whole text: each string for itself is several times as dear.
    do throws(UTF8.ValidationError) {
      _ = try UTF8Span(validating: bytes.span)
    } catch {
      index = error.byteOffsets.lowerBound
      throw failure("text is not UTF-8")
    }
    let value = try value()
    skipSpace()
    guard index == bytes.count else { throw failure("text after the document") }
    return value
  }

  private func failure(_ reason: String) -> HTTPRefusal {
    HTTPRefusal(.badRequest, "invalid JSON: \(reason) at byte \(index)")
  }

  private mutating func skipSpace() {
    while index < bytes.count, bytes[index] == 32 || bytes[index] == 10 || bytes[index] == 13 || bytes[index] == 9 {
      index += 1
    }
  }

  private mutating func take(_ byte: UInt8) -> Bool {
    skipSpace()
    guard index < bytes.count, bytes[index] == byte else { return false }
    index += 1
    return true
  }

  private mutating func value() throws -> JSONValue {
    skipSpace()
    guard index < bytes.count else { throw failure("unexpected end, expected a value") }
    switch bytes[index] {
    case UInt8(ascii: "{"): return try object()
    case UInt8(ascii: "["): return try array()
    case UInt8(ascii: "\""): return .string(try string())
    case UInt8(ascii: "t"): return try word("true", .bool(true))
    case UInt8(ascii: "f"): return try word("false", .bool(false))
    case UInt8(ascii: "n"): return try word("null", .null)
    default: return try number()
    }
  }

  private mutating func word(_ text: StaticString, _ value: JSONValue) throws -> JSONValue {
    let matches = text.withUTF8Buffer { bytes[index...].starts(with: $0) }
    guard matches else { throw failure("expected a value") }
    index += text.utf8CodeUnitCount
    return value
  }

  private mutating func object() throws -> JSONValue {
    index += 1
    var members: [(name: String, value: JSONValue)] = []
    if take(UInt8(ascii: "}")) { return .object(members) }
    depth += 1
    repeat {
      skipSpace()
      guard index < bytes.count, bytes[index] == UInt8(ascii: "\"") else { throw failure("expected a member's name") }
      let name = try string()
      guard take(UInt8(ascii: ":")) else { throw failure("expected ':'") }
      if omission == nil || depth > 2 {
        members.append((name, try value()))
      } else if let value = try valueUnlessOmitted(name) {
        members.append((name, value))
      }
    } while take(UInt8(ascii: ","))
    depth -= 1
    guard take(UInt8(ascii: "}")) else { throw failure("expected ',' or '}'") }
    return .object(members)
  }

  /// The value of a member of the document, or of one of its members.
  private mutating func valueUnlessOmitted(_ name: String) throws -> JSONValue? {
    if depth == 1, name == omission?.outer {
      skipSpace()
      let start = index
      omission?.isInside = true
      let value = try value()
      omission?.isInside = false
      omission?.range = start..<index
      return value
    }
    guard depth == 2, omission?.isInside == true, name == omission?.inner else { return try value() }
    try skipValue()
    return nil
  }

  /// Goes on behind a value that is not needed.
  private mutating func skipValue() throws {
    skipSpace()
    var open = 0
    while index < bytes.count {
      switch bytes[index] {
      case UInt8(ascii: "\""): try skipString()
      case UInt8(ascii: "{"), UInt8(ascii: "["):
        open += 1
        index += 1
      case UInt8(ascii: "}"), UInt8(ascii: "]"):
        // The end of what it is in.
        guard open > 0 else { return }
        open -= 1
        index += 1
      case UInt8(ascii: ",") where open == 0: return
      default: index += 1
      }
    }
    throw failure("unexpected end")
  }

  private mutating func skipString() throws {
    index += 1
    while index < bytes.count, bytes[index] != UInt8(ascii: "\"") {
      index += bytes[index] == UInt8(ascii: "\\") ? 2 : 1
    }
    guard index < bytes.count else { throw failure("unexpected end") }
    index += 1
  }

  private mutating func array() throws -> JSONValue {
    index += 1
    var items: [JSONValue] = []
    if take(UInt8(ascii: "]")) { return .array(items) }
    depth += 1
    repeat { items.append(try value()) } while take(UInt8(ascii: ","))
    depth -= 1
    guard take(UInt8(ascii: "]")) else { throw failure("expected ',' or ']'") }
    return .array(items)
  }

  private mutating func number() throws -> JSONValue {
    let start = index
    func isDigit(_ index: Int) -> Bool { index < bytes.count && bytes[index] >= 48 && bytes[index] <= 57 }
    if index < bytes.count, bytes[index] == UInt8(ascii: "-") { index += 1 }
    let firstDigit = index
    while isDigit(index) { index += 1 }
    guard index > firstDigit else { throw failure("expected a value") }
    guard bytes[firstDigit] != 48 || index == firstDigit + 1 else { throw failure("number with a leading zero") }
    var isWhole = true
    if index < bytes.count, bytes[index] == UInt8(ascii: ".") {
      isWhole = false
      index += 1
      guard isDigit(index) else { throw failure("expected a digit") }
      while isDigit(index) { index += 1 }
    }
    if index < bytes.count, bytes[index] == UInt8(ascii: "e") || bytes[index] == UInt8(ascii: "E") {
      isWhole = false
      index += 1
      if index < bytes.count, bytes[index] == UInt8(ascii: "+") || bytes[index] == UInt8(ascii: "-") { index += 1 }
      guard isDigit(index) else { throw failure("expected a digit") }
      while isDigit(index) { index += 1 }
    }
    let text = String(decoding: bytes[start..<index], as: UTF8.self)
    if isWhole, let value = Int64(text) { return .integer(value) }
    guard let value = Double(text), value.isFinite else { throw failure("number out of range") }
    return .double(value)
  }

  private mutating func string() throws -> String {
    index += 1
    let start = index
    while index < bytes.count, bytes[index] != UInt8(ascii: "\""), bytes[index] != UInt8(ascii: "\\"),
      bytes[index] >= 32
    {
      index += 1
    }
    guard index < bytes.count else { throw failure("unexpected end") }
    if bytes[index] == UInt8(ascii: "\"") {
      defer { index += 1 }
      return String(decoding: bytes[start..<index], as: UTF8.self)
    }
    return try escapedString(from: start)
  }

  private mutating func escapedString(from start: Int) throws -> String {
    var output = Array(bytes[start..<index])
    while index < bytes.count {
      let byte = bytes[index]
      index += 1
      switch byte {
      case UInt8(ascii: "\""): return String(decoding: output, as: UTF8.self)
      case UInt8(ascii: "\\"): try escape(into: &output)
      case 0..<32: throw failure("control character in a string")
      default: output.append(byte)
      }
    }
    throw failure("unexpected end")
  }

  private mutating func escape(into output: inout [UInt8]) throws {
    guard index < bytes.count else { throw failure("unexpected end") }
    let letter = bytes[index]
    index += 1
    switch letter {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): output.append(letter)
    case UInt8(ascii: "b"): output.append(8)
    case UInt8(ascii: "f"): output.append(12)
    case UInt8(ascii: "n"): output.append(10)
    case UInt8(ascii: "r"): output.append(13)
    case UInt8(ascii: "t"): output.append(9)
    case UInt8(ascii: "u"):
      var units = [try unit()]
      if UTF16.isLeadSurrogate(units[0]), bytes[index...].starts(with: "\\u".utf8) {
        index += 2
        units.append(try unit())
      }
      // A lone half of a pair becomes the replacement character, as docker's own reader makes it.
      output.append(contentsOf: String(decoding: units, as: UTF16.self).utf8)
    default: throw failure("unknown escape")
    }
  }

  private mutating func unit() throws -> UInt16 {
    guard index + 4 <= bytes.count,
      let unit = UInt16(String(decoding: bytes[index..<(index + 4)], as: UTF8.self), radix: 16)
    else { throw failure("expected four hexadecimal digits") }
    index += 4
    return unit
  }
}
