import Glibc
import HTTPServing
import LinuxSystem
import Logging
import Testing

@testable import KubernetesAPI
@testable import PodStreams

@Suite("Forwarded connections", .timeLimit(.minutes(1))) struct ForwardPumpTests {
  /// A client's frames.
  private final class Frames {
    private let packer: HeaderPacker

    init() throws { packer = try HeaderPacker() }

    /// A connection's two streams, the second of which is its number.
    func connect(_ data: Int, port: Int) -> [UInt8] {
      [("error", data - 2), ("data", data)].flatMap { kind, stream in
        control(
          1,
          stream.bigEndianBytes(4) + [0, 0, 0, 0, 0, 0]
            + packer.pack(["streamtype": kind, "port": "\(port)", "requestid": "\(data)"]))
      }
    }

    func data(_ stream: Int, _ bytes: [UInt8]) -> [UInt8] {
      stream.bigEndianBytes(4) + [0] + bytes.count.bigEndianBytes(3) + bytes
    }

    func reset(_ stream: Int) -> [UInt8] { control(3, stream.bigEndianBytes(4) + 5.bigEndianBytes(4)) }

    private func control(_ kind: Int, _ body: [UInt8]) -> [UInt8] {
      [0x80, 3] + kind.bigEndianBytes(2) + [0] + body.count.bigEndianBytes(3) + body
    }
  }

  /// Answers every request by taking its connection over.
  private struct Taker: HTTPResponder {
    let take: @Sendable (HijackedStream) async throws -> Void
    func respond(to request: HTTPRequest) async throws -> HTTPResponse { HTTPResponse(body: .hijack(take)) }
  }

  private static func serve(
    _ path: String, _ take: @escaping @Sendable (HijackedStream) async throws -> Void
  ) async throws -> HTTPServer {
    let errors = ErrorMapper(contentType: "text/plain", classify: { _ in nil }) { _, text in Array(text.utf8) }
    let server = HTTPServer(
      responder: Taker(take: take), errors: errors, executor: try BlockingExecutor(name: "forward-test"),
      logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    try await server.listen(unixSocketPath: path, mode: 0o600)
    return server
  }

  /// A session with a pod, and the client's end of it.
  /// - Parameters:
  ///   - pod: what the pod does with a connection.
  ///   - isReady: waits before a port is connected to.
  private static func with(
    bound: FairBound = FairBound(each: 8, all: 8),
    pod: @escaping @Sendable (HijackedStream) async throws -> Void,
    isReady: @escaping @Sendable (UInt16) async -> Void = { _ in },
    _ test: (UpgradedConnection, Frames) async throws -> Void
  ) async throws {
    let base = "/tmp/kube-forward-\(getpid())-\(UInt32.random(in: 0...UInt32.max))"
    let poller = try Poller()
    let node = try await serve(base + "-node", pod)
    let api = try await serve(base + "-api") { client in
      let pump = ForwardPump(client: client, place: { bound.take("user") }) { port in
        await isReady(port)
        return try await UpgradedConnection.open(socket: base + "-node", target: "/", poller: poller)
      }
      try await pump.run(isTunnelled: false)
    }
    let result: Result<Void, any Error>
    do {
      let client = try await UpgradedConnection.open(socket: base + "-api", target: "/", poller: poller)
      result = .success(try await test(client, try Frames()))
    } catch { result = .failure(error) }
    await api.shutdown(gracefulSeconds: 0)
    await node.shutdown(gracefulSeconds: 0)
    poller.shutdown()
    try result.get()
  }

  /// Frames of data as they come, by their streams, until one has so many bytes.
  private static func read(_ client: UpgradedConnection, _ stream: Int, atLeast count: Int) async throws -> [UInt8] {
    var (buffer, found): ([UInt8], [UInt8]) = ([], [])
    while found.count < count {
      let bytes = try await client.read()
      guard !bytes.isEmpty else { return found }
      buffer += bytes
      while buffer.count >= 8 {
        let length = buffer[5..<8].reduce(0) { $0 << 8 | Int($1) }
        guard buffer.count >= 8 + length else { break }
        if buffer[0] & 0x80 == 0, buffer[0..<4].reduce(0, { $0 << 8 | Int($1) }) == stream {
          found += buffer[8..<(8 + length)]
        }
        buffer.removeFirst(8 + length)
      }
    }
    return found
  }

  private static let echo: @Sendable (HijackedStream) async throws -> Void = { stream in
    while let bytes = try await stream.read() { try await stream.write(bytes) }
  }

  @Test func aConnectionThatIsSlowToOpenHoldsNoOtherUp() async throws {
    let (opened, opens) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
    try await Self.with(
      pod: Self.echo, isReady: { port in if port == 1 { for await _ in opened { break } } }
    ) { client, frames in
      try await client.write(frames.connect(3, port: 1) + frames.data(3, [7, 7]))
      try await client.write(frames.connect(7, port: 2) + frames.data(7, [1, 2, 3]))
      #expect(try await Self.read(client, 7, atLeast: 3) == [1, 2, 3])
      opens.yield()
      // What was sent before it was open is not lost.
      #expect(try await Self.read(client, 3, atLeast: 2) == [7, 7])
    }
  }

  @Test func aConnectionThatItsClientGaveUpIsReadNoMore() async throws {
    let (ended, ends) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
    try await Self.with(
      bound: FairBound(each: 1, all: 1),
      pod: { stream in
        defer { ends.yield() }
        guard let first = try await stream.read(), first == [1] else { return try await Self.echo(stream) }
        while true { try await stream.write([UInt8](repeating: 9, count: 4_096)) }
      }
    ) { client, frames in
      try await client.write(frames.connect(3, port: 80) + frames.data(3, [1]))
      _ = try await Self.read(client, 3, atLeast: 8_192)
      try await client.write(frames.reset(3))
      for await _ in ended { break }
    }
  }

  @Test func connectionsBeyondAUsersShareAreRefused() async throws {
    try await Self.with(bound: FairBound(each: 1, all: 8), pod: Self.echo) { client, frames in
      try await client.write(frames.connect(3, port: 80) + frames.data(3, [1]))
      #expect(try await Self.read(client, 3, atLeast: 1) == [1])
      try await client.write(frames.connect(7, port: 80))
      let reason = try await Self.read(client, 5, atLeast: 10)
      #expect(String(decoding: reason, as: UTF8.self).contains("too many streams"))
    }
  }

  @Test func inputThatNobodyTakesIsHeldBack() async throws {
    let input = ForwardInput()
    let sent = Task { await input.put([UInt8](repeating: 1, count: 3 * ForwardInput.maxBytes)) }
    var count = 0
    while count < 3 * ForwardInput.maxBytes {
      let piece = try #require(await input.next())
      #expect(piece.count <= ForwardInput.maxBytes)
      count += piece.count
    }
    await sent.value
    await input.end()
    #expect(await input.next() == nil)
  }

  @Test func inputOfAConnectionThatIsOverIsDropped() async {
    let input = ForwardInput()
    let sent = Task { await input.put([UInt8](repeating: 1, count: 2 * ForwardInput.maxBytes)) }
    await input.close()
    await sent.value
    #expect(await input.next() == nil)
  }
}
