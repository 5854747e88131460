/// Builds the answers that our name services give themselves.
public enum DNSAnswer {
  /// What a record says. Names have dots, without the last one.
  public enum Value: Sendable, Hashable {
    case address(IPv4Address)
    case address6(IPv6Address)
    /// The name of an address.
    case name(String)
    /// Another name of the same host.
    case alias(String)
    /// Where a service is (RFC 2782).
    case service(priority: UInt16, weight: UInt16, port: UInt16, target: String)
    /// At most 255 bytes.
    case text(String)
    /// Of whom a zone is, and how long it may be remembered that a name is not in it (RFC 2308).
    case authority(server: String, mailbox: String, serial: UInt32, minimumSeconds: UInt32)

    public var type: UInt16 {
      switch self {
      case .address: DNSMessage.RecordType.a
      case .address6: DNSMessage.RecordType.aaaa
      case .name: DNSMessage.RecordType.ptr
      case .alias: DNSMessage.RecordType.cname
      case .service: DNSMessage.RecordType.srv
      case .text: DNSMessage.RecordType.txt
      case .authority: DNSMessage.RecordType.soa
      }
    }

    /// Nil where a name cannot be written.
    var data: [UInt8]? {
      var bytes: [UInt8] = []
      switch self {
      case .address(let address): return address.octets
      case .address6(let address): return address.octets
      case .name(let name), .alias(let name): return DNSMessage.encode(name: name)
      case .service(let priority, let weight, let port, let target):
        guard let target = DNSMessage.encode(name: target) else { return nil }
        for number in [priority, weight, port] { bytes.append(big: number) }
        return bytes + target
      case .text(let text): return [UInt8(clamping: text.utf8.count)] + text.utf8.prefix(255)
      case .authority(let server, let mailbox, let serial, let minimum):
        guard let server = DNSMessage.encode(name: server), let mailbox = DNSMessage.encode(name: mailbox) else {
          return nil
        }
        bytes = server + mailbox
        // When others copy a zone, which nobody does with ours: refresh, retry, expiry.
        for number in [serial, 7_200, 1_800, 86_400, minimum] { bytes.append(big: number) }
        return bytes
      }
    }
  }

  /// A record of any name.
  public struct Record: Sendable, Hashable {
    /// Nil: the question's.
    public var owner: String?
    public var value: Value

    public init(_ value: Value, owner: String? = nil) {
      self.owner = owner
      self.value = value
    }
  }

  /// Seconds that a client may keep an answer: addresses change with every restart of a container.
  public static let timeToLiveSeconds: UInt32 = 5
  /// Addresses in one answer.
  public static let maximumRecords = 64

  /// An answer with records of the question's name.
  public static func make(
    to query: DNSQuery, _ values: [Value], code: DNSMessage.ResponseCode = .noError
  ) -> [UInt8] {
    make(to: query, answers: values.prefix(maximumRecords).map { Record($0) }, code: code)
  }

  /// An answer with the records of its three sections. What is too long for a message is left out from the end.
  ///
  /// - Parameter isAuthoritative: the names are of a zone that is ours.
  public static func make(
    to query: DNSQuery, answers: [Record], authority: [Record] = [], additional: [Record] = [],
    code: DNSMessage.ResponseCode = .noError, isAuthoritative: Bool = false
  ) -> [UInt8] {
    let flags = isAuthoritative ? DNSMessage.flagAuthoritative : 0
    var message = head(of: query, code: code, flags: flags)
    let end = DNSMessage.maximumBytes - (query.hasOptions ? optionsBytes : 0)
    for (section, records) in [answers, authority, additional].enumerated() {
      var count: UInt16 = 0
      for record in records {
        let start = message.count
        guard append(record, to: &message), message.count <= end else {
          message.removeSubrange(start...)
          continue
        }
        count += 1
      }
      write(count, to: &message, at: firstCount + 2 * section)
    }
    appendOptions(of: query, to: &message)
    return message
  }

  /// False where it cannot be written; some of it may have been.
  private static func append(_ record: Record, to message: inout [UInt8]) -> Bool {
    if let owner = record.owner {
      guard let name = DNSMessage.encode(name: owner) else { return false }
      message += name
    } else {
      // A pointer to the question's name.
      message.append(0xc0)
      message.append(UInt8(DNSMessage.headerBytes))
    }
    guard let data = record.value.data, data.count <= Int(UInt16.max) else { return false }
    message.append(big: record.value.type)
    message.append(big: DNSMessage.classInternet)
    message.append(big: timeToLiveSeconds)
    message.append(big: UInt16(data.count))
    message += data
    return true
  }

  /// An answer that only says that the whole one is too long for UDP.
  public static func truncated(to query: DNSQuery) -> [UInt8] {
    var message = head(of: query, code: .noError, flags: DNSMessage.flagTruncated)
    appendOptions(of: query, to: &message)
    return message
  }

  /// An answer to a message that could not be read.
  public static func refusal(_ code: DNSMessage.ResponseCode, id: UInt16) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.append(big: id)
    bytes.append(big: DNSMessage.flagResponse | UInt16(code.rawValue))
    return bytes + [UInt8](repeating: 0, count: 8)
  }

  /// Where the header has the number of the first section's records.
  private static let firstCount = 6
  /// Of an OPT record that says nothing but a size.
  private static let optionsBytes = 11
  /// Room for a usual answer.
  private static let usualBytes = 256

  /// The header, without records, and the question.
  private static func head(of query: DNSQuery, code: DNSMessage.ResponseCode, flags: UInt16) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(usualBytes)
    bytes.append(big: query.id)
    bytes.append(
      big: DNSMessage.flagResponse | query.flags & DNSMessage.flagRecursionDesired | DNSMessage.flagRecursionAvailable
        | UInt16(code.rawValue) | flags)
    bytes.append(big: UInt16(1))
    bytes.append(big: UInt32(0))
    bytes.append(big: UInt16(0))
    bytes += query.question
    return bytes
  }

  private static func write(_ number: UInt16, to message: inout [UInt8], at place: Int) {
    message[place] = UInt8(number >> 8)
    message[place + 1] = UInt8(number & 255)
  }

  /// Adds our own EDNS options where the client sent its, and counts them.
  private static func appendOptions(of query: DNSQuery, to message: inout [UInt8]) {
    guard query.hasOptions else { return }
    message.append(0)
    message.append(big: DNSMessage.RecordType.opt)
    message.append(big: UInt16(DNSMessage.maximumUDPBytes))
    message.append(big: UInt32(0))
    message.append(big: UInt16(0))
    let records = (DNSMessage.number(message, at: firstCount + 4) ?? 0) + 1
    write(records, to: &message, at: firstCount + 4)
  }
}

extension [UInt8] {
  /// This answer, or where the client cannot take it over UDP, one that says so.
  public func fitting(_ query: DNSQuery, over transport: TransportProtocol) -> [UInt8] {
    transport == .udp && count > query.udpLimit ? DNSAnswer.truncated(to: query) : self
  }

  /// Appends a number in network byte order.
  public mutating func append(big value: some FixedWidthInteger) {
    Swift.withUnsafeBytes(of: value.bigEndian) { append(contentsOf: $0) }
  }
}
