/// Reads one JSON document (RFC 8259) out of bytes.
///
/// Bounds: `maximumDepth` levels of nesting; the size is bounded by whoever read the bytes.
struct JSONParser {
  static let maximumDepth = 128

  enum Failure: Error, Equatable {
    case unexpectedEnd
    case unexpectedByte(UInt8, offset: Int)
    case tooDeep
    case trailingBytes(offset: Int)
    case invalidNumber(offset: Int)
    case invalidEscape(offset: Int)
  }

  private let bytes: [UInt8]
  private var position = 0

  private init(_ bytes: [UInt8]) { self.bytes = bytes }

  static func parse(_ bytes: [UInt8]) throws(Failure) -> JSONValue {
    var parser = JSONParser(bytes)
    let value = try parser.value(depth: 0)
    parser.skipSpace()
    guard parser.position == bytes.count else { throw .trailingBytes(offset: parser.position) }
    return value
  }

  static func parse(_ text: String) throws(Failure) -> JSONValue { try parse(Array(text.utf8)) }

  private mutating func skipSpace() {
    while position < bytes.count, [0x20, 0x09, 0x0A, 0x0D].contains(bytes[position]) { position += 1 }
  }

  private func peek() throws(Failure) -> UInt8 {
    guard position < bytes.count else { throw .unexpectedEnd }
    return bytes[position]
  }

  private mutating func expect(_ byte: UInt8) throws(Failure) {
    let found = try peek()
    guard found == byte else { throw .unexpectedByte(found, offset: position) }
    position += 1
  }

  private mutating func value(depth: Int) throws(Failure) -> JSONValue {
    guard depth < Self.maximumDepth else { throw .tooDeep }
    skipSpace()
    switch try peek() {
    case UInt8(ascii: "{"): return try object(depth: depth)
    case UInt8(ascii: "["): return try array(depth: depth)
    case UInt8(ascii: "\""): return .string(try string())
    case UInt8(ascii: "t"): return try literal("true", .bool(true))
    case UInt8(ascii: "f"): return try literal("false", .bool(false))
    case UInt8(ascii: "n"): return try literal("null", .null)
    default: return try number()
    }
  }

  private mutating func literal(_ word: String, _ value: JSONValue) throws(Failure) -> JSONValue {
    for byte in word.utf8 { try expect(byte) }
    return value
  }

  private mutating func object(depth: Int) throws(Failure) -> JSONValue {
    position += 1
    var members: [JSONValue.Member] = []
    skipSpace()
    if try peek() == UInt8(ascii: "}") {
      position += 1
      return .object([])
    }
    while true {
      skipSpace()
      let name = try string()
      skipSpace()
      try expect(UInt8(ascii: ":"))
      members.append(.init(name: name, value: try value(depth: depth + 1)))
      if try closes(UInt8(ascii: "}")) { return .object(members) }
    }
  }

  private mutating func array(depth: Int) throws(Failure) -> JSONValue {
    position += 1
    var values: [JSONValue] = []
    skipSpace()
    if try peek() == UInt8(ascii: "]") {
      position += 1
      return .array([])
    }
    while true {
      values.append(try value(depth: depth + 1))
      if try closes(UInt8(ascii: "]")) { return .array(values) }
    }
  }

  /// After an element: a comma (false) or the closing bracket (true).
  private mutating func closes(_ bracket: UInt8) throws(Failure) -> Bool {
    skipSpace()
    let byte = try peek()
    guard byte == bracket || byte == UInt8(ascii: ",") else { throw .unexpectedByte(byte, offset: position) }
    position += 1
    return byte == bracket
  }

  private mutating func number() throws(Failure) -> JSONValue {
    let start = position
    while position < bytes.count {
      let byte = bytes[position]
      guard (0x30...0x39).contains(byte) || [0x2B, 0x2D, 0x2E, 0x45, 0x65].contains(byte) else { break }
      position += 1
    }
    guard position > start else { throw .unexpectedByte(try peek(), offset: position) }
    let digits = String(decoding: bytes[start..<position], as: UTF8.self)
    let first = bytes[start]
    guard first == 0x2D || (0x30...0x39).contains(first), Double(digits) != nil else {
      throw .invalidNumber(offset: start)
    }
    return .number(digits)
  }

  private mutating func string() throws(Failure) -> String {
    try expect(UInt8(ascii: "\""))
    let start = position
    while position < bytes.count, bytes[position] != UInt8(ascii: "\""), bytes[position] != UInt8(ascii: "\\") {
      position += 1
    }
    if position < bytes.count, bytes[position] == UInt8(ascii: "\"") {
      defer { position += 1 }
      return String(decoding: bytes[start..<position], as: UTF8.self)
    }
    var content = Array(bytes[start..<position])
    while true {
      let byte = try peek()
      position += 1
      if byte == UInt8(ascii: "\"") { return String(decoding: content, as: UTF8.self) }
      if byte == UInt8(ascii: "\\") {
        content.append(contentsOf: String(try escape()).utf8)
      } else {
        content.append(byte)
      }
    }
  }

  private mutating func escape() throws(Failure) -> Unicode.Scalar {
    let byte = try peek()
    position += 1
    switch byte {
    case UInt8(ascii: "n"): return "\n"
    case UInt8(ascii: "t"): return "\t"
    case UInt8(ascii: "r"): return "\r"
    case UInt8(ascii: "b"): return "\u{8}"
    case UInt8(ascii: "f"): return "\u{C}"
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return Unicode.Scalar(byte)
    case UInt8(ascii: "u"): return try unicodeEscape()
    default: throw .invalidEscape(offset: position - 1)
    }
  }

  /// The four digits after `\u`, and a second escape where the first is half of a pair; a lone half becomes U+FFFD.
  private mutating func unicodeEscape() throws(Failure) -> Unicode.Scalar {
    let first = try fourDigits()
    if (0xD800..<0xDC00).contains(first), position + 1 < bytes.count, bytes[position] == UInt8(ascii: "\\"),
      bytes[position + 1] == UInt8(ascii: "u")
    {
      let mark = position
      position += 2
      let second = try fourDigits()
      if (0xDC00..<0xE000).contains(second) {
        return Unicode.Scalar(0x10000 + (first - 0xD800) << 10 + (second - 0xDC00)) ?? "\u{FFFD}"
      }
      position = mark
    }
    return Unicode.Scalar(first) ?? "\u{FFFD}"
  }

  private mutating func fourDigits() throws(Failure) -> UInt32 {
    guard position + 4 <= bytes.count else { throw .unexpectedEnd }
    var value: UInt32 = 0
    for byte in bytes[position..<position + 4] {
      guard let digit = Character(Unicode.Scalar(byte)).hexDigitValue else { throw .invalidEscape(offset: position) }
      value = value << 4 + UInt32(digit)
    }
    position += 4
    return value
  }
}
