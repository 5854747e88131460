/// The parts of DNS messages that name services look at. Source: RFC 1035 section 4, RFC 6891 (EDNS).
///
/// Everything read is bounds-checked; names in questions must be uncompressed, as every client sends them.
public enum DNSMessage {
  public static let headerBytes = 12
  /// The largest answer over UDP for a client that does not say otherwise.
  public static let plainUDPBytes = 512
  /// The most that we send and take over UDP.
  public static let maximumUDPBytes = 4_096
  public static let maximumBytes = 65_535
  public static let maximumNameBytes = 255
  public static let maximumLabelBytes = 63
  /// Records looked through for the client's EDNS options.
  public static let maximumAdditionalRecords = 16

  public enum RecordType {
    public static let a: UInt16 = 1
    public static let cname: UInt16 = 5
    public static let soa: UInt16 = 6
    public static let ptr: UInt16 = 12
    public static let txt: UInt16 = 16
    public static let aaaa: UInt16 = 28
    public static let srv: UInt16 = 33
    public static let opt: UInt16 = 41
    public static let svcb: UInt16 = 64
    public static let https: UInt16 = 65
    public static let any: UInt16 = 255
  }

  public enum ResponseCode: UInt8, Sendable {
    case noError = 0
    case formatError = 1
    case serverFailure = 2
    case noSuchName = 3
    case notImplemented = 4
    case refused = 5
  }

  public static let classInternet: UInt16 = 1
  public static let flagResponse: UInt16 = 0x8000
  public static let flagAuthoritative: UInt16 = 0x0400
  public static let flagTruncated: UInt16 = 0x0200
  public static let flagRecursionDesired: UInt16 = 0x0100
  public static let flagRecursionAvailable: UInt16 = 0x0080

  public static func number(_ bytes: some RandomAccessCollection<UInt8>, at offset: Int) -> UInt16? {
    guard offset >= 0, offset + 2 <= bytes.count else { return nil }
    let index = bytes.index(bytes.startIndex, offsetBy: offset)
    return UInt16(bytes[index]) << 8 | UInt16(bytes[bytes.index(after: index)])
  }

  /// The offset after an uncompressed name that starts at `offset`; nil where it is malformed.
  public static func endOfPlainName(_ bytes: [UInt8], at offset: Int) -> Int? {
    var position = offset
    while position < bytes.count {
      let length = Int(bytes[position])
      if length == 0 {
        let end = position + 1
        return end - offset <= maximumNameBytes ? end : nil
      }
      guard length <= maximumLabelBytes, position + 1 + length < bytes.count else { return nil }
      position += 1 + length
      guard position - offset < maximumNameBytes else { return nil }
    }
    return nil
  }

  /// The offset after a name that may end in a compression pointer, which is not followed.
  public static func endOfAnyName(_ bytes: [UInt8], at offset: Int) -> Int? {
    var position = offset
    while position < bytes.count {
      let length = Int(bytes[position])
      if length == 0 { return position + 1 }
      if length & 0xc0 == 0xc0 { return position + 2 <= bytes.count ? position + 2 : nil }
      guard length <= maximumLabelBytes else { return nil }
      position += 1 + length
      guard position - offset < maximumNameBytes else { return nil }
    }
    return nil
  }

  /// A name in lower case with dots between the labels; nil where a label has characters that no host name has.
  public static func text(ofPlainName bytes: ArraySlice<UInt8>) -> String? {
    var isName = true
    let text = String(unsafeUninitializedCapacity: bytes.count) { buffer in
      var written = 0
      var left = 0
      for byte in bytes {
        if left == 0 {
          if byte == 0 { break }
          left = Int(byte)
          // The length of any label but the first takes the place of the dot.
          guard written > 0 else { continue }
          buffer[written] = UInt8(ascii: ".")
        } else {
          left -= 1
          isName = isName && byte > 32 && byte < 127 && byte != UInt8(ascii: ".")
          buffer[written] = lowercased(byte)
        }
        written += 1
      }
      return isName ? written : 0
    }
    return isName ? text : nil
  }

  /// The wire form of a name with dots; nil where a label is empty or too long.
  public static func encode(name: String) -> [UInt8]? {
    var bytes: [UInt8] = []
    for label in name.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false) {
      guard !label.isEmpty, label.count <= maximumLabelBytes else { return nil }
      bytes.append(UInt8(label.count))
      bytes += label
    }
    bytes.append(0)
    return bytes.count <= maximumNameBytes ? bytes : nil
  }

  public static func lowercased(_ byte: UInt8) -> UInt8 { (65...90).contains(byte) ? byte + 32 : byte }
}
