import Glibc

/// Shows a build on standard error as it goes on.
struct BuildView {
  enum Style { case plain, tree, quiet }

  private static let redrawMilliseconds: Int64 = 80
  private static let shownOutputLines = 5
  private static let shownErrorLines = 30

  private let style: Style
  private let began = BuildProgress.now()
  private(set) var progress = BuildProgress()
  private var drawnRows = 0
  private var drawn: Int64 = 0
  private var notes: [String] = []

  init(_ style: Style) { self.style = style }

  /// - Throws: what the engine says is wrong, after the failed step's last output was shown.
  mutating func take(_ document: JSONValue) throws(ClientError) {
    let now = BuildProgress.now()
    let change: BuildProgress.Change
    do {
      change = try progress.take(document, now: now)
    } catch {
      finish(failed: error.message)
      throw error
    }
    switch style {
    case .quiet: break
    case .plain: plain(change)
    case .tree:
      if case .note(let text) = change { notes.append(text) }
      if now - drawn >= Self.redrawMilliseconds { draw(now) }
    }
  }

  /// Time goes on although nothing was told.
  mutating func tick() { if style == .tree { draw(BuildProgress.now()) } }

  mutating func finish(failed message: String? = nil) {
    if style == .tree { draw(BuildProgress.now(), isLast: true) }
    if style == .tree, !notes.isEmpty { Console.writeError(notes.joined(separator: "\n") + "\n") }
    guard message != nil, let index = progress.steps.lastIndex(where: { $0.state == .failed }) else { return }
    let step = progress.steps[index]
    if style == .plain { Console.writeError("#\(index + 1) ERROR: \(BuildProgress.plain(message ?? ""))\n") }
    var text = "------\n > \(step.title):\n"
    for line in step.lines.suffix(Self.shownErrorLines) { text += line + "\n" }
    Console.writeError(text + "------\n")
  }

  private func plain(_ change: BuildProgress.Change) {
    func number(_ index: Int) -> String { "#\(index + 1)" }
    switch change {
    case .none: return
    case .note(let text): Console.writeError(text + "\n")
    case .started(let index): Console.writeError("\n\(number(index)) \(progress.steps[index].title)\n")
    case .lines(let index, let lines):
      let elapsed = Double(BuildProgress.now() - progress.steps[index].startedMilliseconds) / 1_000
      let time = Units.fixed(elapsed, decimals: 3)
      Console.writeError(lines.map { "\(number(index)) \(time) \($0)\n" }.joined())
    case .ended(let index):
      let step = progress.steps[index]
      guard step.state == .cached else {
        let time = BuildProgress.seconds((step.endedMilliseconds ?? 0) - step.startedMilliseconds)
        return Console.writeError("\(number(index)) DONE \(time)\n")
      }
      // A cached step is begun and ended by one word of the engine's.
      Console.writeError("\n\(number(index)) \(step.title)\n\(number(index)) CACHED\n")
    }
  }

  private mutating func draw(_ now: Int64, isLast: Bool = false) {
    drawn = now
    let size = Terminal(descriptor: STDERR_FILENO).size
    let (rows, columns) = (max(size?.rows ?? 24, 6), max(size?.columns ?? 80, 20))
    let ended = progress.steps.filter { $0.state != .running }.count
    var lines = [
      "[+] Building \(BuildProgress.seconds(now - began)) (\(ended)/\(max(progress.total, progress.steps.count)))"
    ]
    for step in progress.steps {
      let mark =
        switch step.state {
        case .cached: "CACHED "
        case .failed: "ERROR "
        case .running, .done: ""
        }
      let time = BuildProgress.seconds((step.endedMilliseconds ?? now) - step.startedMilliseconds)
      let title = " => \(mark)\(step.title)"
      let width = columns - time.count - 2
      lines.append(
        String(title.prefix(width)) + String(repeating: " ", count: max(1, width - title.count + 1)) + time)
      if step.state == .running && !isLast {
        lines += step.lines.suffix(Self.shownOutputLines).map { String(" => => \($0)".prefix(columns - 1)) }
      }
    }
    // What ended long ago scrolls out of the picture.
    if !isLast, lines.count > rows - 2 { lines = [lines[0]] + lines.suffix(rows - 3) }
    let up = drawnRows > 0 ? "\u{1B}[\(drawnRows)A" : ""
    Console.writeError(up + lines.map { "\u{1B}[2K\($0)\n" }.joined() + "\u{1B}[J")
    drawnRows = isLast ? 0 : lines.count
  }
}
