/// Writes JSON text straight into bytes, members in the order given.
struct JSONWriter {
  private(set) var bytes: [UInt8] = []
  private var needsComma = false

  init(capacity: Int = 1_024) {
    bytes.reserveCapacity(capacity)
  }

  /// The text of one object.
  static func object(capacity: Int = 1_024, _ body: (inout JSONWriter) -> Void) -> [UInt8] {
    var writer = JSONWriter(capacity: capacity)
    writer.object(body)
    return writer.bytes
  }

  /// The text of one list, an element for each item.
  static func list<Item>(_ items: some Sequence<Item>, _ body: (inout JSONWriter, Item) -> Void) -> [UInt8] {
    var writer = JSONWriter(capacity: 4_096)
    writer.list(items, body)
    return writer.bytes
  }

  // MARK: values

  mutating func null() { raw("null") }
  mutating func value(_ flag: Bool) { raw(flag ? "true" : "false") }
  mutating func value(_ number: some BinaryInteger) { raw(String(number)) }
  mutating func value(_ text: String) {
    separate()
    quote(text)
  }

  /// Text that is JSON already.
  mutating func encoded(_ text: some Sequence<UInt8>) {
    separate()
    bytes.append(contentsOf: text)
  }

  mutating func object(_ body: (inout JSONWriter) -> Void) {
    open("{")
    body(&self)
    close("}")
  }

  mutating func list<Item>(_ items: some Sequence<Item>, _ body: (inout JSONWriter, Item) -> Void) {
    open("[")
    for item in items { body(&self, item) }
    close("]")
  }

  // MARK: members

  mutating func name(_ name: String) {
    separate()
    quote(name)
    bytes.append(UInt8(ascii: ":"))
    needsComma = false
  }

  mutating func null(_ name: String) {
    self.name(name)
    null()
  }

  mutating func field(_ name: String, _ flag: Bool) {
    self.name(name)
    value(flag)
  }

  mutating func field(_ name: String, _ number: some BinaryInteger) {
    self.name(name)
    value(number)
  }

  mutating func field(_ name: String, _ text: String) {
    self.name(name)
    value(text)
  }

  /// A list of strings; null where there is none.
  mutating func field(_ name: String, _ items: [String]?) {
    self.name(name)
    guard let items else { return null() }
    list(items) { $0.value($1) }
  }

  /// An object of strings, by name; null where there is none.
  mutating func field(_ name: String, _ map: [String: String]?) {
    self.name(name)
    guard let map else { return null() }
    object { writer in
      for (key, value) in map.sorted(by: { $0.key < $1.key }) { writer.field(key, value) }
    }
  }

  /// Names as docker writes sets: an object of empty objects.
  mutating func set(_ name: String, _ items: [String]) {
    object(name) { writer in
      for item in items { writer.object(item) { _ in } }
    }
  }

  mutating func object(_ name: String, _ body: (inout JSONWriter) -> Void) {
    self.name(name)
    object(body)
  }

  mutating func list<Item>(_ name: String, _ items: some Sequence<Item>, _ body: (inout JSONWriter, Item) -> Void) {
    self.name(name)
    list(items, body)
  }

  // MARK: text

  private mutating func separate() {
    if needsComma { bytes.append(UInt8(ascii: ",")) }
    needsComma = true
  }

  private mutating func raw(_ text: String) {
    separate()
    bytes.append(contentsOf: text.utf8)
  }

  private mutating func open(_ bracket: Unicode.Scalar) {
    separate()
    bytes.append(UInt8(ascii: bracket))
    needsComma = false
  }

  private mutating func close(_ bracket: Unicode.Scalar) {
    bytes.append(UInt8(ascii: bracket))
    needsComma = true
  }

  private static let digits = Array("0123456789abcdef".utf8)

  private mutating func quote(_ text: String) {
    bytes.append(UInt8(ascii: "\""))
    for byte in text.utf8 {
      switch byte {
      case UInt8(ascii: "\""), UInt8(ascii: "\\"):
        bytes.append(UInt8(ascii: "\\"))
        bytes.append(byte)
      case 10: bytes.append(contentsOf: "\\n".utf8)
      case 13: bytes.append(contentsOf: "\\r".utf8)
      case 9: bytes.append(contentsOf: "\\t".utf8)
      case 0..<32, 127:
        bytes.append(contentsOf: "\\u00".utf8)
        bytes.append(Self.digits[Int(byte >> 4)])
        bytes.append(Self.digits[Int(byte & 15)])
      default: bytes.append(byte)
      }
    }
    bytes.append(UInt8(ascii: "\""))
  }
}
