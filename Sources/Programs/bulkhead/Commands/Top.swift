import ArgumentParser
import Glibc

struct Top: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Show the containers that use most, or the processes of one.",
    discussion: """
      Without a container: all that run, again and again, those that use most on top; q, Ctrl-C and Ctrl-D end it.
      Where the output is no terminal it is shown once.
      """)
  @OptionGroup var connection: EngineOptions
  @Option(help: "What counts: cpu, memory, network, processes or name.") var sort = Order.cpu
  @Flag(help: "Show it once.") var once = false
  @Option(help: "table, json, or a template such as '{{.Name}} {{.CPUPerc}}'; shown once.") var format: String?
  @Argument(help: "Name or id, for its processes.") var container: String?
  @Argument(parsing: .captureForPassthrough, help: "Options for ps.") var options: [String] = []

  enum Order: String, ExpressibleByArgument, CaseIterable { case cpu, memory, network, processes, name }

  func run() throws {
    let engine = try connection.engine()
    if let container { return try processes(of: container, engine) }
    if once || format != nil || !Terminal.isTerminal(STDOUT_FILENO) { return try showOnce(engine) }
    try Terminal(descriptor: STDIN_FILENO).inRawMode { () throws(ClientError) in try showLive(engine) }
    print()
  }

  private func showOnce(_ engine: Engine) throws {
    var sampler = UsageSampler(engine: engine, names: [])
    while true {
      if let usages = try sampler.round() {
        let text = try Usage.listing(sorted(usages)).text(format: format, quiet: false)
        return print((format == nil ? try head(engine, usages) : "") + text, terminator: "")
      }
      sampler.pause()
    }
  }

  /// Until a key ends it. The terminal is in raw mode, so lines end as terminals want it.
  private func showLive(_ engine: Engine) throws(ClientError) {
    var sampler = UsageSampler(engine: engine, names: [])
    repeat {
      guard let usages = try sampler.round() else { continue }
      let text = try head(engine, usages) + Usage.listing(sorted(usages)).text(format: nil, quiet: false)
      let rows = Terminal(descriptor: STDOUT_FILENO).size.map { max(1, $0.rows - 1) } ?? .max
      let lines = text.split(separator: "\n", omittingEmptySubsequences: false).prefix(rows)
      print(Terminal.clear + lines.joined(separator: "\r\n"), terminator: "")
      Console.flush()
    } while !Self.isEnded(withinMilliseconds: UsageSampler.intervalMilliseconds)
  }

  /// Waits; true when q, Ctrl-C, Ctrl-D or the end of the input came.
  private static func isEnded(withinMilliseconds limit: Int32) -> Bool {
    var entry = pollfd(fd: STDIN_FILENO, events: Int16(POLLIN), revents: 0)
    guard poll(&entry, 1, limit) > 0 else { return false }
    var key: UInt8 = 0
    return read(STDIN_FILENO, &key, 1) != 1 || [UInt8(ascii: "q"), UInt8(ascii: "Q"), 3, 4].contains(key)
  }

  private func processes(of container: String, _ engine: Engine) throws {
    let arguments = options.isEmpty ? nil : options.joined(separator: " ")
    let answer = try engine.call(
      .get, "/containers/\(Engine.escape(container))/top", query: [("ps_args", arguments)])
    let lines = [answer["Titles"]] + answer["Processes"].items
    print(Listing.align(lines.map { $0.items.map { $0.string ?? "" } }), terminator: "")
  }

  func sorted(_ usages: [Usage]) -> [Usage] {
    func name(_ usage: Usage) -> String { usage.fields.first { $0.0 == "Name" }?.1 ?? "" }
    return usages.sorted { left, right in
      func key(_ usage: Usage) -> Double {
        switch sort {
        case .cpu: usage.processorPercent
        case .memory: Double(usage.memoryBytes)
        case .network: Double(usage.networkBytes)
        case .processes: Double(usage.processes)
        case .name: 0
        }
      }
      return key(left) == key(right) ? name(left) < name(right) : key(left) > key(right)
    }
  }

  /// The engine as a whole, and an empty line.
  private func head(_ engine: Engine, _ usages: [Usage]) throws(ClientError) -> String {
    let info = try engine.call(.get, "/info")
    let share = Units.fixed(usages.reduce(0) { $0 + $1.processorPercent }, decimals: 0)
    let memory = usages.reduce(Int64(0)) { $0.plus($1.memoryBytes) }
    return
      "\(info.text("Name")): \(info["ContainersRunning"].int ?? 0) of \(info["Containers"].int ?? 0) containers run, "
      + "CPU \(share) % of \((info["NCPU"].int ?? 1) * 100) %, "
      + "memory \(Units.binarySize(memory)) of \(Units.binarySize(info["MemTotal"].int ?? 0))\n\n"
  }
}
