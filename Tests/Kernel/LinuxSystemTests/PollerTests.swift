import Glibc
import Testing

@testable import LinuxSystem

@Suite(.timeLimit(.minutes(1))) struct PollerTests {
  private let poller: Poller

  init() throws {
    Signals.ignoreBrokenPipe()
    poller = try Poller()
  }

  @Test func pipesCarryMoreThanTheyHold() async throws {
    let (read, write) = try Descriptor.pipe()
    let reader = try AsyncDescriptor(read, poller: poller)
    let writer = try AsyncDescriptor(write, poller: poller)
    let bytes = (0..<1_000_000).map { UInt8(truncatingIfNeeded: $0 / 3) }
    async let sent: Void = writer.write(bytes)
    var received: [UInt8] = []
    while received.count < bytes.count { received += try await reader.read(4096) }
    try await sent
    #expect(received == bytes)
  }

  @Test func theEndIsEmpty() async throws {
    func pipeWithoutWriter() throws -> Descriptor {
      let (read, write) = try Descriptor.pipe()
      try write.write(all: [1])
      return read
    }
    let reader = try AsyncDescriptor(pipeWithoutWriter(), poller: poller)
    #expect(try await reader.read(10) == [1])
    #expect(try await reader.read(10) == [])
  }

  @Test func waitsCanBeCancelled() async throws {
    let (read, write) = try Descriptor.pipe()
    let reader = try AsyncDescriptor(read, poller: poller)
    for _ in 0..<100 {
      let task = Task { try await reader.read(1) }
      task.cancel()
      await #expect(throws: CancellationError.self) { try await task.value }
    }
    try write.write(all: [7])
    #expect(try await reader.read(1) == [7])
  }

  @Test func cancellingOneWaiterLeavesTheOthers() async throws {
    let (near, far) = try UnixSocket.pair()
    try near.setNonBlocking(true)
    let number = near.raw
    let poller = poller
    let started = AsyncStream<Void>.makeStream()
    let readers = (0..<3).map { _ in
      Task {
        started.continuation.yield()
        try await poller.waitReadable(number)
      }
    }
    var iterator = started.stream.makeAsyncIterator()
    for _ in readers { await iterator.next() }
    readers[1].cancel()
    await #expect(throws: CancellationError.self) { try await readers[1].value }
    try await poller.waitWritable(number)
    try far.write(all: [1])
    try await readers[0].value
    try await readers[2].value
    withExtendedLifetime(near) {}
  }

  @Test func aReusedNumberIsAnotherFile() async throws {
    let poller = poller
    var old: Descriptor? = try Descriptor.pipe().read
    let (quietRead, quietWrite) = try Descriptor.pipe()
    let number = try #require(old).raw
    // Put something quiet at the number first, so that the wait lasts.
    try systemCall("dup2") { dup2(quietRead.raw, number) }
    let first = Task { try await poller.waitReadable(number) }
    try await Self.untilWaiting(poller, number)
    let (busyRead, busyWrite) = try Descriptor.pipe()
    try busyWrite.write(all: [1])
    try systemCall("dup2") { dup2(busyRead.raw, number) }
    // The kernel keys its registrations by file and number: this one is new to it.
    try await poller.waitReadable(number)
    await #expect(throws: SystemError(errno: EBADF, operation: "poll", subject: "\(number)")) { try await first.value }
    withExtendedLifetime((quietRead, quietWrite, busyRead, busyWrite)) {}
    old = nil
  }

  /// Returns when a wait for reading is registered.
  private static func untilWaiting(_ poller: Poller, _ fd: Int32) async throws {
    while poller.waiterCount(fd) == 0 { await Task.yield() }
  }

  @Test func badAndAlwaysReadyDescriptors() async throws {
    await #expect(throws: SystemError(errno: EBADF, operation: "epoll_ctl", subject: "9999")) {
      try await poller.waitReadable(9999)
    }
    await #expect(throws: SystemError(errno: EBADF, operation: "epoll_ctl", subject: "-1")) {
      try await poller.waitReadable(-1)
    }
    let file = try Descriptor.open("/etc/passwd", flags: O_RDONLY)
    try await poller.waitReadable(file.raw)
    withExtendedLifetime(file) {}
  }

  @Test func shutdownCancelsWaits() async throws {
    let (read, write) = try Descriptor.pipe()
    let poller = poller
    let task = Task { try await poller.waitReadable(read.raw) }
    try await Self.untilWaiting(poller, read.raw)
    poller.shutdown()
    await #expect(throws: CancellationError.self) { try await task.value }
    await #expect(throws: CancellationError.self) { try await poller.waitReadable(read.raw) }
    withExtendedLifetime((read, write)) {}
  }

  @Test func messagesStayWhole() async throws {
    let (near, far) = try UnixSocket.pair(type: .seqpacket)
    let left = try AsyncDescriptor(near, poller: poller)
    let right = try AsyncDescriptor(far, poller: poller)
    try await left.write([1, 2, 3])
    try await left.write([4])
    #expect(try await right.read(100) == [1, 2, 3])
    #expect(try await right.read(100) == [4])
    try await left.write([UInt8](repeating: 9, count: 50))
    await #expect(throws: SystemError(errno: EMSGSIZE, operation: "recv")) { try await right.read(49) }
    try left.shutdownWrite()
    #expect(try await right.read(1) == [])
  }

  @Test func writingToNobodyIsAnError() async throws {
    let poller = poller
    func socketWithoutPeer() throws -> AsyncDescriptor {
      try AsyncDescriptor(UnixSocket.pair().0, poller: poller)
    }
    let left = try socketWithoutPeer()
    await #expect(throws: SystemError(errno: EPIPE, operation: "send")) { try await left.write([1]) }
  }

  @Test func aClosedTerminalIsTheEnd() async throws {
    func masterOfAClosedTerminal() throws -> Descriptor {
      let pty = try Pty.open()
      try Pty.setSize(pty.master, TerminalSize(columns: 100, rows: 30))
      #expect(try Pty.size(pty.slave) == TerminalSize(columns: 100, rows: 30))
      try pty.slave.write(all: Array("out".utf8))
      return pty.master
    }
    let master = try AsyncDescriptor(masterOfAClosedTerminal(), poller: poller)
    #expect(text(try await master.read(100)) == "out")
    #expect(try await master.read(100) == [])
  }

  @Test func processesAreAwaited() async throws {
    let process = try LinuxProcessSpawner().spawn(
      ProcessRequest(executable: "/bin/sh", arguments: ["sh", "-c", "exit 5"]))
    #expect(try await poller.waitExit(process) == .exited(5))
  }
}
