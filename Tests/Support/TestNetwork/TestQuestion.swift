import Glibc
import Internet
import LinuxSystem

/// Questions as clients of a name service send them. Blocking.
public enum TestQuestion {
  /// A query with one question.
  public static func bytes(
    _ name: String, type: UInt16 = DNSMessage.RecordType.a, id: UInt16 = 0x1234, udpBytes: UInt16? = nil
  ) -> [UInt8] {
    DNSQuery.message(asking: name, type: type, id: id, udpBytes: udpBytes) ?? []
  }

  /// Asks a server from the network namespace of the calling thread; throws where it is silent.
  public static func ask(
    _ server: IPv4Address, _ name: String, type: UInt16 = DNSMessage.RecordType.a,
    over transport: TransportProtocol = .udp, limit: UInt16? = nil, from local: IPv4Address = .any,
    patienceMilliseconds: Int = 3_000
  ) throws -> TestAnswer {
    let question = bytes(name, type: type, udpBytes: limit)
    let socket = try InternetSocket.open(transport, family: AF_INET, nonBlocking: false)
    try TestTraffic.limit(socket, milliseconds: patienceMilliseconds)
    if local != .any { try InternetSocket.bind(socket, to: .ipv4(local, port: 0)) }
    _ = try SocketAddress.ipv4(server, port: 53).withPointer { pointer, length in
      try systemCall("connect") { connect(socket.raw, pointer, length) }
    }
    var bytes = [UInt8](repeating: 0, count: 65_537)
    if transport == .udp {
      try socket.write(all: question)
      let count = try bytes.withUnsafeMutableBytes { try socket.read(into: $0) }
      return try TestAnswer(Array(bytes.prefix(count)))
    }
    var framed: [UInt8] = []
    framed.append(big: UInt16(question.count))
    try socket.write(all: framed + question)
    var received: [UInt8] = []
    while received.count < 2 || received.count < 2 + Int(received[0]) << 8 + Int(received[1]) {
      let count = try bytes.withUnsafeMutableBytes { try socket.read(into: $0) }
      if count == 0 { break }
      received += bytes.prefix(count)
    }
    return try TestAnswer(Array(received.dropFirst(2)))
  }
}

/// What a name service said.
public struct TestAnswer: Sendable, Equatable {
  public var code: UInt8
  public var isTruncated: Bool
  public var addresses: [String] = []
  /// Of addresses.
  public var names: [String] = []
  public var aliases: [String] = []

  public init(_ bytes: [UInt8]) throws {
    guard let reply = DNSReply(parsing: bytes) else { throw SystemError(errno: EBADMSG, operation: "dns") }
    code = reply.code
    isTruncated = reply.isTruncated
    for record in reply.answers {
      switch record.value {
      case .address(let address): addresses.append(address.description)
      case .address6(let address): addresses.append(address.description)
      case .name(let name): names.append(name)
      case .alias(let name): aliases.append(name)
      case .service, .authority, .text, nil: break
      }
    }
  }
}
