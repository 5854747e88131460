import Glibc
import Isolation
import LinuxSystem
import Logging
import Model
import Synchronization
import Testing

@testable import ContainerEngine

/// A receiver of datagrams, or of one TCP connection, that takes what it is told to take.
private final class Receiver: Sendable {
  let path: String
  let socket: Descriptor
  let port: UInt16

  init(stream: Bool) throws {
    let path = "/tmp/log-receiver-\(UInt64.random(in: .min ... .max))"
    self.path = path
    let family = stream ? AF_INET : AF_UNIX
    let type = Int32(stream ? SOCK_STREAM.rawValue : SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
    let made = Descriptor(owning: try systemCall("socket") { Glibc.socket(family, type, 0) })
    socket = made
    if !stream {
      var address = sockaddr_un()
      address.sun_family = sa_family_t(AF_UNIX)
      withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
      try Self.bind(made, &address)
      port = 0
      return
    }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    try Self.bind(made, &address)
    try systemCall("listen") { listen(made.raw, 1) }
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    _ = withUnsafeMutablePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(made.raw, $0, &length) }
    }
    port = UInt16(bigEndian: address.sin_port)
  }

  deinit { unlink(path) }

  private static func bind<Address>(_ socket: Descriptor, _ address: inout Address) throws {
    let size = socklen_t(MemoryLayout<Address>.size)
    try withUnsafePointer(to: &address) { pointer in
      try pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
        _ = try systemCall("bind") { Glibc.bind(socket.raw, address, size) }
      }
    }
  }

  /// Reads once, from the first connection where there are connections.
  func read() throws -> String {
    let source = port == 0 ? socket : Descriptor(owning: try systemCall("accept") { accept(socket.raw, nil, nil) })
    var bytes = [UInt8](repeating: 0, count: 65_536)
    let count = try bytes.withUnsafeMutableBytes { try source.read(into: $0) }
    return String(decoding: bytes[..<count], as: UTF8.self)
  }
}

@Suite(.timeLimit(.minutes(1))) struct LogSendingTests {
  let poller: Poller
  let lookups: BlockingExecutor

  init() throws {
    poller = try Poller()
    lookups = try BlockingExecutor(maxThreads: 1, name: "test")
  }

  private func options(_ options: [String: String]) throws -> LogOptions {
    var log = LogSettings()
    log.driver = "syslog"
    log.options = options
    return try LogOptions(log, defaultDriver: "json-file")
  }

  @Test func messagesArriveWholeAndOnOneLine() async throws {
    let receiver = try Receiver(stream: false)
    let options = try options(["syslog-facility": "local0", "syslog-format": "rfc5424"])
    let socket = try LogSocket.local(receiver.path, poller: poller)
    let syslog = SyslogDestination(options: options, tag: "web 1", socket: socket)
    try await syslog.send(Array("one\ntwo".utf8), isError: true, time: 1_000_000_000)
    let text = try receiver.read()
    #expect(text.hasPrefix("<131>1 1970-01-01T00:00:01Z "))
    #expect(text.hasSuffix(" web1 - one two"))
  }

  @Test func tcpMessagesEndWithALineFeed() async throws {
    let receiver = try Receiver(stream: true)
    let address = SyslogAddress.remote(host: "127.0.0.1", port: receiver.port, stream: true)
    let socket = try await LogSocket.open(address, poller: poller, lookups: lookups)
    try await socket.send(Array("hello".utf8))
    #expect(try receiver.read() == "hello\n")
  }

  @Test func aReceiverThatTakesNothingFailsInsteadOfBlocking() async throws {
    let receiver = try Receiver(stream: false)
    var socket = try LogSocket.local(receiver.path, poller: poller)
    socket.patienceSeconds = 0.02
    let held = socket
    await #expect(throws: LogTimeout.self) {
      for _ in 0..<100_000 { try await held.send([UInt8](repeating: 65, count: 1_000)) }
    }
    // What it took then goes on.
    for _ in 0..<2 { _ = try receiver.read() }
    try await held.send([66])
  }

  @Test func aReceiverThatIsAwayIsNamed() async throws {
    let free = try Receiver(stream: true).port
    for address in [
      SyslogAddress.local(path: "/nonexistent/log"), .remote(host: "127.0.0.1", port: free, stream: true),
    ] {
      let error = await #expect(throws: PlatformError.self) {
        _ = try await LogSocket.open(address, poller: poller, lookups: lookups)
      }
      #expect(error?.code == .unavailable)
      #expect(error?.message.contains("\(address)") == true)
    }
  }

  @Test func journalFieldsCannotPretend() throws {
    #expect(JournalDestination.field("A", Array("b".utf8)) == Array("A=b\n".utf8))
    #expect(
      JournalDestination.field("A", Array("b\nPRIORITY=0".utf8))
        == Array("A\n".utf8) + [12, 0, 0, 0, 0, 0, 0, 0] + Array("b\nPRIORITY=0\n".utf8))
    #expect(JournalDestination.name("com.example.team") == "COM_EXAMPLE_TEAM")
    #expect(JournalDestination.name("__9é_a") == "A")
    #expect(JournalDestination.name("-_1") == nil)
  }

  @Test func theJournalGetsTheAttributes() async throws {
    let receiver = try Receiver(stream: false)
    let record = try LogKeepingTests.record("journald", [:])
    let journal = try JournalDestination(
      record: record, tag: "t", attributes: ["team": "a", "container_name": "other", "message": "forged"],
      poller: poller, path: receiver.path)
    try await journal.send(Array("hello".utf8), isError: false, time: 0)
    let lines = try receiver.read().split(separator: "\n").map(String.init)
    #expect(lines.contains("MESSAGE=hello") && lines.contains("PRIORITY=6") && lines.contains("TEAM=a"))
    #expect(lines.filter { $0.hasPrefix("CONTAINER_NAME=") } == ["CONTAINER_NAME=n"])
    #expect(lines.filter { $0.hasPrefix("MESSAGE=") }.count == 1)
  }

  // MARK: the forwarder

  /// Fails a number of times, then takes everything.
  private final class Memory: LogDestination {
    let lines = Mutex<[String]>([])
    let connections = Atomic<Int>(0)
    func send(_ line: [UInt8], isError: Bool, time: Int64) async throws {
      let text = String(decoding: line, as: UTF8.self)
      if text == "long" { throw SystemError(errno: EMSGSIZE, operation: "send") }
      lines.withLock { $0.append(text) }
    }
  }

  @Test func whatIsTooLongIsLeftOutAndTheMarkGoesOn() async throws {
    let folder = "/tmp/log-forward-\(UInt64.random(in: .min ... .max))"
    try FileSystem.makeDirectory(folder, mode: 0o700)
    defer { try? FileSystem.removeTree(folder) }
    let files = LogFiles(path: "\(folder)/container.log")
    let log = ["a", "long", "b"].enumerated().map { "1970-01-01T00:00:0\($0 + 1)Z stdout F \($1)\n" }.joined()
    try FileSystem.atomicWrite(files.path, Array(log.utf8), durable: false)
    let memory = Memory()
    for _ in 0..<2 {
      let forwarder = LogForwarder(
        name: "test", reader: { [poller] in LogReader(files: files, query: $0, poller: poller) { true } },
        markPath: "\(folder)/mark", connect: { memory }, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
      )
      await forwarder.run()
    }
    // The second round begins behind the mark of the first.
    #expect(memory.lines.withLock { $0 } == ["a", "b"])
    #expect(try FileSystem.read("\(folder)/mark", maxBytes: 32) == Array("3000000000".utf8))
  }
}
