import LinuxSystem
import NIOCore

/// What a call's channel hands to the task that waits for it: messages in their order, then the end. The channel is asked for
/// more only while few messages wait, so that the peer is held back by HTTP/2's window and nothing grows here.
final class GRPCInbox: Sendable {
  private struct State {
    var messages: [[UInt8]] = []
    var end: GRPCStatus?
    var waiter: CheckedContinuation<[UInt8]?, any Error>?
    var channel: (any Channel)?
    var isAbandoned = false
  }

  private let state = Locked(State())
  private let maxWaiting: Int

  init(maxWaiting: Int) { self.maxWaiting = maxWaiting }

  /// The channel may read on.
  var wantsMore: Bool { state.withLock { $0.end == nil && $0.messages.count < maxWaiting } }

  /// Has to be called once; the channel is closed at once where the call was given up already.
  func attach(_ channel: any Channel) {
    let isAbandoned = state.withLock { state in
      state.channel = channel
      return state.isAbandoned
    }
    if isAbandoned { channel.close(promise: nil) }
  }

  func deliver(_ message: [UInt8]) {
    let waiter = state.withLock { state -> CheckedContinuation<[UInt8]?, any Error>? in
      guard state.end == nil else { return nil }
      guard let waiter = state.waiter else {
        state.messages.append(message)
        return nil
      }
      state.waiter = nil
      return waiter
    }
    waiter?.resume(returning: message)
  }

  /// The first end counts; messages that wait are still handed out before it.
  func finish(_ status: GRPCStatus) {
    let waiter = state.withLock { state -> CheckedContinuation<[UInt8]?, any Error>? in
      guard state.end == nil else { return nil }
      state.end = status
      defer { state.waiter = nil }
      return state.waiter
    }
    waiter?.resume(with: Self.result(of: status))
  }

  /// The next message; nil after the last. One caller at a time.
  ///
  /// Throws `GRPCStatus`, also for a task that is cancelled (`cancelled`): the call is given up then.
  func next() async throws -> [UInt8]? {
    try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { continuation in
        let (result, channel) = state.withLock { state -> (Result<[UInt8]?, any Error>?, (any Channel)?) in
          if !state.messages.isEmpty {
            return (.success(state.messages.removeFirst()), state.end == nil ? state.channel : nil)
          }
          if let end = state.end { return (Self.result(of: end), nil) }
          state.waiter = continuation
          return (nil, state.channel)
        }
        channel?.read()
        if let result { continuation.resume(with: result) }
      }
    } onCancel: {
      abandon(GRPCStatus(.cancelled, "the task that waited was cancelled"))
    }
  }

  /// Ends the call on this side and tells the peer.
  func abandon(_ status: GRPCStatus) {
    finish(status)
    let channel = state.withLock { state in
      state.isAbandoned = true
      return state.channel
    }
    channel?.close(promise: nil)
  }

  private static func result(of status: GRPCStatus) -> Result<[UInt8]?, any Error> {
    status.code == .ok ? .success(nil) : .failure(status)
  }
}
