import Glibc

/// Moves bytes between the user's terminal or pipes and a hijacked connection, until the engine closes it.
///
/// One poll loop: what is typed goes to the engine, what the engine sends goes to standard output and standard error, signals
/// go to `onSignal`. Input is read only when all earlier input was sent, and the connection is read whenever it has
/// something, so that neither side waits for the other for ever.
final class AttachedSession {
  struct Settings {
    /// A terminal's stream is one; otherwise output and error come in frames.
    var terminal = false
    var sendsInput = false
    var detachKeys = DetachKeys.standard
    var onSignal: (Int32) -> Void = { _ in }
  }

  enum End: Equatable { case closed, detached }

  private let connection: Connection
  private var settings: Settings
  private let signals: SignalInbox
  private var demultiplexer = StreamDemultiplexer()
  private var pendingInput: ArraySlice<UInt8> = []
  private var inputOpen: Bool

  init(_ connection: Connection, signals: SignalInbox, settings: Settings) {
    self.connection = connection
    self.settings = settings
    self.signals = signals
    self.inputOpen = settings.sendsInput
  }

  func run() throws(ClientError) -> End {
    if !connection.buffer.isEmpty { try show(connection.take(.max)) }
    while true {
      var entries = [
        pollfd(fd: connection.descriptor, events: Int16(POLLIN | (pendingInput.isEmpty ? 0 : POLLOUT)), revents: 0),
        pollfd(fd: signals.descriptor, events: Int16(POLLIN), revents: 0),
        pollfd(fd: inputOpen && pendingInput.isEmpty ? STDIN_FILENO : -1, events: Int16(POLLIN), revents: 0),
      ]
      guard poll(&entries, nfds_t(entries.count), -1) >= 0 else {
        if errno == EINTR { continue }
        throw ClientError("cannot wait for the container: \(describe(errno: errno))")
      }
      while entries[1].revents != 0, let signal = signals.next() { settings.onSignal(signal) }
      if entries[0].revents & Int16(POLLIN | POLLHUP | POLLERR) != 0 {
        guard try connection.fill() else { return .closed }
        try show(connection.take(.max))
      }
      if entries[0].revents & Int16(POLLOUT) != 0 { sendPending() }
      if entries[2].revents != 0, takeInput() { return .detached }
    }
  }

  private func show(_ bytes: [UInt8]) throws(ClientError) {
    if settings.terminal {
      try writeAll(STDOUT_FILENO, bytes[...])
      return
    }
    do {
      try demultiplexer.feed(bytes) { stream, piece in
        try writeAll(stream == .error ? STDERR_FILENO : STDOUT_FILENO, piece)
      }
    } catch let failure as ClientError {
      throw failure
    } catch {
      throw ClientError("the engine's stream is not in frames: \(error)")
    }
  }

  /// Reads what was typed; true when the detach keys were among it.
  private func takeInput() -> Bool {
    // Input that cannot be read, closed or hung up, has ended.
    let typed = (try? readPiece(STDIN_FILENO, upTo: 32_768)) ?? []
    guard !typed.isEmpty else {
      inputOpen = false
      connection.finishSending()
      return false
    }
    guard settings.terminal else {
      pendingInput = typed[...]
      sendPending()
      return false
    }
    let (forward, detach) = settings.detachKeys.scan(typed[...])
    pendingInput = forward[...]
    sendPending()
    return detach
  }

  private func sendPending() {
    guard !pendingInput.isEmpty else { return }
    let flags = Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT)
    let count = pendingInput.withUnsafeBytes { send(connection.descriptor, $0.baseAddress, $0.count, flags) }
    if count >= 0 {
      pendingInput = pendingInput.dropFirst(count)
    } else if errno != EAGAIN, errno != EINTR {
      // The container takes no more input; its output is still read.
      pendingInput = []
      inputOpen = false
    }
  }
}

/// Writes all bytes, waiting where the reader is slow.
func writeAll(_ descriptor: Int32, _ bytes: ArraySlice<UInt8>) throws(ClientError) {
  var rest = bytes
  while !rest.isEmpty {
    let count = rest.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
    if count >= 0 {
      rest = rest.dropFirst(count)
    } else if errno == EAGAIN {
      var entry = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
      poll(&entry, 1, -1)
    } else if errno != EINTR {
      throw ClientError("cannot write the output: \(describe(errno: errno))")
    }
  }
}
