import LinuxSystem
import Model

/// What a pull or push tells while it goes on, in docker's words.
public struct TransferEvent: Sendable, Hashable {
  /// What it is about: a tag, or the first digits of a layer's digest.
  public var id: String?
  public var status: String
  /// Bytes done, and in all.
  public var current: Int64?
  public var total: Int64?
  /// At the end of a push: what was pushed.
  public var pushed: PushedImage?

  public init(_ status: String, id: String? = nil, current: Int64? = nil, total: Int64? = nil) {
    self.status = status
    self.id = id
    self.current = current
    self.total = total
  }
}

/// Where an image has been pushed to.
public struct PushedImage: Sendable, Hashable {
  public var tag: String
  public var digest: Digest
  /// Bytes of the manifest.
  public var sizeBytes: Int64
}

/// Gets events, from several tasks at once; must not block.
public typealias TransferReport = @Sendable (TransferEvent) -> Void

/// Tells how far one layer is, a few times each second at most.
final class TransferMeter: Sendable {
  private static let intervalNanoseconds: UInt64 = 100_000_000

  private let id: String
  private let status: String
  private let total: Int64
  private let report: TransferReport
  private let state = Locked<(current: Int64, toldAt: UInt64)>((0, 0))

  init(_ status: String, id: String, total: Int64, report: @escaping TransferReport) {
    self.status = status
    self.id = id
    self.total = total
    self.report = report
  }

  /// So many more bytes are done.
  func add(_ bytes: Int) { move { $0 + Int64(bytes) } }

  /// So many bytes are done in all.
  func set(_ bytes: Int64) { move { _ in bytes } }

  private func move(_ change: (Int64) -> Int64) {
    let now = Clock.monotonicNanoseconds()
    let due = state.withLock { state -> Int64? in
      state.current = change(state.current)
      guard now - state.toldAt >= Self.intervalNanoseconds else { return nil }
      state.toldAt = now
      return state.current
    }
    if let due { report(TransferEvent(status, id: id, current: due, total: total)) }
  }
}
