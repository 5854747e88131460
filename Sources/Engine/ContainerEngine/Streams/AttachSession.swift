import LinuxSystem
import Model

/// A client's connection to the standard streams of a container or of an exec'd process.
///
/// One task reads by `next`, another may write; `close` ends both.
public final class AttachSession: Sendable {
  /// Where the bytes come from and go to.
  enum Channel: Sendable {
    /// conmon's socket: packets whose first byte tells the stream.
    case monitor(AsyncDescriptor)
    /// Separate pipes.
    case pipes(stdin: PipeInput, outputs: PipeOutputs)
    /// A terminal's master side.
    case terminal(AsyncDescriptor)
  }

  private static let packetBytes = 64 << 10
  private static let inputPacketBytes = 8 << 10
  private static let farewell = Duration.seconds(1)
  /// Longest time between the end of a process's output and its own: some close their streams and go on.
  private static let lastWordsSeconds = 5.0

  /// Output is one raw stream instead of stdout and stderr apart.
  public let terminal: Bool
  let options: AttachOptions
  private let channel = OneShot<Channel?>()
  private let history: Locked<LogReader?>
  private let detach: Locked<DetachKeys>
  private let detached = OneShot<Bool>()
  private let onClose: @Sendable () -> Void
  /// Resolved when the process has ended; pipes are then read only as far as they are full.
  let processEnd = OneShot<Void>()

  /// Called once, when the client has typed the detach keys or goes before the output has ended.
  private let onDetach: @Sendable () -> Void
  /// The output has ended, or the detachment was told.
  private let isOver = Locked(false)

  /// - Parameter onClose: called when the client is gone.
  init(
    terminal: Bool, options: AttachOptions, history: LogReader? = nil, onDetach: @escaping @Sendable () -> Void = {},
    onClose: @escaping @Sendable () -> Void = {}
  ) {
    self.onDetach = onDetach
    self.onClose = onClose
    self.terminal = terminal
    self.options = options
    self.history = Locked(history)
    self.detach = Locked(DetachKeys(terminal ? options.detachKeys : []))
  }

  /// Gives the session its streams; nil when there will be none.
  func connect(_ channel: Channel?) { self.channel.resolve(channel) }

  /// The next output; nil when there is no more, or the client detached. Waits for the start of a container that has not
  /// been started.
  public func next() async throws -> OutputChunk? {
    let chunk = try await nextChunk()
    if chunk == nil, detached.current == nil { isOver.withLock { $0 = true } }
    return chunk
  }

  private func tellDetached() {
    let isFirst = isOver.withLock { isOver in
      defer { isOver = true }
      return !isOver
    }
    if isFirst { onDetach() }
  }

  private func nextChunk() async throws -> OutputChunk? {
    if let reader = history.withLock({ $0 }) {
      if let entry = try await reader.next() { return OutputChunk(stream: entry.stream, bytes: entry.bytes) }
      history.withLock { $0 = nil }
    }
    guard options.stream, options.stdout || options.stderr || options.stdin else { return nil }
    guard let channel = try await firstOfDetachOr({ try await self.channel.wait() }) ?? nil else { return nil }
    while true {
      guard let chunk = try await firstOfDetachOr({ try await self.read(channel) }) ?? nil else { return nil }
      if chunk.stream == .stdout ? options.stdout : options.stderr { return chunk }
    }
  }

  /// Sends to the process's stdin. Detach keys end the session instead.
  /// - Returns: false when the client has detached.
  @discardableResult
  public func write(_ bytes: [UInt8]) async throws -> Bool {
    let (send, isDetach) = detach.withLock { $0.filter(bytes) }
    if options.stdin, !send.isEmpty, let channel = try await channel.wait() {
      switch channel {
      case .monitor(let socket):
        // conmon takes a packet into a buffer of its own and drops what does not fit.
        for start in stride(from: 0, to: send.count, by: Self.inputPacketBytes) {
          try await socket.write(Array(send[start..<min(start + Self.inputPacketBytes, send.count)]))
        }
      case .pipes(let stdin, _): try await stdin.write(send)
      case .terminal(let terminal): try await terminal.write(send)
      }
    }
    if isDetach {
      if let channel = channel.current { keepForAWhile(channel) }
      tellDetached()
      detached.resolve(true)
    }
    return !isDetach
  }

  /// conmon may see the end of a connection before the bytes that were sent last, and would drop them.
  private func keepForAWhile(_ channel: Channel?) {
    Task {
      try? await Task.sleep(for: Self.farewell)
      withExtendedLifetime(channel) {}
    }
  }

  /// The client will send no more.
  public func closeInput() async {
    guard options.stdin, let channel = try? await channel.wait() else { return }
    switch channel {
    case .monitor(let socket): try? socket.shutdownWrite()
    case .pipes(let stdin, _): stdin.close()
    // A terminal's input has no end; its user types ctrl-d.
    case .terminal: break
    }
  }

  /// Ends the session; the process goes on.
  public func close() {
    tellDetached()
    detached.resolve(true)
    channel.resolve(nil)
    onClose()
  }

  /// The client is gone, or has detached.
  var hasLeft: Bool { detached.current != nil }

  private func firstOfDetachOr<Value: Sendable>(_ body: @escaping @Sendable () async throws -> Value) async throws
    -> Value?
  {
    if detached.current != nil { return nil }
    return try await withThrowingTaskGroup(of: Value?.self) { group in
      group.addTask { try await body() }
      group.addTask {
        _ = try await self.detached.wait()
        return nil
      }
      defer { group.cancelAll() }
      return try await group.next() ?? nil
    }
  }

  private func read(_ channel: Channel) async throws -> OutputChunk? {
    switch channel {
    case .monitor(let socket):
      while true {
        let packet = try await socket.read(Self.packetBytes)
        guard let kind = packet.first else { return nil }
        if packet.count > 1 {
          return OutputChunk(stream: kind == 3 ? .stderr : .stdout, bytes: Array(packet.dropFirst()))
        }
      }
    case .pipes(_, let outputs):
      if let chunk = try await outputs.next(processEnd: processEnd) { return chunk }
    case .terminal(let terminal):
      let bytes = try await terminal.read(Self.packetBytes)
      if !bytes.isEmpty { return OutputChunk(stream: .stdout, bytes: bytes) }
    }
    // A client asks for the exit code as soon as its stream ends, and takes a process that still runs for a success.
    _ = try await processEnd.wait(seconds: Self.lastWordsSeconds)
    return nil
  }
}

/// Looks for the keys that end an attached session in what a client types.
struct DetachKeys: Sendable {
  private let keys: [UInt8]
  private var matched = 0

  init(_ keys: [UInt8]) { self.keys = keys }

  /// What is to be sent on, and whether the keys were complete.
  mutating func filter(_ bytes: [UInt8]) -> (send: [UInt8], detach: Bool) {
    guard !keys.isEmpty else { return (bytes, false) }
    var send: [UInt8] = []
    for byte in bytes {
      if byte == keys[matched] {
        matched += 1
        if matched == keys.count { return (send, true) }
        continue
      }
      // What looked like the keys' beginning was input after all.
      send += keys[..<matched]
      matched = byte == keys[0] ? 1 : 0
      if matched == 0 { send.append(byte) }
      if matched == keys.count { return (send, true) }
    }
    return (send, false)
  }
}
