import Glibc

/// The lossless translation between the kernel's path names, which are bytes, and `String`, which is Unicode.
///
/// A byte that is not part of valid UTF-8 becomes the private-use scalar U+F700 + byte. A valid scalar that lies in that
/// range (U+F780 to U+F7FF) is itself written as its three escaped bytes, so every byte sequence has exactly one text and
/// comes back unchanged.
///
/// `==` on `String` follows canonical equivalence: two files named by composed and decomposed "é" are equal texts.
/// Where names become keys, use `bytes(of:)`.
public enum PathText {
  private static let escapeBase: UInt32 = 0xF700
  private static let escapes: ClosedRange<UInt32> = 0xF780...0xF7FF

  /// The text for a path name as the kernel gives it (without its terminating zero).
  public static func text(of bytes: some Sequence<UInt8>) -> String {
    let bytes = Array(bytes)
    if let text = String(validating: bytes, as: UTF8.self), !containsEscape(text) { return text }
    var result = String.UnicodeScalarView()
    var index = 0
    while index < bytes.count {
      let length = min(sequenceLength(bytes[index]), bytes.count - index)
      let slice = bytes[index..<index + length]
      if let part = String(validating: slice, as: UTF8.self), let scalar = part.unicodeScalars.first,
        part.unicodeScalars.count == 1, !escapes.contains(scalar.value)
      {
        result.append(scalar)
        index += length
      } else {
        if let scalar = Unicode.Scalar(escapeBase + UInt32(bytes[index])) { result.append(scalar) }
        index += 1
      }
    }
    return String(result)
  }

  /// The bytes of a text made by `text(of:)`, or of any other text.
  public static func bytes(of text: String) -> [UInt8] {
    if !containsEscape(text) { return Array(text.utf8) }
    var result: [UInt8] = []
    for scalar in text.unicodeScalars {
      if escapes.contains(scalar.value) {
        result.append(UInt8(truncatingIfNeeded: scalar.value))
      } else {
        result.append(contentsOf: UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
      }
    }
    return result
  }

  private static func containsEscape(_ text: String) -> Bool {
    // U+F780 to U+F7FF start with the bytes EF 9E or EF 9F.
    var before: UInt8 = 0
    for byte in text.utf8 {
      if before == 0xEF, byte == 0x9E || byte == 0x9F { return true }
      before = byte
    }
    return false
  }

  private static func sequenceLength(_ first: UInt8) -> Int {
    switch first {
    case 0xC2...0xDF: 2
    case 0xE0...0xEF: 3
    case 0xF0...0xF4: 4
    default: 1
    }
  }
}

/// Gives `body` a text as a C string, byte for byte.
/// - Throws: EINVAL for a text with a zero byte inside, which the kernel would silently cut; ENAMETOOLONG above `limit`.
@discardableResult
func withPath<Result>(
  _ text: String, _ operation: String, limit: Int = Limits.pathBytes,
  _ body: (UnsafePointer<CChar>) throws -> Result
) throws -> Result {
  var bytes = PathText.bytes(of: text)
  if bytes.count >= limit { throw SystemError(errno: ENAMETOOLONG, operation: operation, subject: text) }
  if bytes.contains(0) { throw SystemError(errno: EINVAL, operation: operation, subject: text) }
  bytes.append(0)
  return try bytes.withUnsafeBufferPointer { buffer in
    try buffer.withMemoryRebound(to: CChar.self) { rebound in
      guard let base = rebound.baseAddress else {
        throw SystemError(errno: EINVAL, operation: operation, subject: text)
      }
      return try body(base)
    }
  }
}
