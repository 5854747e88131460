import LinuxSystem
import NIOCore

/// The bytes of a request's body, as they arrive. What nobody asks for is not read from the socket.
///
/// One reader at a time. Bytes left when the answer was sent are thrown away within a bound.
public final class RequestBody: Sendable, AsyncSequence {
  public typealias Element = ByteBuffer

  private struct State {
    var decoder: BodyDecoder
    var buffer = ByteBuffer()
    var awaitsContinue: Bool
    var isFinished: Bool
    var isAborted = false
  }

  private let state: Locked<State>
  let connection: ConnectionIO?
  private let configuration: HTTPServerConfiguration
  /// The length announced, or nil for a chunked body.
  public let announcedLength: Int?

  init(
    framing: BodyFraming, expectsContinue: Bool, connection: ConnectionIO?, configuration: HTTPServerConfiguration
  ) {
    self.connection = connection
    self.configuration = configuration
    switch framing {
    case .none: announcedLength = 0
    case .length(let count): announcedLength = count
    case .chunked: announcedLength = nil
    }
    state = Locked(
      State(
        decoder: BodyDecoder(framing: framing, configuration: configuration), awaitsContinue: expectsContinue,
        isFinished: framing == .none))
  }

  /// A body that is already here, for tests and for requests made inside the program.
  public convenience init(bytes: [UInt8] = []) {
    self.init(
      framing: bytes.isEmpty ? .none : .length(bytes.count), expectsContinue: false, connection: nil,
      configuration: HTTPServerConfiguration())
    state.withLock { _ = $0.buffer.writeBytes(bytes) }
  }

  /// True where no byte is to come any more.
  public var isFinished: Bool { state.withLock { $0.isFinished } }

  /// The next piece, or nil at the end. Throws `HTTPRefusal` for bad framing, `ClientDisconnected` for a body cut short.
  public func next() async throws -> ByteBuffer? {
    try await next(withinMilliseconds: configuration.streamIdleTimeoutMilliseconds)
  }

  /// `next` that waits a given time at most; throws `HTTPRefusal` (408) beyond it.
  public func next(withinMilliseconds patience: Int64) async throws -> ByteBuffer? {
    while true {
      switch try step() {
      case .piece(let piece): return piece
      case .end: return nil
      case .needsMore:
        guard let connection else { throw ClientDisconnected() }
        try await sendContinueIfAwaited(connection)
        let isArmed = connection.armIdleDeadline(patience)
        defer { if isArmed { connection.clearDeadline() } }
        guard let bytes = try await connection.read() else { throw aborted() }
        append(bytes)
      }
    }
  }

  /// The whole body. Throws `HTTPRefusal`: 413 beyond `limit` bytes, 408 when it took too long.
  public func collect(limit: Int) async throws -> [UInt8] {
    if let announcedLength, announcedLength > limit { throw tooLarge(limit) }
    connection?.beginWait(configuration.collectTimeoutMilliseconds)
    defer { connection?.clearDeadline() }
    var bytes: [UInt8] = []
    while let piece = try await next() {
      guard bytes.count + piece.readableBytes <= limit else { throw tooLarge(limit) }
      bytes.append(contentsOf: piece.readableBytesView)
    }
    return bytes
  }

  /// The next piece, or nil at the end; blocks the thread. Only for threads that may block, never an event loop's.
  @available(*, noasync)
  public func nextBlocking() throws -> ByteBuffer? {
    while true {
      switch try step() {
      case .piece(let piece): return piece
      case .end: return nil
      case .needsMore:
        guard let connection else { throw ClientDisconnected() }
        if takeContinue() { try connection.writeBlocking(Self.continueLine) }
        let isArmed = connection.armIdleDeadline(configuration.streamIdleTimeoutMilliseconds)
        defer { if isArmed { connection.clearDeadline() } }
        guard let bytes = try connection.readBlocking() else { throw aborted() }
        append(bytes)
      }
    }
  }

  /// Throws away what is left. False where that is more than `limit` bytes or the client waits for a go-ahead:
  /// the connection cannot be used for another request.
  func discard(limit: Int) async throws -> Bool {
    let (isFinished, isBlocked) = state.withLock { ($0.isFinished, $0.awaitsContinue || $0.isAborted) }
    if isFinished { return true }
    if isBlocked || (announcedLength ?? 0) > limit { return false }
    connection?.beginWait(configuration.collectTimeoutMilliseconds)
    defer { connection?.clearDeadline() }
    var count = 0
    while let piece = try await next() {
      count += piece.readableBytes
      if count > limit { return false }
    }
    return true
  }

  private func step() throws -> BodyDecoder.Step {
    let (step, rest) = try state.withLock { state -> (BodyDecoder.Step, ByteBuffer?) in
      if state.isFinished { return (.end, nil) }
      if state.isAborted { throw ClientDisconnected() }
      let step = try state.decoder.next(&state.buffer)
      guard step == .end else { return (step, nil) }
      state.isFinished = true
      let rest = state.buffer
      state.buffer = ByteBuffer()
      return (step, rest.readableBytes > 0 ? rest : nil)
    }
    if let rest { connection?.pushBack(rest) }
    return step
  }

  private func append(_ bytes: ByteBuffer) {
    state.withLock { state in
      state.awaitsContinue = false
      if state.buffer.readableBytes == 0 { state.buffer = bytes } else { state.buffer.writeImmutableBuffer(bytes) }
    }
  }

  private func aborted() -> ClientDisconnected {
    state.withLock { $0.isAborted = true }
    return ClientDisconnected()
  }

  private func tooLarge(_ limit: Int) -> HTTPRefusal {
    HTTPRefusal(.payloadTooLarge, "the request's body is longer than \(limit) bytes")
  }

  private static let continueLine = ByteBuffer(string: "HTTP/1.1 100 Continue\r\n\r\n")

  private func takeContinue() -> Bool {
    state.withLock { state in
      defer { state.awaitsContinue = false }
      return state.awaitsContinue
    }
  }

  func sendContinueIfAwaited(_ connection: ConnectionIO) async throws {
    if takeContinue() { try await connection.write(Self.continueLine) }
  }

  public struct Iterator: AsyncIteratorProtocol {
    let body: RequestBody
    public mutating func next() async throws -> ByteBuffer? { try await body.next() }
  }

  public func makeAsyncIterator() -> Iterator { Iterator(body: self) }
}
