import ArgumentParser

struct VolumeGroup: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "volume", abstract: "Make, list, inspect, remove, back up and restore volumes.",
    subcommands: [
      VolumeCreate.self, VolumeList.self, VolumeInspect.self, VolumeRemove.self, VolumePrune.self, VolumeBackup.self,
      VolumeRestore.self, VolumeBackups.self, VolumeSchedule.self, VolumeSnapshot.self, VolumeExport.self,
      VolumeImport.self,
    ])
}

struct VolumeCreate: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "create", abstract: "Make a volume.")
  @OptionGroup var connection: EngineOptions
  @Option(name: .shortAndLong, help: "The driver; local when not named.") var driver: String?
  @Option(help: "name=value.") var label: [String] = []
  @Option(name: [.customShort("o"), .customLong("opt")], help: "An option of the driver: name=value.") var options:
    [String] = []
  @Argument(help: "Its name; the engine makes one when not given.") var name: String?

  func run() throws {
    var body: JSONValue = ["Driver": .string(driver ?? "local")]
    body.set("Name", name)
    if !label.isEmpty { body["Labels"] = ContainerOptions.pairs(label) }
    if !options.isEmpty { body["DriverOpts"] = ContainerOptions.pairs(options) }
    print(try connection.engine().call(.post, "/volumes/create", json: body).text("Name"))
  }
}

struct VolumeList: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "ls", abstract: "List volumes.")
  @OptionGroup var connection: EngineOptions
  @OptionGroup var list: ListOptions

  func run() throws {
    let answer = try connection.engine().call(.get, "/volumes", query: [("filters", try list.filters())])
    let volumes = answer["Volumes"].items.sorted { $0.text("Name") < $1.text("Name") }
    var columns = [("DRIVER", "Driver"), ("VOLUME NAME", "Name")]
    // Only where somebody has asked for bounds.
    if volumes.contains(where: { $0["Status"]["LimitBytes"].int != nil }) {
      columns += [("SIZE", "Size"), ("LIMIT", "Limit")]
    }
    var listing = Listing(columns, identity: "Name")
    for volume in volumes {
      let status = volume["Status"]
      listing.add([
        ("Driver", volume.text("Driver")), ("Name", volume.text("Name")), ("Mountpoint", volume.text("Mountpoint")),
        ("Scope", volume.text("Scope")), ("Availability", "N/A"), ("Group", "N/A"), ("Links", "N/A"),
        ("Size", status["UsedBytes"].int.map { Units.decimalSize($0) } ?? "N/A"),
        ("Limit", status["LimitBytes"].int.map { Units.decimalSize($0) } ?? ""), ("Status", "N/A"),
        ("Labels", volume["Labels"].members.map { "\($0.name)=\($0.value.string ?? "")" }.joined(separator: ",")),
      ])
    }
    try list.show(listing)
  }
}

struct VolumeInspect: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "inspect", abstract: "Show all there is to know about volumes.")
  @OptionGroup var connection: EngineOptions
  @Option(name: .shortAndLong, help: "json, or a template such as '{{.Mountpoint}}'.") var format: String?
  @Argument(help: "Names.") var volumes: [String]

  func run() throws { try connection.engine().inspect(volumes, types: ["volume"], format: format) }
}

struct VolumeRemove: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "rm", abstract: "Remove volumes and what is in them.")
  @OptionGroup var connection: EngineOptions
  @Flag(name: .shortAndLong, help: "Even if it does not exist.") var force = false
  @Argument(help: "Names.") var volumes: [String]

  func run() throws {
    let engine = try connection.engine()
    try engine.each(volumes) { name throws(ClientError) in
      try engine.call(.delete, "/volumes/\(Engine.escape(name))", query: [("force", force ? "1" : nil)])
    }
  }
}

struct VolumePrune: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "prune", abstract: "Remove volumes that no container uses.")
  @OptionGroup var options: PruneOptions
  @Flag(name: .shortAndLong, help: "Those with a name, too.") var all = false

  func run() throws {
    try options.prune(
      ["volumes"],
      what: all ? "all volumes that no container uses" : "all volumes without a name that no container uses",
      adding: ["volumes": all ? [("all", "1")] : []])
  }
}
