import Glibc

/// A container's or an exec's streams, tied to this program's terminal or pipes.
struct ContainerSession {
  let engine: Engine
  /// `/containers/ID` or `/exec/ID`: where resizing goes.
  let resource: String
  let terminal: Bool
  let sendsInput: Bool
  var detachKeys = DetachKeys.standard
  /// Whether signals sent to this program go to the container.
  var forwardsSignals = false

  /// Moves bytes over `connection` until the engine closes it or the user detaches. `started` is called once the streams
  /// are tied and before anything is read.
  func run(
    over connection: Connection, signals: SignalInbox, started: () throws(ClientError) -> Void = {}
  ) throws(ClientError) -> AttachedSession.End {
    Console.flush()
    let settings = AttachedSession.Settings(
      terminal: terminal, sendsInput: sendsInput, detachKeys: detachKeys, onSignal: { handle(signal: $0) })
    let session = AttachedSession(connection, signals: signals, settings: settings)
    try started()
    if terminal { resize() }
    if terminal, sendsInput {
      return try Terminal(descriptor: STDIN_FILENO).inRawMode { () throws(ClientError) in try session.run() }
    }
    return try session.run()
  }

  /// The signals that a session like this one answers to.
  func inbox() throws(ClientError) -> SignalInbox {
    try SignalInbox([SIGWINCH] + (forwardsSignals ? SignalInbox.forwarded.map(\.number) : []))
  }

  /// Refuses `-it` from a pipe before anything is made.
  static func checkTerminal(terminal: Bool, sendsInput: Bool) throws(ClientError) {
    if terminal, sendsInput, !Terminal.isTerminal(STDIN_FILENO) {
      throw ClientError("standard input is not a terminal: leave --tty away", exitCode: ExitStatus.engine)
    }
  }

  private func handle(signal: Int32) {
    if signal == SIGWINCH {
      if terminal { resize() }
    } else if let name = SignalInbox.forwarded.first(where: { $0.number == signal })?.name {
      // A container that has just ended cannot be signalled any more, which is what was wanted.
      _ = try? engine.call(.post, "\(resource)/kill", query: [("signal", name)])
    }
  }

  private func resize() {
    guard let size = Terminal(descriptor: STDOUT_FILENO).size, size.rows > 0 else { return }
    // Where the process has not started yet or has ended there is nothing to resize.
    _ = try? engine.call(.post, "\(resource)/resize", query: [("h", String(size.rows)), ("w", String(size.columns))])
  }
}
