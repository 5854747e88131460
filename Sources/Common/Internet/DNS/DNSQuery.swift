/// A query with one question, as a client sent it.
public struct DNSQuery: Sendable, Equatable {
  /// The whole message.
  public let bytes: [UInt8]
  public let id: UInt16
  public let flags: UInt16
  /// Where the question ends in `bytes`; it starts after the header.
  public let questionEnd: Int
  /// Lower case without the last dot; nil for names that no container can have.
  public let name: String?
  public let type: UInt16
  public let `class`: UInt16
  /// The largest answer that the client takes over UDP, within our own bounds.
  public let udpLimit: Int
  public let hasOptions: Bool

  public enum Failure: Error, Equatable {
    /// Not a query at all, or too short to answer: drop it.
    case ignore
    /// Answer with this code.
    case refuse(DNSMessage.ResponseCode, id: UInt16)
  }

  /// Parses a client's message.
  public init(parsing bytes: [UInt8]) throws(Failure) {
    guard bytes.count >= DNSMessage.headerBytes, bytes.count <= DNSMessage.maximumBytes,
      let id = DNSMessage.number(bytes, at: 0), let flags = DNSMessage.number(bytes, at: 2),
      let questions = DNSMessage.number(bytes, at: 4), let answers = DNSMessage.number(bytes, at: 6),
      let authorities = DNSMessage.number(bytes, at: 8), let additional = DNSMessage.number(bytes, at: 10)
    else { throw .ignore }
    guard flags & DNSMessage.flagResponse == 0 else { throw .ignore }
    guard flags >> 11 & 15 == 0 else { throw .refuse(.notImplemented, id: id) }
    guard questions == 1, answers == 0, authorities == 0, Int(additional) <= DNSMessage.maximumAdditionalRecords,
      let nameEnd = DNSMessage.endOfPlainName(bytes, at: DNSMessage.headerBytes),
      let type = DNSMessage.number(bytes, at: nameEnd), let kind = DNSMessage.number(bytes, at: nameEnd + 2)
    else { throw .refuse(.formatError, id: id) }
    self.bytes = bytes
    self.id = id
    self.flags = flags
    questionEnd = nameEnd + 4
    name = DNSMessage.text(ofPlainName: bytes[DNSMessage.headerBytes..<nameEnd])
    self.type = type
    self.class = kind
    guard let limit = Self.udpLimit(in: bytes, from: questionEnd, count: Int(additional)) else {
      throw .refuse(.formatError, id: id)
    }
    hasOptions = limit > 0
    udpLimit = min(max(limit, DNSMessage.plainUDPBytes), DNSMessage.maximumUDPBytes)
  }

  /// A message that asks for a name; nil for one that cannot be written.
  ///
  /// - Parameter udpBytes: what the asker takes over UDP; nil: without options.
  public static func message(
    asking name: String, type: UInt16, id: UInt16 = .random(in: 0 ... .max), udpBytes: UInt16? = nil
  ) -> [UInt8]? {
    guard let encoded = DNSMessage.encode(name: name) else { return nil }
    var bytes: [UInt8] = []
    for number in [id, DNSMessage.flagRecursionDesired, 1, 0, 0, udpBytes == nil ? 0 : 1] { bytes.append(big: number) }
    bytes += encoded
    bytes.append(big: type)
    bytes.append(big: DNSMessage.classInternet)
    guard let udpBytes else { return bytes }
    bytes.append(0)
    bytes.append(big: DNSMessage.RecordType.opt)
    bytes.append(big: udpBytes)
    return bytes + [UInt8](repeating: 0, count: 6)
  }

  /// The payload size of the OPT record among the additional ones; 0 where there is none, nil where one is malformed.
  private static func udpLimit(in bytes: [UInt8], from offset: Int, count: Int) -> Int? {
    var position = offset
    var limit = 0
    for _ in 0..<count {
      guard let end = DNSMessage.endOfAnyName(bytes, at: position), let type = DNSMessage.number(bytes, at: end),
        let size = DNSMessage.number(bytes, at: end + 2), let length = DNSMessage.number(bytes, at: end + 8),
        end + 10 + Int(length) <= bytes.count
      else { return nil }
      if type == DNSMessage.RecordType.opt { limit = max(1, Int(size)) }
      position = end + 10 + Int(length)
    }
    return limit
  }

  /// The question's bytes, for copying into an answer.
  public var question: ArraySlice<UInt8> { bytes[DNSMessage.headerBytes..<questionEnd] }

  /// The message with another id, for a server.
  public func forwarded(id: UInt16) -> [UInt8] {
    var copy = bytes
    copy[0] = UInt8(id >> 8)
    copy[1] = UInt8(id & 255)
    return copy
  }

  /// Whether a message is the answer to this query sent with `id`: same id and question, letter case aside.
  public func isAnswered(by answer: [UInt8], id: UInt16) -> Bool {
    guard DNSMessage.number(answer, at: 0) == id, let flags = DNSMessage.number(answer, at: 2),
      flags & DNSMessage.flagResponse != 0, let questions = DNSMessage.number(answer, at: 4)
    else { return false }
    // A server that could not read the question need not repeat it.
    if questions == 0 { return flags & 15 != 0 && answer.count >= DNSMessage.headerBytes }
    guard questions == 1, answer.count >= questionEnd else { return false }
    return answer[DNSMessage.headerBytes..<questionEnd].elementsEqual(question) {
      DNSMessage.lowercased($0) == DNSMessage.lowercased($1)
    }
  }
}
