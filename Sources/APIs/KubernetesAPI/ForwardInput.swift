/// What a client has sent to a forwarded connection that did not take it yet. One task puts, one takes.
actor ForwardInput {
  static let maxBytes = 64 << 10

  private var pending: [UInt8] = []
  private var hasEnded = false
  private var isClosed = false
  private var reader: CheckedContinuation<Void, Never>?
  private var writer: CheckedContinuation<Void, Never>?

  /// Waits while as much lies there as may. What nobody takes any more is dropped.
  func put(_ bytes: [UInt8]) async {
    var rest = bytes[...]
    while !rest.isEmpty {
      while !isClosed, pending.count >= Self.maxBytes { await withCheckedContinuation { writer = $0 } }
      if isClosed { return }
      let piece = rest.prefix(Self.maxBytes - pending.count)
      rest = rest.dropFirst(piece.count)
      pending += piece
      wakeReader()
    }
  }

  /// Nothing more comes.
  func end() {
    hasEnded = true
    wakeReader()
  }

  /// Nothing more is taken.
  func close() {
    isClosed = true
    pending = []
    wakeReader()
    wakeWriter()
  }

  /// All that is there, at least one byte; nil at the end, and when it is closed.
  func next() async -> [UInt8]? {
    while !isClosed {
      if !pending.isEmpty {
        defer {
          pending = []
          wakeWriter()
        }
        return pending
      }
      if hasEnded { return nil }
      await withCheckedContinuation { reader = $0 }
    }
    return nil
  }

  private func wakeReader() {
    reader?.resume()
    reader = nil
  }

  private func wakeWriter() {
    writer?.resume()
    writer = nil
  }
}
