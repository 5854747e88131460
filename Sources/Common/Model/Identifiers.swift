/// Sixty-four lower-case hexadecimal digits, as docker makes container and network ids.
public protocol HexIdentifier: Sendable, Hashable, Codable, CustomStringConvertible {
  var hex: String { get }
  init(unchecked hex: String)
}

extension HexIdentifier {
  /// A new random id (256 bits from the system's generator).
  public static func random() -> Self {
    var generator = SystemRandomNumberGenerator()
    return random(using: &generator)
  }

  /// What the id begins with becomes a host name. One of decimal digits alone resolvers take for an address (inet_aton(3)), and do
  /// not find: one of 280 would be such.
  static func random(using generator: inout some RandomNumberGenerator) -> Self {
    while true {
      let words = (0..<4).map { _ in generator.next() as UInt64 }
      let bytes = words.flatMap { word in (0..<8).map { UInt8(truncatingIfNeeded: word >> ($0 * 8)) } }
      let id = Self(unchecked: Digest(bytes: bytes).hex)
      if !id.short.utf8.allSatisfy({ $0 <= UInt8(ascii: "9") }) { return id }
    }
  }

  /// Takes 64 hexadecimal digits; throws `invalidArgument` for anything else.
  public init(_ hex: String) throws {
    self.init(unchecked: try Digest(hex: hex).hex)
  }

  public init(from decoder: any Decoder) throws {
    try self.init(decoder.singleValueContainer().decode(String.self))
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(hex)
  }

  public var description: String { hex }
  /// The first twelve digits, as docker prints ids.
  public var short: String { String(hex.prefix(12)) }
}

/// The id of a container.
public struct ContainerID: HexIdentifier {
  public let hex: String
  public init(unchecked hex: String) { self.hex = hex }
}

/// The id of a network.
public struct NetworkID: HexIdentifier {
  public let hex: String
  public init(unchecked hex: String) { self.hex = hex }
}

/// The id of a process started by `exec` in a running container.
public struct ExecID: HexIdentifier {
  public let hex: String
  public init(unchecked hex: String) { self.hex = hex }
}
