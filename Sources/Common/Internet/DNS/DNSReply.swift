/// The records of an answer that a server gave, as far as they can be followed by name and address.
///
/// Source: RFC 1035 section 4.1. Everything is bounds-checked; a compressed name points backwards only, so that reading ends.
public struct DNSReply: Sendable {
  public struct Record: Sendable, Equatable {
    /// Lower case; nil for names that no host has.
    public let owner: String?
    public let type: UInt16
    public let timeToLiveSeconds: UInt32
    /// Addresses and names of hosts; nil for records of other types.
    public let value: DNSAnswer.Value?
    /// Where the time to live is in the message.
    let timeOffset: Int
  }

  public let code: UInt8
  public let isTruncated: Bool
  /// Of the three sections, options excepted.
  public let answers: [Record]
  public let authority: [Record]
  public let additional: [Record]

  private static let maximumRecords = 4_096

  /// Nil where the message is malformed.
  public init?(parsing bytes: [UInt8]) {
    guard bytes.count >= DNSMessage.headerBytes, let flags = DNSMessage.number(bytes, at: 2),
      let questions = DNSMessage.number(bytes, at: 4), questions <= 1
    else { return nil }
    let counts = [6, 8, 10].compactMap { DNSMessage.number(bytes, at: $0).map(Int.init) }
    guard counts.count == 3, counts.reduce(0, +) <= Self.maximumRecords else { return nil }
    code = UInt8(flags & 15)
    isTruncated = flags & DNSMessage.flagTruncated != 0
    var position = DNSMessage.headerBytes
    if questions == 1 {
      guard let end = DNSMessage.endOfPlainName(bytes, at: position), end + 4 <= bytes.count else { return nil }
      position = end + 4
    }
    var sections: [[Record]] = []
    for count in counts {
      var records: [Record] = []
      for _ in 0..<count {
        guard let record = Self.record(bytes, at: &position) else { return nil }
        if record.type != DNSMessage.RecordType.opt { records.append(record) }
      }
      sections.append(records)
    }
    (answers, authority, additional) = (sections[0], sections[1], sections[2])
  }

  private static func record(_ bytes: [UInt8], at position: inout Int) -> Record? {
    guard let end = DNSMessage.endOfAnyName(bytes, at: position), let type = DNSMessage.number(bytes, at: end),
      let upper = DNSMessage.number(bytes, at: end + 4), let lower = DNSMessage.number(bytes, at: end + 6),
      let length = DNSMessage.number(bytes, at: end + 8), end + 10 + Int(length) <= bytes.count
    else { return nil }
    let start = position
    let data = (end + 10)..<(end + 10 + Int(length))
    position = data.upperBound
    var value: DNSAnswer.Value?
    switch type {
    case DNSMessage.RecordType.a:
      guard data.count == 4 else { return nil }
      value = .address(IPv4Address(bits: bytes[data].reduce(UInt32(0)) { $0 << 8 | UInt32($1) }))
    case DNSMessage.RecordType.aaaa:
      guard data.count == 16 else { return nil }
      value = .address6(IPv6Address(bits: bytes[data].reduce(UInt128(0)) { $0 << 8 | UInt128($1) }))
    case DNSMessage.RecordType.cname:
      guard DNSMessage.endOfAnyName(bytes, at: data.lowerBound) == data.upperBound else { return nil }
      value = DNSMessage.text(ofNameAt: data.lowerBound, in: bytes).map { .alias($0) }
    case DNSMessage.RecordType.ptr: value = DNSMessage.text(ofNameAt: data.lowerBound, in: bytes).map { .name($0) }
    default: break
    }
    return Record(
      owner: DNSMessage.text(ofNameAt: start, in: bytes), type: type,
      timeToLiveSeconds: UInt32(upper) << 16 | UInt32(lower), value: value, timeOffset: end + 4)
  }

  /// How long the answer may be kept: as its shortest-lived record, or where it says that there is nothing, as the zone's
  /// authority (RFC 2308, whose record tells it twice). Nil where it does not say.
  public var timeToLiveSeconds: UInt32? {
    if answers.isEmpty {
      return authority.filter { $0.type == DNSMessage.RecordType.soa }.map(\.timeToLiveSeconds).min()
    }
    return (answers + authority + additional).map(\.timeToLiveSeconds).min()
  }

  /// Where a question of this name ends up by aliases, with all records on the way: those of its end are of `type`.
  public func chain(from name: String, type: UInt16) -> [DNSAnswer.Record] {
    var found: [DNSAnswer.Record] = []
    var current = name
    // A circle of aliases has an end here, too.
    for _ in 0...answers.count {
      let here = answers.filter { $0.owner == current }
      found += here.filter { $0.type == type }.compactMap { $0.value }.map { DNSAnswer.Record($0, owner: current) }
      guard
        let alias = here.lazy.compactMap({ record -> String? in
          if case .alias(let target) = record.value { target } else { nil }
        }).first, type != DNSMessage.RecordType.cname
      else { break }
      found.append(DNSAnswer.Record(.alias(alias), owner: current))
      current = alias
    }
    return found
  }
}

extension DNSMessage {
  /// A name in lower case that may be compressed; nil where it is malformed or has characters that no host name has.
  static func text(ofNameAt offset: Int, in bytes: [UInt8]) -> String? {
    var labels: [String] = []
    var (position, limit, total) = (offset, offset, 0)
    while position < bytes.count {
      let length = Int(bytes[position])
      if length == 0 { return labels.joined(separator: ".") }
      if length & 0xc0 == 0xc0 {
        guard let pointer = number(bytes, at: position) else { return nil }
        position = Int(pointer & 0x3fff)
        guard position < limit else { return nil }
        limit = position
        continue
      }
      guard length <= maximumLabelBytes, position + 1 + length <= bytes.count else { return nil }
      let label = bytes[(position + 1)...(position + length)]
      total += length + 1
      guard total < maximumNameBytes, label.allSatisfy({ $0 > 32 && $0 < 127 && $0 != UInt8(ascii: ".") }) else {
        return nil
      }
      labels.append(String(decoding: label.map(lowercased), as: UTF8.self))
      position += 1 + length
    }
    return nil
  }
}
