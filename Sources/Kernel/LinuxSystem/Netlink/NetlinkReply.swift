/// One message received from the kernel: its type and the bytes after the netlink header.
public struct NetlinkReply: Sendable {
  public let type: UInt16
  public let payload: ArraySlice<UInt8>

  /// The attributes after a family header of `headerSize` bytes (a multiple of four).
  public func attributes(after headerSize: Int) -> NetlinkAttributes {
    NetlinkAttributes(payload.dropFirst(headerSize))
  }

  /// A number in host byte order at an offset of the family header, or nil beyond the end.
  public func number<Value: FixedWidthInteger>(at offset: Int, as type: Value.Type = Value.self) -> Value? {
    Value(native: payload.dropFirst(offset))
  }
}

/// A bounds-checked view of a run of netlink attributes; a malformed rest is ignored.
public struct NetlinkAttributes: Sendable, Sequence {
  private let bytes: ArraySlice<UInt8>

  public init(_ bytes: ArraySlice<UInt8>) { self.bytes = bytes }

  public struct Iterator: IteratorProtocol {
    fileprivate var rest: ArraySlice<UInt8>

    public mutating func next() -> (type: UInt16, value: ArraySlice<UInt8>)? {
      guard let length = UInt16(native: rest), let type = UInt16(native: rest.dropFirst(2)) else { return nil }
      guard Int(length) >= Netlink.attributeHeaderSize, Int(length) <= rest.count else { return nil }
      let value = rest.prefix(Int(length)).dropFirst(Netlink.attributeHeaderSize)
      rest = rest.dropFirst((Int(length) + 3) & ~3)
      return (type & Netlink.typeMask, value)
    }
  }

  public func makeIterator() -> Iterator { Iterator(rest: bytes) }

  /// The bytes of the first attribute of a type.
  public func first(_ type: UInt16) -> ArraySlice<UInt8>? { first { $0.type == type }?.value }
  /// The attributes nested in the first attribute of a type.
  public func nested(_ type: UInt16) -> NetlinkAttributes? { first(type).map(NetlinkAttributes.init) }
  /// A number in host byte order.
  public func number<Value: FixedWidthInteger>(_ type: UInt16, as kind: Value.Type = Value.self) -> Value? {
    first(type).flatMap { Value(native: $0) }
  }
  /// A string up to its first zero byte.
  public func string(_ type: UInt16) -> String? {
    first(type).map { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
  }
}

extension FixedWidthInteger {
  /// Reads a number in host byte order from the front of a slice, or nil where it is too short.
  init?(native bytes: ArraySlice<UInt8>) {
    let size = MemoryLayout<Self>.size
    guard bytes.count >= size else { return nil }
    var value = Self()
    withUnsafeMutableBytes(of: &value) { $0.copyBytes(from: bytes.prefix(size)) }
    self = value
  }
}
