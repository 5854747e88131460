import ArgumentParser
import Glibc

/// What `ps` and `container ls` share.
struct ContainerListOptions: ParsableArguments {
  @OptionGroup var connection: EngineOptions
  @OptionGroup var list: ListOptions
  @Flag(name: .shortAndLong, help: "Those that do not run, too.") var all = false
  @Option(name: [.customShort("n"), .long], help: "The newest few, whatever their state.") var last: Int?
  @Flag(name: .shortAndLong, help: "The newest one, whatever its state.") var latest = false
  @Flag(name: .shortAndLong, help: "With the size of their files.") var size = false

  func show() throws(ClientError) {
    let limit = latest ? 1 : last
    // The engine counts what it is asked for: docker asks where sizes are shown, too.
    let countsSize = size || list.format.map { $0 == "json" || $0.contains(".Size") || $0.contains("json .}") } ?? false
    let answer = try connection.engine().call(
      .get, "/containers/json",
      query: [
        ("all", all ? "1" : nil), ("limit", limit.map(String.init)), ("filters", try list.filters()),
        ("size", countsSize ? "1" : nil),
      ])
    var listing = Listing(
      [
        ("CONTAINER ID", "ID"), ("IMAGE", "Image"), ("COMMAND", "Command"), ("CREATED", "RunningFor"),
        ("STATUS", "Status"),
        ("PORTS", "Ports"), ("NAMES", "Names"),
      ] + (size ? [("SIZE", "Size")] : []), identity: "ID")
    let now = Units.now()
    for container in answer.items { listing.add(fields(container, now: now)) }
    try list.show(listing)
  }

  private func fields(_ container: JSONValue, now: Int64) -> [(String, String)] {
    let id = container.text("Id")
    let command = container.text("Command")
    let mounts = container["Mounts"].items.map { mount in
      let name = mount.text("Name").isEmpty ? mount.text("Source") : mount.text("Name")
      return list.noTrunc || name.count <= 15 ? name : name.prefix(14) + "…"
    }
    let networks = container["NetworkSettings"]["Networks"].members.map(\.name)
    return [
      ("ID", list.noTrunc ? id : String(id.prefix(12))),
      ("Image", container.text("Image")),
      ("Command", "\"" + (list.noTrunc || command.count <= 20 ? command : command.prefix(19) + "…") + "\""),
      ("RunningFor", Units.age(seconds: now.minus(container["Created"].int ?? now)) + " ago"),
      ("CreatedAt", Units.localDate(seconds: container["Created"].int ?? 0)),
      ("Status", container.text("Status")),
      ("State", container.text("State")),
      (
        "Size",
        Units.decimalSize(container["SizeRw"].int ?? 0)
          + " (virtual \(Units.decimalSize(container["SizeRootFs"].int ?? 0)))"
      ),
      ("Ports", PortText.line(container["Ports"].items)),
      (
        "Names",
        container["Names"].items.compactMap { $0.string.map { String($0.drop { $0 == "/" }) } }.joined(separator: ",")
      ),
      ("Networks", networks.joined(separator: ",")),
      ("Mounts", mounts.joined(separator: ",")),
      ("LocalVolumes", String(container["Mounts"].items.count { $0.text("Driver") == "local" })),
      ("Labels", container["Labels"].members.map { "\($0.name)=\($0.value.string ?? "")" }.joined(separator: ",")),
    ]
  }
}

struct List: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "ps", abstract: "List containers.")
  @OptionGroup var options: ContainerListOptions

  func run() throws { try options.show() }
}

/// Published and exposed ports as people read them.
enum PortText {
  /// `0.0.0.0:8080->80/tcp, 443/tcp` from the `Ports` of a list.
  static func line(_ ports: [JSONValue]) -> String {
    let sorted = ports.sorted {
      ($0["PrivatePort"].int ?? 0, $0.text("Type"), $0.text("IP")) < (
        $1["PrivatePort"].int ?? 0, $1.text("Type"), $1.text("IP")
      )
    }
    return sorted.map { port in
      let inside = "\(port["PrivatePort"].int ?? 0)/\(port.text("Type"))"
      guard let outside = port["PublicPort"].int, outside > 0 else { return inside }
      return "\(address(port.text("IP"))):\(outside)->\(inside)"
    }.joined(separator: ", ")
  }

  static func address(_ text: String) -> String { text.contains(":") ? "[\(text)]" : text }
}

struct Port: ParsableCommand {
  static let configuration = CommandConfiguration(abstract: "Show where a container's ports are published.")
  @OptionGroup var connection: EngineOptions
  @Argument(help: "Name or id.") var container: String
  @Argument(help: "Only this port: 80 or 80/udp.") var port: String?

  func run() throws {
    let details = try connection.engine().call(.get, "/containers/\(Engine.escape(container))/json")
    let wanted = port.map { $0.contains("/") ? $0 : $0 + "/tcp" }
    var found = false
    for member in details["NetworkSettings"]["Ports"].members where wanted == nil || member.name == wanted {
      for binding in member.value.items {
        found = true
        let place = PortText.address(binding.text("HostIp")) + ":" + binding.text("HostPort")
        print(wanted == nil ? "\(member.name) -> \(place)" : place)
      }
    }
    if !found, let wanted { throw ClientError("'\(container)' publishes no port \(wanted)") }
  }
}

struct ContainerGroup: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "container", abstract: "Containers, the long way: ls, prune and the commands above.",
    subcommands: [
      ContainerList.self, ContainerPrune.self, Run.self, Create.self, Start.self, Stop.self, Kill.self, Restart.self,
      Pause.self, Unpause.self, Rename.self, Remove.self, Logs.self, Exec.self, Attach.self, Wait.self, Top.self,
      Port.self, Stats.self, Inspect.self,
    ])
}

struct ContainerList: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "ls", abstract: "List containers.")
  @OptionGroup var options: ContainerListOptions

  func run() throws { try options.show() }
}

struct ContainerPrune: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "prune", abstract: "Remove containers that do not run.")
  @OptionGroup var options: PruneOptions

  func run() throws { try options.prune(["containers"], what: "all containers that do not run") }
}
