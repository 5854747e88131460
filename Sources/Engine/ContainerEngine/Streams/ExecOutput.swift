import LinuxSystem
import Model

/// Bytes that outputs of all commands may hold at once.
public final class OutputBudget: Sendable {
  private let left: Locked<Int>

  public init(bytes: Int) { left = Locked(bytes) }

  /// As many of these as there is room for.
  fileprivate func take(_ wanted: Int) -> Int {
    left.withLock { left in
      let granted = min(wanted, left)
      left -= granted
      return granted
    }
  }

  fileprivate func giveBack(_ bytes: Int) { left.withLock { $0 += bytes } }
}

/// What a command writes, within bounds; the budget has its share back with the last reference.
public final class ExecOutput: Sendable {
  private struct State {
    var stdout: [UInt8] = []
    var stderr: [UInt8] = []
    var isCut = false
  }

  private let limitBytes: Int
  private let budget: OutputBudget
  private let state = Locked(State())

  /// - Parameter limitBytes: of each stream.
  public init(limitBytes: Int, budget: OutputBudget) {
    self.limitBytes = limitBytes
    self.budget = budget
  }

  deinit { budget.giveBack(state.withLock { $0.stdout.count + $0.stderr.count }) }

  public var stdout: [UInt8] { state.withLock { $0.stdout } }
  public var stderr: [UInt8] { state.withLock { $0.stderr } }
  /// Whether something was dropped.
  public var isCut: Bool { state.withLock { $0.isCut } }

  func append(_ chunk: OutputChunk) {
    state.withLock { state in
      let held = chunk.stream == .stdout ? state.stdout.count : state.stderr.count
      let piece = chunk.bytes.prefix(budget.take(min(chunk.bytes.count, limitBytes - held)))
      if piece.count < chunk.bytes.count { state.isCut = true }
      switch chunk.stream {
      case .stdout: state.stdout += piece
      case .stderr: state.stderr += piece
      }
    }
  }

  func cut() { state.withLock { $0.isCut = true } }
}
