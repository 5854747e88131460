import ArgumentParser
import Glibc

struct Stats: ParsableCommand {
  static let configuration = CommandConfiguration(abstract: "Show what containers use, again and again.")
  @OptionGroup var connection: EngineOptions
  @Flag(help: "Once only.") var noStream = false
  @Flag(name: .shortAndLong, help: "Those that do not run, too.") var all = false
  @Option(help: "table, json, or a template such as '{{.Name}} {{.CPUPerc}}'.") var format: String?
  @Flag(help: "Do not shorten ids.") var noTrunc = false
  @Argument(help: "Names or ids; all that run when none is named.") var containers: [String] = []

  /// Time between two samples.
  private static let intervalMilliseconds: Int32 = 1_000

  func run() throws {
    var sampler = UsageSampler(engine: try connection.engine(), names: containers, all: all)
    while true {
      if let usages = try sampler.round(idLength: noTrunc ? 64 : 12) {
        let text = try Usage.listing(usages).text(format: format, quiet: false)
        // A terminal shows the newest figures in place of the older ones.
        print((noStream || format != nil ? "" : Terminal.clear) + text, terminator: "")
        Console.flush()
        if noStream { return }
      }
      sampler.pause()
    }
  }
}

/// Takes samples of containers again and again.
struct UsageSampler {
  /// Time between two samples.
  static let intervalMilliseconds: Int32 = 1_000

  let engine: Engine
  /// All that run where it is empty.
  let names: [String]
  /// Those that do not run, too.
  let all: Bool
  private var earlier: [String: JSONValue]?

  init(engine: Engine, names: [String], all: Bool = false) {
    self.engine = engine
    self.names = names
    self.all = all
  }

  /// A sample of each container; nil for the first, as shares of time are those between two.
  mutating func round(idLength: Int = 12) throws(ClientError) -> [Usage]? {
    var samples: [(String, JSONValue)] = []
    for name in names.isEmpty ? try listed() : names {
      if let value = try sample(name) { samples.append((name, value)) }
    }
    let before = earlier
    earlier = Dictionary(samples, uniquingKeysWith: { first, _ in first })
    guard let before else { return nil }
    return samples.map { Usage($0.1, earlier: before[$0.0], idLength: idLength) }
  }

  func pause() { poll(nil, 0, Self.intervalMilliseconds) }

  /// One reading; nil for a container that ended between the list and the question.
  private func sample(_ name: String) throws(ClientError) -> JSONValue? {
    let query: [(String, String?)] = [("stream", "0"), ("one-shot", "1")]
    do {
      return try engine.call(.get, "/containers/\(Engine.escape(name))/stats", query: query)
    } catch {
      if error.status == 404, names.isEmpty { return nil }
      throw error
    }
  }

  private func listed() throws(ClientError) -> [String] {
    try engine.call(.get, "/containers/json", query: [("all", all ? "1" : nil)]).items.map { $0.text("Id") }
  }
}

/// The figures of one container between two samples.
struct Usage {
  let fields: [(String, String)]
  /// Of one processor: 200 is two processors.
  let processorPercent: Double
  let memoryBytes: Int64
  /// Received and sent since the start.
  let networkBytes: Int64
  let processes: Int64

  static func listing(_ usages: [Usage]) -> Listing {
    var listing = Listing(
      [
        ("CONTAINER ID", "ID"), ("NAME", "Name"), ("CPU %", "CPUPerc"), ("MEM USAGE / LIMIT", "MemUsage"),
        ("MEM %", "MemPerc"),
        ("NET I/O", "NetIO"), ("BLOCK I/O", "BlockIO"), ("PIDS", "PIDs"),
      ], identity: "ID")
    for usage in usages { listing.add(usage.fields) }
    return listing
  }

  init(_ sample: JSONValue, earlier: JSONValue?, idLength: Int = 12) {
    let memory = Self.memory(sample["memory_stats"])
    let limit = sample["memory_stats"]["limit"].int ?? 0
    let networks = sample["networks"].members.map(\.value)
    let received = networks.reduce(Int64(0)) { $0.plus($1["rx_bytes"].int ?? 0) }
    let sent = networks.reduce(Int64(0)) { $0.plus($1["tx_bytes"].int ?? 0) }
    processorPercent = Self.processorPercent(sample, earlier)
    memoryBytes = memory
    networkBytes = received.plus(sent)
    processes = sample["pids_stats"]["current"].int ?? 0
    let blocks = sample["blkio_stats"]["io_service_bytes_recursive"].items
    fields = [
      ("ID", String(sample.text("id").prefix(idLength))),
      ("Container", sample.text("id")),
      ("Name", String(sample.text("name").drop { $0 == "/" })),
      ("CPUPerc", Units.fixed(processorPercent, decimals: 2) + "%"),
      ("MemUsage", Units.binarySize(memory) + " / " + Units.binarySize(limit)),
      ("MemPerc", Units.fixed(limit > 0 ? Double(memory) / Double(limit) * 100 : 0, decimals: 2) + "%"),
      ("NetIO", Units.decimalSize(received) + " / " + Units.decimalSize(sent)),
      (
        "BlockIO",
        Units.decimalSize(Self.bytes(blocks, "read")) + " / " + Units.decimalSize(Self.bytes(blocks, "write"))
      ),
      ("PIDs", String(processes)),
    ]
  }

  /// Share of one processor, in percent: 200 is two processors.
  static func processorPercent(_ sample: JSONValue, _ earlier: JSONValue?) -> Double {
    guard let earlier else { return 0 }
    func figure(_ value: JSONValue, _ names: String...) -> Double {
      names.reduce(value["cpu_stats"]) { $0[$1] }.double ?? 0
    }
    let used = figure(sample, "cpu_usage", "total_usage") - figure(earlier, "cpu_usage", "total_usage")
    let passed = figure(sample, "system_cpu_usage") - figure(earlier, "system_cpu_usage")
    guard used > 0, passed > 0 else { return 0 }
    return used / passed * max(figure(sample, "online_cpus"), 1) * 100
  }

  /// Memory in use without the part of the page cache that the kernel can take back at once.
  private static func memory(_ stats: JSONValue) -> Int64 {
    let usage = stats["usage"].int ?? 0
    let inactive = stats["stats"]["total_inactive_file"].int ?? stats["stats"]["inactive_file"].int ?? 0
    return inactive < usage ? usage.minus(inactive) : usage
  }

  private static func bytes(_ entries: [JSONValue], _ operation: String) -> Int64 {
    entries.reduce(0) { $1.text("op").lowercased() == operation ? $0.plus($1["value"].int ?? 0) : $0 }
  }
}
