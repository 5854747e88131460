import KubeMachinery

/// The fields of one protobuf message, one after the other. Source: protobuf.dev *Encoding*.
struct ProtobufFields {
  /// One field with what it holds.
  struct Field {
    enum Content {
      case varint(UInt64)
      case fixed64(UInt64)
      case fixed32(UInt32)
      case bytes(ArraySlice<UInt8>)
    }

    let number: UInt64
    let content: Content

    func varint() throws -> UInt64 {
      guard case .varint(let value) = content else { throw wrong("a number") }
      return value
    }

    func fixed64() throws -> UInt64 {
      guard case .fixed64(let value) = content else { throw wrong("eight bytes") }
      return value
    }

    func bytes() throws -> ArraySlice<UInt8> {
      guard case .bytes(let bytes) = content else { throw wrong("bytes") }
      return bytes
    }

    /// Throws for what is not UTF-8.
    func text() throws -> String {
      guard let text = String(validating: try bytes(), as: UTF8.self) else {
        throw ProtobufDocument.malformed("the text of field \(number) is not UTF-8")
      }
      return text
    }

    private func wrong(_ expected: String) -> StatusError {
      ProtobufDocument.malformed("field \(number) is not of the form expected: \(expected)")
    }
  }

  private var rest: ArraySlice<UInt8>

  init(_ bytes: ArraySlice<UInt8>) {
    rest = bytes
  }

  /// Nil at the end. Throws `StatusError` (400) for what breaks off or has a form that protobuf does not know.
  mutating func next() throws -> Field? {
    guard !rest.isEmpty else { return nil }
    let tag = try varint()
    let number = tag >> 3
    guard number > 0 else { throw ProtobufDocument.malformed("it has a field with the number 0") }
    switch tag & 7 {
    case 0: return Field(number: number, content: .varint(try varint()))
    case 1: return Field(number: number, content: .fixed64(try little(8)))
    case 2:
      let length = try varint()
      guard length <= UInt64(rest.count) else { throw Self.brokenOff }
      let bytes = rest.prefix(Int(length))
      rest = rest.dropFirst(Int(length))
      return Field(number: number, content: .bytes(bytes))
    case 5: return Field(number: number, content: .fixed32(UInt32(truncatingIfNeeded: try little(4))))
    default: throw ProtobufDocument.malformed("field \(number) has the unknown form \(tag & 7)")
    }
  }

  private static let brokenOff = ProtobufDocument.malformed("it breaks off")

  private mutating func varint() throws -> UInt64 {
    var value: UInt64 = 0
    for shift in stride(from: UInt64(0), to: 70, by: 7) {
      guard let byte = rest.popFirst() else { throw Self.brokenOff }
      if shift == 63, byte > 1 { break }
      value |= UInt64(byte & 0x7f) << shift
      if byte < 0x80 { return value }
    }
    throw ProtobufDocument.malformed("a number in it is longer than 64 bits")
  }

  private mutating func little(_ count: Int) throws -> UInt64 {
    guard rest.count >= count else { throw Self.brokenOff }
    var value: UInt64 = 0
    for (index, byte) in rest.prefix(count).enumerated() { value |= UInt64(byte) << (8 * UInt64(index)) }
    rest = rest.dropFirst(count)
    return value
  }
}
