/// One netlink message under construction: a type, flags, a fixed header of its family and attributes.
///
/// Sequence numbers and the outer header are filled in by `NetlinkSocket`. Numbers are in host byte order unless a
/// method says otherwise. Source: netlink(7), `include/uapi/linux/netlink.h`.
public struct NetlinkRequest: Sendable {
  /// Message type (`RTM_*`, or subsystem and message for nfnetlink).
  public let type: UInt16
  /// Flags beside `NLM_F_REQUEST`, which is always set.
  public let flags: UInt16
  /// Family header and attributes, padded to four bytes.
  public private(set) var payload: [UInt8]

  /// A dump answers with many messages and ends with `NLMSG_DONE`; everything else ends with its acknowledgement.
  public var isDump: Bool { flags & Netlink.flagDump == Netlink.flagDump }

  public init(type: UInt16, flags: UInt16, header: [UInt8]) {
    self.type = type
    self.flags = flags
    payload = header
    pad()
  }

  /// Appends an attribute with raw bytes.
  public mutating func attribute(_ type: UInt16, bytes: some Collection<UInt8>) {
    precondition(bytes.count <= Int(UInt16.max) - Netlink.attributeHeaderSize, "attribute too long")
    payload.append(native: UInt16(Netlink.attributeHeaderSize + bytes.count))
    payload.append(native: type)
    payload.append(contentsOf: bytes)
    pad()
  }

  /// Appends a number in host byte order.
  public mutating func attribute(_ type: UInt16, _ value: some FixedWidthInteger) {
    withUnsafeBytes(of: value) { attribute(type, bytes: Array($0)) }
  }

  /// Appends a number in network byte order, as nfnetlink wants them.
  public mutating func attribute(_ type: UInt16, bigEndian value: some FixedWidthInteger) {
    attribute(type, value.bigEndian)
  }

  /// Appends a zero-terminated string.
  public mutating func attribute(_ type: UInt16, string: String) {
    attribute(type, bytes: Array(string.utf8) + [0])
  }

  /// Appends an attribute that holds others; sets `NLA_F_NESTED`.
  public mutating func nested(_ type: UInt16, _ body: (inout NetlinkRequest) -> Void) {
    let start = payload.count
    payload.append(native: UInt16(0))
    payload.append(native: type | Netlink.nestedFlag)
    body(&self)
    let length = payload.count - start
    precondition(length <= Int(UInt16.max), "nested attribute too long")
    withUnsafeBytes(of: UInt16(length)) { payload.replaceSubrange(start..<start + 2, with: $0) }
  }

  /// Appends raw bytes inside a nested attribute (a family header, as `VETH_INFO_PEER` starts with one).
  public mutating func raw(_ bytes: [UInt8]) {
    payload.append(contentsOf: bytes)
    pad()
  }

  private mutating func pad() {
    while payload.count % 4 != 0 { payload.append(0) }
  }

  /// The whole message with its header.
  func encoded(sequence: UInt32) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(Netlink.headerSize + payload.count)
    bytes.append(native: UInt32(Netlink.headerSize + payload.count))
    bytes.append(native: type)
    bytes.append(native: flags | Netlink.flagRequest)
    bytes.append(native: sequence)
    bytes.append(native: UInt32(0))
    bytes.append(contentsOf: payload)
    return bytes
  }
}

/// Constants of the netlink envelope.
public enum Netlink {
  public static let protocolRoute: Int32 = 0
  public static let protocolSocketDiagnosis: Int32 = 4
  public static let protocolNetfilter: Int32 = 12

  public static let flagRequest: UInt16 = 0x001
  public static let flagAcknowledge: UInt16 = 0x004
  public static let flagDump: UInt16 = 0x300
  public static let flagReplace: UInt16 = 0x100
  public static let flagExclusive: UInt16 = 0x200
  public static let flagCreate: UInt16 = 0x400
  public static let flagAppend: UInt16 = 0x800

  static let headerSize = 16
  static let attributeHeaderSize = 4
  static let nestedFlag: UInt16 = 0x8000
  static let typeMask: UInt16 = 0x3fff
  static let messageError: UInt16 = 2
  static let messageDone: UInt16 = 3
}

extension [UInt8] {
  /// Appends a number in host byte order.
  mutating func append(native value: some FixedWidthInteger) {
    Swift.withUnsafeBytes(of: value) { append(contentsOf: $0) }
  }
}
