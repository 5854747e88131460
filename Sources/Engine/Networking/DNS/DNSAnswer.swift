/// Builds the answers that the engine gives itself.
enum DNSAnswer {
  /// What a record says.
  enum Value: Sendable, Equatable {
    case address(IPv4Address)
    case address6(IPv6Address)
    /// A host name with dots, without the last one.
    case name(String)
  }

  /// Seconds that a client may keep an answer: addresses change with every restart of a container.
  static let timeToLiveSeconds: UInt32 = 5
  /// Addresses in one answer.
  static let maximumRecords = 64

  /// An answer with records of the question's name.
  static func make(to query: DNSQuery, _ values: [Value], code: DNSMessage.ResponseCode = .noError) -> [UInt8] {
    var records: [UInt8] = []
    var count: UInt16 = 0
    for value in values.prefix(maximumRecords) {
      let type: UInt16
      let data: [UInt8]
      switch value {
      case .address(let address):
        type = DNSMessage.RecordType.a
        data = address.octets
      case .address6(let address):
        type = DNSMessage.RecordType.aaaa
        data = address.octets
      case .name(let name):
        guard let encoded = DNSMessage.encode(name: name) else { continue }
        type = DNSMessage.RecordType.ptr
        data = encoded
      }
      // The name is a pointer to the question.
      records += [0xc0, UInt8(DNSMessage.headerBytes)]
      records.append(big: type)
      records.append(big: DNSMessage.classInternet)
      records.append(big: timeToLiveSeconds)
      records.append(big: UInt16(data.count))
      records += data
      count += 1
    }
    return header(to: query, code: code, answers: count) + query.question + records + options(of: query)
  }

  /// An answer that only says that the whole one is too long for UDP.
  static func truncated(to query: DNSQuery) -> [UInt8] {
    header(to: query, code: .noError, answers: 0, extra: DNSMessage.flagTruncated) + query.question + options(of: query)
  }

  /// An answer to a message that could not be read.
  static func refusal(_ code: DNSMessage.ResponseCode, id: UInt16) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.append(big: id)
    bytes.append(big: DNSMessage.flagResponse | UInt16(code.rawValue))
    return bytes + [UInt8](repeating: 0, count: 8)
  }

  private static func header(
    to query: DNSQuery, code: DNSMessage.ResponseCode, answers: UInt16, extra: UInt16 = 0
  ) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.append(big: query.id)
    bytes.append(
      big: DNSMessage.flagResponse | query.flags & DNSMessage.flagRecursionDesired | DNSMessage.flagRecursionAvailable
        | UInt16(code.rawValue) | extra)
    bytes.append(big: UInt16(1))
    bytes.append(big: answers)
    bytes.append(big: UInt16(0))
    bytes.append(big: UInt16(query.hasOptions ? 1 : 0))
    return bytes
  }

  /// Our own EDNS options, where the client sent its.
  private static func options(of query: DNSQuery) -> [UInt8] {
    guard query.hasOptions else { return [] }
    var bytes: [UInt8] = [0]
    bytes.append(big: DNSMessage.RecordType.opt)
    bytes.append(big: UInt16(DNSMessage.maximumUDPBytes))
    return bytes + [UInt8](repeating: 0, count: 6)
  }
}

extension [UInt8] {
  /// Appends a number in network byte order.
  mutating func append(big value: some FixedWidthInteger) {
    Swift.withUnsafeBytes(of: value.bigEndian) { append(contentsOf: $0) }
  }
}
