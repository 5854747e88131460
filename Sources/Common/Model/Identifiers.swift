/// Sixty-four lower-case hexadecimal digits, as docker makes container and network ids.
public protocol HexIdentifier: Sendable, Hashable, Codable, CustomStringConvertible {
  var hex: String { get }
  init(unchecked hex: String)
}

extension HexIdentifier {
  /// A new random id (256 bits from the system's generator).
  public static func random() -> Self {
    var generator = SystemRandomNumberGenerator()
    let words = (0..<4).map { _ in generator.next() }
    let bytes = words.flatMap { word in (0..<8).map { UInt8(truncatingIfNeeded: word >> ($0 * 8)) } }
    return Self(unchecked: Digest(bytes: bytes).hex)
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
