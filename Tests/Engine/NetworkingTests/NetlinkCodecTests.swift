import TestNetwork
import Testing

@testable import LinuxSystem
@testable import Networking

@Suite("The netlink codec")
struct NetlinkCodecTests {
  @Test func `a message has its header, padded attributes and nested ones`() {
    var request = NetlinkRequest(type: 20, flags: Netlink.flagAcknowledge, header: [2, 24, 0, 0])
    request.attribute(3, string: "ab")
    request.nested(5) { $0.attribute(1, bigEndian: UInt16(0x1234)) }
    let expected: [UInt8] =
      [40, 0, 0, 0, 20, 0, 5, 0, 7, 0, 0, 0, 0, 0, 0, 0] + [2, 24, 0, 0] + [7, 0, 3, 0, 97, 98, 0, 0]
      + [12, 0, 5, 0x80, 6, 0, 1, 0, 0x12, 0x34, 0, 0]
    #expect(request.encoded(sequence: 7) == expected)
  }

  @Test func `set elements are laid out as registers`() {
    let key = NFTables.bytes(.interface("bhabcd"), .ipv4(0xac14_0002))
    #expect(key == Array("bhabcd".utf8) + [UInt8](repeating: 0, count: 10) + [172, 20, 0, 2])
    #expect(NFTables.bytes(.transport(6), .port(8080)) == [6, 0, 0, 0, 0x1f, 0x90, 0, 0])
    #expect(NFTables.bytes(.number(2)) == [2, 0, 0, 0])
    #expect(NFTables.bytes(.interface(String(repeating: "x", count: 40))).count == 16)
  }

  @Test func `elements are read back as they were written`() {
    let elements = [
      NFTables.Element(key: [1, 2, 3, 4], value: [5, 6, 7, 8]),
      NFTables.Element(key: [1, 2, 3, 4], keyEnd: [9, 9, 9, 9]),
      NFTables.Element(key: [1, 2, 3, 4], chain: "there"),
      NFTables.Element(key: [1, 2, 3, 4], chain: "there", comment: "default/web"),
    ]
    let request = NFTables.request(table: "t", NFTables.Change(.add, "s", elements))
    let reply = NetlinkReply(type: request.type, payload: request.payload[...])
    #expect(NFTables.decodeElements(reply) == elements)
  }

  @Test func `comments are laid out as nft reads them, and found among what else it keeps`() {
    #expect(NFTables.userData("a/b") == [0, 4, 97, 47, 98, 0])
    let long = String(repeating: "x", count: 300)
    #expect(NFTables.comment(NFTables.userData(long)[...]) == String(repeating: "x", count: 127))
    #expect(NFTables.comment([1, 4, 0, 0, 0, 1, 0, 2, 97, 0]) == "a")
    for broken: [UInt8] in [[], [0], [0, 9, 97, 0], [0, 1, 97], [0, 0], [1, 4, 0, 0, 0, 1]] {
      #expect(NFTables.comment(broken[...]) == nil, "\(broken)")
    }
  }

  @Test func `as many elements as one message has, with the longest names, fit into it`() {
    let element = NFTables.Element(
      key: [UInt8](repeating: 1, count: 12), chain: "sticky_" + String(repeating: "a", count: 32),
      comment: String(repeating: "x", count: NFTables.maximumCommentBytes))
    let change = NFTables.Change(.add, "s", [NFTables.Element](repeating: element, count: 256))
    #expect(NFTables.request(table: "t", change).payload.count < 1 << 16)
  }

  @Test func `errors carry their number and the kernel's words`() throws {
    // Error -17 with the request's header (capped), then NLMSGERR_ATTR_MSG.
    var bytes: [UInt8] = []
    bytes.append(native: UInt32(16 + 4 + 16 + 8))
    bytes.append(native: Netlink.messageError)
    bytes.append(native: UInt16(0x300))
    bytes.append(native: UInt32(9))
    bytes.append(native: UInt32(0))
    bytes.append(native: Int32(-17))
    bytes += [UInt8](repeating: 0, count: 16)
    bytes += [8, 0, 1, 0] + Array("why".utf8) + [0]
    var rest = bytes[...]
    let message = try #require(NetlinkEnvelope(&rest))
    #expect(message.errno == 17 && message.explanation == "why" && message.sequence == 9 && message.isFinal)
    #expect(rest.isEmpty)
  }

  /// A client may begin a connection from the same port again, which another one answers.
  @Test func `a connection that is to be forgotten is named by its answers`() throws {
    var listed = NetlinkRequest(type: 0x100, flags: 0, header: [2, 0, 0, 0])
    let answers = NetlinkRequest.tuple(from: [10, 244, 0, 2], to: [10, 0, 0, 1])
    listed.nested(1) { $0.raw(NetlinkRequest.tuple(from: [10, 0, 0, 1], to: [10, 96, 0, 7])) }
    listed.nested(2) { $0.raw(answers) }
    let entry = try #require(
      ConntrackNetlink.Entry(NetlinkReply(type: listed.type, payload: listed.payload[...])))
    #expect(entry.answers == [10, 244, 0, 2] && entry.target == [10, 96, 0, 7] && entry.asks == [10, 0, 0, 1])
    var expected = NetlinkRequest(type: 0x102, flags: Netlink.flagAcknowledge, header: [2, 0, 0, 0])
    expected.nested(2) { $0.raw(answers) }
    #expect(ConntrackNetlink.forget(entry).encoded(sequence: 1) == expected.encoded(sequence: 1))
  }

  @Test func `random bytes never break the readers`() {
    var random = SeededGenerator(seed: 0x4e4c)
    for _ in 0..<20_000 {
      let bytes = (0..<Int.random(in: 0...96, using: &random)).map { index -> UInt8 in
        // Small numbers make plausible lengths and types.
        index % 2 == 0 ? .random(in: 0...40, using: &random) : .random(in: 0...2, using: &random)
      }
      var rest = bytes[...]
      while let message = NetlinkEnvelope(&rest) { _ = (message.errno, message.explanation) }
      for type in [RouteNetlink.newLink, RouteNetlink.newAddress, RouteNetlink.newRoute, 0x0a0c, 0x0100] {
        let reply = NetlinkReply(type: type, payload: bytes[...])
        _ = (LinkRecord(reply), RouteRecord<UInt32>(reply), RouteRecord<UInt128>(reply), AddressRecord<UInt32>(reply))
        _ = (NFTables.decodeElements(reply), ConntrackNetlink.Entry(reply))
      }
    }
  }
}

extension NetlinkRequest {
  /// The attributes of a tuple of addresses.
  fileprivate static func tuple(from source: [UInt8], to target: [UInt8]) -> [UInt8] {
    var tuple = NetlinkRequest(type: 0, flags: 0, header: [])
    tuple.nested(1) { addresses in
      addresses.attribute(1, bytes: source)
      addresses.attribute(2, bytes: target)
    }
    return tuple.payload
  }
}
