import Glibc
import LinuxSystem
import Testing

@testable import Internet

@Suite("Datagrams together")
struct DatagramBatchTests {
  private let server: Descriptor
  private let client: Descriptor
  private let clientAddress: SocketAddress

  init() throws {
    let loopback = IPv4Address(bits: 0x7f00_0001)
    server = try InternetSocket.open(.udp, family: AF_INET, nonBlocking: true)
    client = try InternetSocket.open(.udp, family: AF_INET, nonBlocking: true)
    for socket in [server, client] { try InternetSocket.bind(socket, to: .ipv4(loopback, port: 0)) }
    clientAddress = try #require(try InternetSocket.localAddress(client))
  }

  private func ask(_ texts: [String]) throws {
    let address = try InternetSocket.localAddress(server)
    for text in texts { try DatagramSocket.send(client, Array(text.utf8), to: address) }
  }

  @Test func `all that wait are taken, a batch at a time, in their order`() throws {
    let texts = (0..<20).map { "question \($0)" }
    try ask(texts)
    var batch = DatagramBatch(limit: 64)
    var seen: [String] = []
    for expected in [8, 8, 4, 0] {
      let count = try batch.receive(from: server)
      #expect(count == expected)
      for index in 0..<count {
        let (bytes, sender) = try #require(batch.datagram(index))
        #expect(sender == clientAddress)
        seen.append(String(decoding: bytes, as: UTF8.self))
      }
    }
    #expect(seen == texts)
  }

  @Test func `a datagram that is too long is cut, an empty one is one`() throws {
    try ask(["0123456789", ""])
    var batch = DatagramBatch(limit: 4)
    #expect(try batch.receive(from: server) == 2)
    #expect(batch.datagram(0)?.bytes == Array("0123".utf8))
    #expect(batch.datagram(1)?.bytes.isEmpty == true)
  }

  @Test func `a socket that is none tells so`() throws {
    let pipe = try Descriptor.pipe()
    var batch = DatagramBatch(limit: 4)
    #expect(throws: SystemError(errno: ENOTSOCK, operation: "recvmmsg")) { try batch.receive(from: pipe.read) }
  }
}
