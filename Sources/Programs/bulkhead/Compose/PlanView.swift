import Glibc

/// Shows on standard error how the steps of a plan go on: on a terminal a line for each resource, written over and over,
/// elsewhere a line for each change. Used by several threads at once.
final class PlanView: Sendable {
  enum Style: String, CaseIterable, Sendable { case auto, tty, plain, json, quiet }

  private struct Row {
    var title: String
    var text: String
    var isDone: Bool
    var isFailed: Bool
    var began: Int64
    var ended: Int64?
  }
  private struct State {
    var rows: [Row] = []
    var drawnLines = 0
  }

  private let style: Style
  private let state = Monitor(State())

  init(_ style: Style) {
    self.style = style == .auto ? (Terminal.isTerminal(STDERR_FILENO) ? .tty : .plain) : style
  }

  /// A resource's new state: `Container web-1`, `Starting`.
  func show(_ title: String, _ text: String, isDone: Bool = false, isFailed: Bool = false) {
    guard style != .quiet else { return }
    let now = BuildProgress.now()
    state.with { state in
      if let index = state.rows.firstIndex(where: { $0.title == title }) {
        if state.rows[index].text == text { return }
        state.rows[index].text = text
        state.rows[index].isDone = isDone
        state.rows[index].isFailed = isFailed
        state.rows[index].ended = isDone || isFailed ? now : nil
      } else {
        state.rows.append(
          Row(title: title, text: text, isDone: isDone, isFailed: isFailed, began: now, ended: isDone ? now : nil))
      }
      switch style {
      case .tty: Self.draw(&state, now)
      case .json: Console.writeError((["id": .string(title), "status": .string(text)] as JSONValue).compact + "\n")
      default: Console.writeError(" \(title)  \(text)\n")
      }
    }
  }

  func warn(_ text: String) {
    state.with { state in
      Console.complain("warning: \(text)")
      // What was drawn scrolls away; it is drawn again below.
      state.drawnLines = 0
    }
  }

  private static func draw(_ state: inout State, _ now: Int64) {
    let size = Terminal(descriptor: STDERR_FILENO).size
    let columns = size?.columns ?? 80
    let height = max((size?.rows ?? 24) - 2, 4)
    // What does not fit is not shown: first what is done already.
    var shown = state.rows
    if shown.count > height { shown = Array(shown.filter { !$0.isDone }.suffix(height)) }
    let width = shown.map(\.title.count).max() ?? 0
    let done = state.rows.count(where: \.isDone)
    var text = state.drawnLines > 0 ? "\u{1B}[\(state.drawnLines)A\r" : ""
    text += "\u{1B}[J[+] \(done)/\(state.rows.count)\n"
    for row in shown {
      let mark = row.isFailed ? "✘" : row.isDone ? "✔" : "•"
      let seconds = Double((row.ended ?? now) - row.began) / 1_000
      let line =
        " \(mark) \(row.title)\(String(repeating: " ", count: width - row.title.count))  \(row.text)  "
        + Units.fixed(seconds, decimals: 1) + "s"
      text += String(line.prefix(max(columns - 1, 20))) + "\n"
    }
    state.drawnLines = shown.count + 1
    Console.writeError(text)
  }
}
