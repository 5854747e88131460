import Model

/// Messages of the SSH agent protocol (draft-ietf-sshm-ssh-agent, section 3): `uint32` length, then a byte that tells the type
/// and its contents. What is passed on keeps its length in front.
enum AgentMessage {
  /// Of a message without its length; OpenSSH's agent has the same bound.
  static let maximumBytes = 256 << 10

  /// What a step may ask: which keys there are, and to sign with one. Nothing adds, removes, locks or unlocks, and no extension
  /// is known.
  enum Request: UInt8 {
    case identities = 11
    case sign = 13

    /// The type of the answer that says yes.
    var answer: UInt8 {
      switch self {
      case .identities: 12
      case .sign: 14
      }
    }

    init?(_ message: [UInt8]) {
      guard message.count > 4 else { return nil }
      self.init(rawValue: message[4])
    }
  }

  private static let failureType: UInt8 = 5
  static let failure = framed([failureType])

  /// What the step gets of the agent's answer: another type than those that belong to its request is a failure.
  static func answer(_ message: [UInt8], to request: Request) -> [UInt8] {
    guard message.count > 4, message[4] == request.answer else { return failure }
    return message
  }

  static func framed(_ bytes: [UInt8]) -> [UInt8] {
    let count = UInt32(bytes.count)
    return (0..<4).map { UInt8(truncatingIfNeeded: count >> (24 - 8 * UInt32($0))) } + bytes
  }
}

/// Cuts what comes into messages.
struct AgentMessageReader {
  private var pending: [UInt8] = []

  mutating func feed(_ bytes: [UInt8]) { pending += bytes }

  /// The next message with its length, or nil while it is not there as a whole.
  /// - Throws: `invalidArgument` for a length of zero or above `AgentMessage.maximumBytes`.
  mutating func next() throws -> [UInt8]? {
    guard pending.count >= 4 else { return nil }
    let count = pending[..<4].reduce(0) { $0 << 8 | Int($1) }
    guard (1...AgentMessage.maximumBytes).contains(count) else {
      throw PlatformError(
        .invalidArgument, "a message of \(count) bytes: an agent's have 1 to \(AgentMessage.maximumBytes)")
    }
    guard pending.count >= 4 + count else { return nil }
    defer { pending.removeFirst(4 + count) }
    return Array(pending[..<(4 + count)])
  }
}
