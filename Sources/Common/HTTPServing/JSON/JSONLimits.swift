/// Bounds on JSON from outside, checked before a decoder builds anything from it.
///
/// One pass over the bytes, in linear time. It refuses what decoders disagree on (duplicate keys) and what costs more
/// than its length (deep nesting, very many values, numbers with endless digits); the grammar is the decoder's business.
public enum JSONLimits {
  public static let maxDepth = 64
  public static let maxBytes = 4 * 1024 * 1024
  public static let maxValues = 200_000
  public static let maxNumberBytes = 64
  public static let maxExponentDigits = 3

  /// Throws `HTTPRefusal`: 413 beyond `maxBytes`, else 400.
  public static func check(
    _ bytes: [UInt8], maxDepth: Int = JSONLimits.maxDepth, maxBytes: Int = JSONLimits.maxBytes
  ) throws {
    guard bytes.count <= maxBytes else {
      throw HTTPRefusal(.payloadTooLarge, "the JSON document is longer than \(maxBytes) bytes")
    }
    var scanner = JSONScanner(maxDepth: maxDepth)
    try bytes.withUnsafeBufferPointer { try scanner.scan($0) }
  }
}

private struct JSONScanner {
  let maxDepth: Int
  /// One entry for each open object or array: the keys seen, nil for an array.
  private var open: [SeenKeys?] = []
  private var expectsKey = false
  private var values = 0

  init(maxDepth: Int) {
    self.maxDepth = maxDepth
  }

  mutating func scan(_ bytes: UnsafeBufferPointer<UInt8>) throws {
    var index = 0
    while index < bytes.count {
      switch bytes[index] {
      case UInt8(ascii: "{"): try push(SeenKeys())
      case UInt8(ascii: "["): try push(nil)
      case UInt8(ascii: "}"), UInt8(ascii: "]"):
        _ = open.popLast()
        expectsKey = false
      case UInt8(ascii: ","): expectsKey = open.last.map { $0 != nil } ?? false
      case UInt8(ascii: "\""):
        let end = try stringEnd(bytes, from: index + 1)
        if expectsKey { try addKey(bytes, (index + 1)..<end) } else { try count() }
        expectsKey = false
        index = end
      case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"):
        try count()
        index = try numberEnd(bytes, from: index) - 1
      case UInt8(ascii: "t"), UInt8(ascii: "f"), UInt8(ascii: "n"): try count()
      default: break
      }
      index += 1
    }
  }

  private mutating func push(_ keys: SeenKeys?) throws {
    try count()
    open.append(keys)
    expectsKey = keys != nil
    guard open.count <= maxDepth else {
      throw HTTPRefusal(.badRequest, "the JSON document nests deeper than \(maxDepth) levels")
    }
  }

  private mutating func count() throws {
    values += 1
    guard values <= JSONLimits.maxValues else {
      throw HTTPRefusal(.badRequest, "the JSON document has more than \(JSONLimits.maxValues) values")
    }
  }

  private mutating func addKey(_ bytes: UnsafeBufferPointer<UInt8>, _ place: Range<Int>) throws {
    guard !open.isEmpty else { return }
    let isNew = open[open.count - 1]?.insert(bytes, place) ?? true
    guard isNew else {
      let name = LogText.escape(String(decoding: SeenKeys.key(bytes, place).prefix(100), as: UTF8.self))
      throw HTTPRefusal(.badRequest, "the JSON document has the key '\(name)' twice in one object")
    }
  }

  private func stringEnd(_ bytes: UnsafeBufferPointer<UInt8>, from start: Int) throws -> Int {
    var index = start
    while index < bytes.count {
      switch bytes[index] {
      case UInt8(ascii: "\""): return index
      case UInt8(ascii: "\\"): index += 2
      default: index += 1
      }
    }
    throw HTTPRefusal(.badRequest, "the JSON document ends inside a string")
  }

  private func numberEnd(_ bytes: UnsafeBufferPointer<UInt8>, from start: Int) throws -> Int {
    var index = start
    var exponentDigits: Int?
    while index < bytes.count {
      switch bytes[index] {
      case UInt8(ascii: "0")...UInt8(ascii: "9"): exponentDigits = exponentDigits.map { $0 + 1 }
      case UInt8(ascii: "e"), UInt8(ascii: "E"): exponentDigits = 0
      case UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: "."): break
      default: return index
      }
      index += 1
      guard index - start <= JSONLimits.maxNumberBytes, exponentDigits ?? 0 <= JSONLimits.maxExponentDigits else {
        throw HTTPRefusal(.badRequest, "the JSON document has a number that is too long")
      }
    }
    return index
  }
}

/// The keys of one object. Most objects have a few without escapes, which are compared where they stand.
private struct SeenKeys {
  private static let mostPlaces = 12

  private var places: [Range<Int>] = []
  /// All of them, once there are many or one has escapes.
  private var keys: Set<[UInt8]>?

  /// False where the object has the key already.
  mutating func insert(_ bytes: UnsafeBufferPointer<UInt8>, _ place: Range<Int>) -> Bool {
    if keys == nil, places.count < Self.mostPlaces, !bytes[place].contains(UInt8(ascii: "\\")) {
      let isNew = !places.contains { $0.count == place.count && bytes[$0].elementsEqual(bytes[place]) }
      places.append(place)
      return isNew
    }
    var all = keys ?? Set(places.map { Array(bytes[$0]) })
    keys = nil
    let isNew = all.insert(Self.key(bytes, place)).inserted
    keys = all
    return isNew
  }

  /// A key as it is meant.
  static func key(_ bytes: UnsafeBufferPointer<UInt8>, _ place: Range<Int>) -> [UInt8] {
    let raw = bytes[place]
    return raw.contains(UInt8(ascii: "\\")) ? unescape(raw) : Array(raw)
  }

  /// A key with its escapes resolved, so that two spellings of one key are seen as one.
  private static func unescape(_ raw: Slice<UnsafeBufferPointer<UInt8>>) -> [UInt8] {
    var units: [UInt16] = []
    var output: [UInt8] = []
    func flush() {
      output.append(contentsOf: String(decoding: units, as: UTF16.self).utf8)
      units = []
    }
    var index = raw.startIndex
    while index < raw.endIndex {
      guard raw[index] == UInt8(ascii: "\\"), index + 1 < raw.endIndex else {
        flush()
        output.append(raw[index])
        index += 1
        continue
      }
      let letter = raw[index + 1]
      index += 2
      if letter == UInt8(ascii: "u") {
        let digits = raw[index..<min(index + 4, raw.endIndex)]
        units.append(digits.reduce(0) { $0 << 4 | UInt16(PercentCoding.hexValue($1) ?? 0) })
        index += digits.count
      } else {
        flush()
        output.append(plain[letter] ?? letter)
      }
    }
    flush()
    return output
  }

  private static let plain: [UInt8: UInt8] = [
    UInt8(ascii: "n"): 10, UInt8(ascii: "t"): 9, UInt8(ascii: "r"): 13, UInt8(ascii: "b"): 8, UInt8(ascii: "f"): 12,
  ]
}
