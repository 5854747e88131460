/// Decides what a name service says; `DNSListener` moves the messages.
public protocol DNSResponder: Sendable {
  /// What needs no other server. Called on the thread of the datagrams, which it must not block.
  ///
  /// - Parameter transport: an answer over UDP fits the client's limit, or says that it does not.
  func immediateAnswer(to bytes: [UInt8], from client: SocketAddress, over transport: TransportProtocol) -> DNSDecision
  /// The answer to a question that `immediateAnswer` wanted forwarded.
  func forward(_ query: DNSQuery, transport: TransportProtocol, from client: SocketAddress) async -> [UInt8]
  /// The service ended because its socket failed.
  func hasEnded(_ error: any Error)
  /// A connection could not be taken; the service goes on.
  func couldNotAccept(_ error: any Error)
}

/// What to do with a message right away.
public enum DNSDecision: Sendable {
  case nothing
  case answer([UInt8])
  case forward(DNSQuery)
}

extension DNSDecision {
  /// Reads a client's message and asks `decide` about it; what cannot be read is refused or dropped.
  public static func of(_ bytes: [UInt8], _ decide: (DNSQuery) -> DNSDecision) -> DNSDecision {
    do throws(DNSQuery.Failure) {
      return decide(try DNSQuery(parsing: bytes))
    } catch {
      switch error {
      case .ignore: return .nothing
      case .refuse(let code, let id): return .answer(DNSAnswer.refusal(code, id: id))
      }
    }
  }
}
