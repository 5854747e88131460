import ArgumentParser

struct Exposure: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Say which ports of the host other hosts reach, and who opened them.",
    discussion: """
      Ports of containers, of the engine and server, of all other programs, and of services of the cluster. FIREWALL says \
      what the host's rules do with a new connection from another host: 'open', 'closed', or 'depends' where it matters who \
      sends, by which device or how often. Ports that are closed are shown with --all.

      With --allow the command ends with code 3 where another port than those named is not closed.
      """)
  @OptionGroup var connection: EngineOptions
  @Flag(name: .shortAndLong, help: "Show ports that the host's firewall closes, too.") var all = false
  @Option(
    parsing: .unconditionalSingleValue,
    help: ArgumentHelp("A port that may be reachable, such as 22/tcp; may be repeated.", valueName: "port"))
  var allow: [String] = []
  @Option(help: "table, json, or a template such as '{{.Port}}/{{.Protocol}} {{.OpenedBy}}'.") var format: String?
  @Flag(name: .shortAndLong, help: "Show ports only.") var quiet = false

  func validate() throws { try Template.check(format) }

  func run() throws {
    let allowed = try Set(allow.map(Self.port))
    let answer = try connection.engine().call(.get, "/bulkhead/v1/exposure")
    let ports = answer["Ports"].items.filter { all || $0.text("Firewall") != "closed" }
    if quiet, format == nil {
      for name in Self.unique(ports.map(Self.name)) { print(name) }
    } else {
      let rows = format == nil || format == "table" ? Self.folded(ports) : ports
      print(try Self.listing(rows).text(format: format, quiet: false), terminator: "")
    }
    for warning in answer["Warnings"].items { Console.complain("warning: \(warning.string ?? "")") }
    guard !allow.isEmpty else { return }
    let others = ports.filter { $0.text("Firewall") != "closed" }.map(Self.name).filter { !allowed.contains($0) }
    guard others.isEmpty else {
      throw ClientError(
        "reachable and not allowed: \(Self.unique(others).joined(separator: ", "))", exitCode: ExitStatus.incomplete)
    }
  }

  /// `22/tcp`; without a protocol TCP.
  static func port(_ text: String) throws(ClientError) -> String {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false)
    let transport = parts.count == 2 ? String(parts[1]) : "tcp"
    guard (1...2).contains(parts.count), let number = UInt16(parts[0]), number > 0, ["tcp", "udp"].contains(transport)
    else { throw ClientError.usage("invalid port '\(text)' for --allow: write a port such as 22/tcp") }
    return "\(number)/\(transport)"
  }

  private static func name(_ port: JSONValue) -> String { "\(port["Port"].int ?? 0)/\(port.text("Protocol"))" }

  private static func unique(_ names: [String]) -> [String] {
    var seen = Set<String>()
    return names.filter { seen.insert($0).inserted }
  }

  /// Devices that a row of the table names.
  private static let shownInterfaces = 3

  /// Ports for people: those that differ by their addresses alone share a row, and of many devices a few are named.
  static func folded(_ ports: [JSONValue]) -> [JSONValue] {
    var rows: [JSONValue] = []
    var places: [[String]: Int] = [:]
    for port in ports {
      let key = [name(port), opener(port), port.text("Firewall"), port.text("Reason")]
      guard let place = places[key] else {
        places[key] = rows.count
        rows.append(port)
        continue
      }
      let devices = rows[place]["Interfaces"].items
      rows[place]["Address"] = .string(rows[place].text("Address") + ", " + port.text("Address"))
      rows[place]["Interfaces"] = .array(devices + port["Interfaces"].items.filter { !devices.contains($0) })
    }
    for index in rows.indices {
      let devices = rows[index]["Interfaces"].items
      guard devices.count > shownInterfaces else { continue }
      let rest = devices.count - shownInterfaces
      rows[index]["Interfaces"] = .array(devices.prefix(shownInterfaces) + [.string("… \(rest) more")])
    }
    return rows
  }

  static func listing(_ ports: [JSONValue]) -> Listing {
    var listing = Listing(
      columns: [
        Listing.Column("PORT", "Name"), Listing.Column("ADDRESS", "Address"),
        Listing.Column("INTERFACES", "Interfaces", absent: "-"), Listing.Column("FIREWALL", "Firewall"),
        Listing.Column("OPENED BY", "OpenedBy"), Listing.Column("REASON", "Reason"),
      ], identity: "Name")
    for port in ports {
      var row: JSONValue = .object([])
      row["Name"] = .string(name(port))
      row["OpenedBy"] = .string(opener(port))
      for member in port.members { row[member.name == "Name" ? "ContainerName" : member.name] = member.value }
      listing.add(row)
    }
    return listing
  }

  /// One phrase: the container with project and service, or the program.
  static func opener(_ port: JSONValue) -> String {
    let inner = "\(port["ContainerPort"].int ?? 0)/\(port.text("Protocol"))"
    let place = [port["Project"].string.map { "project \($0)" }, port["Service"].string.map { "service \($0)" }]
      .compactMap { $0 }.joined(separator: ", ")
    let container = port["Name"].string ?? port["Container"].string.map { String($0.prefix(12)) }
    let named = container.map { "container \($0)" + (place.isEmpty ? "" : " (\(place))") }
    switch port.text("Opener") {
    case "published":
      let limits = port["Limits"].members.map { "\($0.name)=\($0.value.string ?? "")" }.joined(separator: ", ")
      let dropped = limits.isEmpty ? "" : "; limited to \(limits), \(port["Dropped"].int ?? 0) packets dropped"
      return "\(named ?? "a container"), port \(inner)\(dropped)"
    case "engine": return "engine \(port.text("Engine")), port \(inner) of a container"
    case "process":
      let program = "\(port.text("Program")) (pid \(port["Pid"].int ?? 0))"
      return named.map { "\($0): \(program)" } ?? program
    case "service":
      let name = port["ClusterService"].string.map { "service \($0)" }
      return "\(port.text("ServicePlace")) of \(name ?? "a service (table \(port.text("Table")))")"
    default: return "an unknown process"
    }
  }
}
