import HTTPServing

/// Writes JSON text straight into bytes, members in the order they have.
///
/// Escapes what Go's `encoding/json` escapes with HTML escaping off; numbers as it writes them.
public struct ObjectEncoder {
  public private(set) var bytes: [UInt8] = []

  public init(capacity: Int = 1_024) {
    bytes.reserveCapacity(capacity)
  }

  public mutating func write(_ value: JSONValue) {
    switch value {
    case .null: bytes.append(contentsOf: "null".utf8)
    case .bool(let flag): bytes.append(contentsOf: flag ? "true".utf8 : "false".utf8)
    case .integer(let number): write(number)
    case .double(let number): bytes.append(contentsOf: Self.text(number).utf8)
    case .string(let text): write(text)
    case .array(let items):
      bytes.append(UInt8(ascii: "["))
      for (index, item) in items.enumerated() {
        if index > 0 { bytes.append(UInt8(ascii: ",")) }
        write(item)
      }
      bytes.append(UInt8(ascii: "]"))
    case .object(let members):
      bytes.append(UInt8(ascii: "{"))
      for (index, member) in members.enumerated() {
        if index > 0 { bytes.append(UInt8(ascii: ",")) }
        write(name: member.name)
        write(member.value)
      }
      bytes.append(UInt8(ascii: "}"))
    }
  }

  /// Text that is JSON already.
  public mutating func write(encoded text: some Sequence<UInt8>) { bytes.append(contentsOf: text) }

  /// A member's name with its colon.
  mutating func write(name: String) {
    write(name)
    bytes.append(UInt8(ascii: ":"))
  }

  private mutating func write(_ number: Int64) {
    if number >= 0, number < 10 {
      bytes.append(UInt8(ascii: "0") + UInt8(number))
    } else {
      bytes.append(contentsOf: String(number).utf8)
    }
  }

  private mutating func write(_ text: String) {
    bytes.append(UInt8(ascii: "\""))
    var text = text
    text.withUTF8 { write($0) }
    bytes.append(UInt8(ascii: "\""))
  }

  private static let digits = Array("0123456789abcdef".utf8)

  /// Copies whole stretches that need no escape, which is most text.
  private mutating func write(_ text: UnsafeBufferPointer<UInt8>) {
    var start = 0
    var index = 0
    while index < text.count {
      let byte = text[index]
      if byte >= 32, byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\\"), byte != 0xE2 {
        index += 1
        continue
      }
      if byte == 0xE2, !Self.isLineSeparator(text, at: index) {
        index += 1
        continue
      }
      bytes.append(contentsOf: text[start..<index])
      index += escape(text, at: index)
      start = index
    }
    bytes.append(contentsOf: text[start...])
  }

  /// U+2028 and U+2029 end a line in JavaScript, so Go escapes them.
  private static func isLineSeparator(_ text: UnsafeBufferPointer<UInt8>, at index: Int) -> Bool {
    index + 2 < text.count && text[index + 1] == 0x80 && (text[index + 2] == 0xA8 || text[index + 2] == 0xA9)
  }

  /// - Returns: how many bytes of the text the escape stands for.
  private mutating func escape(_ text: UnsafeBufferPointer<UInt8>, at index: Int) -> Int {
    let byte = text[index]
    switch byte {
    case 0xE2:
      bytes.append(contentsOf: text[index + 2] == 0xA8 ? "\\u2028".utf8 : "\\u2029".utf8)
      return 3
    case UInt8(ascii: "\""), UInt8(ascii: "\\"):
      bytes.append(UInt8(ascii: "\\"))
      bytes.append(byte)
    case 8: bytes.append(contentsOf: "\\b".utf8)
    case 9: bytes.append(contentsOf: "\\t".utf8)
    case 10: bytes.append(contentsOf: "\\n".utf8)
    case 12: bytes.append(contentsOf: "\\f".utf8)
    case 13: bytes.append(contentsOf: "\\r".utf8)
    default:
      bytes.append(contentsOf: "\\u00".utf8)
      bytes.append(Self.digits[Int(byte >> 4)])
      bytes.append(Self.digits[Int(byte & 15)])
    }
    return 1
  }

  /// The shortest digits that read back as the same number: plain from 1e-6 to below 1e21, else with an exponent.
  /// Source: Go `encoding/json`, *floatEncoder*; ECMA-262, *Number::toString*.
  static func text(_ number: Double) -> String {
    guard number.isFinite else { return "null" }
    if let whole = Int64(exactly: number), whole.magnitude < 1 << 53 {
      return whole == 0 && number.sign == .minus ? "-0" : String(whole)
    }
    let (sign, digits, point) = decimal(number)
    // `point`: where the decimal point stands, counted from the first digit.
    if point > 21 || point < -5 {
      let exponent = point - 1
      let fraction = digits.count > 1 ? "." + digits.dropFirst() : ""
      return "\(sign)\(digits.prefix(1))\(fraction)e\(exponent < 0 ? "-" : "+")\(exponent.magnitude)"
    }
    if point <= 0 { return "\(sign)0.\(String(repeating: "0", count: -point))\(digits)" }
    if point >= digits.count { return sign + digits + String(repeating: "0", count: point - digits.count) }
    return "\(sign)\(digits.prefix(point)).\(digits.dropFirst(point))"
  }

  /// A number's significant digits, taken from Swift's own shortest form.
  private static func decimal(_ number: Double) -> (sign: String, digits: String, point: Int) {
    let parts = number.magnitude.description.split(separator: "e")
    let mantissa = parts[0].split(separator: ".")
    let whole = mantissa[0]
    let fraction = mantissa.count > 1 && mantissa[1] != "0" ? mantissa[1] : ""
    let exponent = parts.count > 1 ? Int(parts[1]) ?? 0 : 0
    let all = String(whole) + fraction
    let leading = all.prefix { $0 == "0" }.count
    var digits = String(all.dropFirst(leading))
    while digits.hasSuffix("0") { digits.removeLast() }
    return (number < 0 ? "-" : "", digits, whole.count + exponent - leading)
  }
}

extension JSONValue {
  /// The document's text, members in the order they have.
  public func encoded() -> [UInt8] {
    var encoder = ObjectEncoder()
    encoder.write(self)
    return encoder.bytes
  }

  /// `encoded()` as a string, for messages.
  public var encodedText: String { String(decoding: encoded(), as: UTF8.self) }
}
