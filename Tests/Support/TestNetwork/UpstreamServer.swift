import Glibc
import Internet
import LinuxSystem
import Synchronization

/// A name server outside, with a thread for each transport.
///
/// `short` has one address and `long` sixty, too many for UDP; `inside` and `service` have addresses that others may have; `silent` gets no answer, `forged` one to another
/// question, everything else does not exist.
public final class UpstreamServer: Sendable {
  private let datagrams: Descriptor
  private let streams: Descriptor
  private let executor: BlockingExecutor
  private let count = Counter()

  public init(in netns: Descriptor) throws {
    (datagrams, streams) = try NamespaceThread.run(entering: [netns]) {
      (try TestTraffic.listen(.udp, port: 53), try TestTraffic.listen(.tcp, port: 53))
    }
    executor = try BlockingExecutor(maxThreads: 2, name: "upstream")
    for socket in [datagrams, streams] { try TestTraffic.limit(socket, milliseconds: 60_000) }
    let (datagrams, streams, executor, count) = (datagrams, streams, executor, count)
    Task {
      try await executor.run {
        while let (bytes, sender) = try Self.receive(datagrams) {
          count.add()
          if let answer = Self.answer(to: bytes, limit: 512) { try DatagramSocket.send(datagrams, answer, to: sender) }
        }
      }
    }
    Task {
      try await executor.run {
        while true {
          let client = Descriptor(owning: try systemCall("accept") { accept(streams.raw, nil, nil) })
          count.add()
          try TestTraffic.limit(client)
          let bytes = try Self.read(client)
          guard let answer = Self.answer(to: Array(bytes.dropFirst(2)), limit: 65_535) else { continue }
          var framed: [UInt8] = []
          framed.append(big: UInt16(answer.count))
          try client.write(all: framed + answer)
        }
      }
    }
  }

  deinit {
    shutdown(datagrams.raw, Int32(SHUT_RDWR))
    shutdown(streams.raw, Int32(SHUT_RDWR))
    executor.shutdown()
  }

  public var questions: Int { count.value }

  private final class Counter: Sendable {
    private let state = Mutex(0)
    var value: Int { state.withLock { $0 } }
    func add() { state.withLock { $0 += 1 } }
  }

  private static func receive(_ socket: Descriptor) throws -> ([UInt8], SocketAddress)? {
    var storage = sockaddr_storage()
    var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
    var bytes = [UInt8](repeating: 0, count: 4_096)
    let count = try withUnsafeMutablePointer(to: &storage) { pointer in
      try pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { sender in
        try systemCall("recvfrom") { recvfrom(socket.raw, &bytes, bytes.count, 0, sender, &length) }
      }
    }
    guard count > 0, let sender = SocketAddress(storage) else { return nil }
    return (Array(bytes.prefix(count)), sender)
  }

  private static func read(_ socket: Descriptor) throws -> [UInt8] {
    var all: [UInt8] = []
    var bytes = [UInt8](repeating: 0, count: 4_096)
    while all.count < 2 || all.count < 2 + Int(all[0]) << 8 + Int(all[1]) {
      let count = try bytes.withUnsafeMutableBytes { try socket.read(into: $0) }
      if count == 0 { break }
      all += bytes.prefix(count)
    }
    return all
  }

  private static func answer(to bytes: [UInt8], limit: Int) -> [UInt8]? {
    guard let query = try? DNSQuery(parsing: bytes) else { return nil }
    switch query.name {
    case "short.example": return DNSAnswer.make(to: query, [.address(IPv4Address(bits: 0xc000_0201))])
    case "long.example":
      let answer = DNSAnswer.make(to: query, (1...60).map { .address(IPv4Address(bits: 0xc000_0200 + $0)) })
      return answer.count > limit ? DNSAnswer.truncated(to: query) : answer
    case "inside.example": return DNSAnswer.make(to: query, [.address(IPv4Address(bits: 0xac1e_0902))])
    case "service.example": return DNSAnswer.make(to: query, [.address(IPv4Address(bits: 0x0a60_0101))])
    case "silent.example": return nil
    case "forged.example":
      guard let other = try? DNSQuery(parsing: TestQuestion.bytes("other.example", id: query.id)) else { return nil }
      return DNSAnswer.make(to: other, [.address(.loopback)])
    default: return DNSAnswer.make(to: query, [], code: .noSuchName)
    }
  }
}
