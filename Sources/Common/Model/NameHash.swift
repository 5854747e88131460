/// FNV-1a with 64 bits, for names that only have to differ: nobody gains from a collision of what is his own.
public struct NameHash: Sendable {
  public private(set) var value: UInt64 = 0xcbf2_9ce4_8422_2325

  public init() {}

  public mutating func take(_ bytes: some Sequence<UInt8>) {
    for byte in bytes { value = (value ^ UInt64(byte)) &* 0x100_0000_01b3 }
  }

  public static func of(_ text: String) -> UInt64 {
    var hash = NameHash()
    hash.take(text.utf8)
    return hash.value
  }
}
