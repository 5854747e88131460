import ArgumentParser

struct VolumeSchedule: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "schedule", abstract: "Show or set when volumes are backed up by themselves.",
    discussion: "Times are UTC. What is missed while the engine is down is made up for once.",
    subcommands: [One.self, List.self, Inspect.self], defaultSubcommand: One.self)

  struct One: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "set", abstract: "Show or set when a volume is backed up by itself.")
    private static let defaultKeep: Int64 = 7

    @OptionGroup var connection: EngineOptions
    @Option(help: "Minute, hour, day of month, month, day of week, as in crontab: '0 3 * * *'.") var at: String?
    @Option(help: "How many of these backups are kept; 7 when not given.") var keep: Int64?
    @Flag(help: "Do not let containers stand still meanwhile; files may not fit together.") var live = false
    @Flag(help: "Take the schedule away; backups stay.") var off = false
    @Argument(help: "The volume.") var volume: String

    func validate() throws {
      if off, at != nil { throw ValidationError("--off and --at exclude each other") }
      if at == nil, keep != nil || live {
        throw ValidationError("\(keep != nil ? "--keep" : "--live") is part of a schedule: say its --at, too")
      }
    }

    func run() throws {
      let engine = try connection.engine()
      let path = "/bulkhead/v1/volumes/\(Engine.escape(volume))/schedule"
      if off {
        _ = try engine.call(.delete, path)
        return
      }
      let answer =
        try at.map { at throws(ClientError) in
          try engine.call(
            .put, path,
            json: ["Schedule": .string(at), "Keep": .int(keep ?? Self.defaultKeep), "Live": .bool(live)])
        } ?? engine.call(.get, path)
      guard let table = answer["Schedule"].string else {
        return print("volume \(volume) is not backed up by itself")
      }
      print("schedule  \(table) (UTC)")
      print("next      \(answer.text("Next"))")
      print("keep      \(answer["Keep"].int ?? 0)")
      print("live      \(answer["Live"].bool == true)")
      if let last = answer["LastSuccess"].string { print("last      \(last)") }
      if let error = answer["LastError"].string { print("failed    \(answer.text("LastFailure")): \(error)") }
      if let count = answer["Failures"].int, count > 0 { print("failures  \(count)") }
    }
  }

  struct List: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "ls", abstract: "List the volumes that are backed up by themselves.")
    @OptionGroup var connection: EngineOptions
    @OptionGroup var list: TableOptions

    func run() throws {
      let answer = try connection.engine().call(.get, "/bulkhead/v1/schedules")
      var listing = Listing(
        [
          ("VOLUME", "Volume"), ("SCHEDULE (UTC)", "Schedule"), ("KEEP", "Keep"), ("NEXT", "Next"),
          ("LAST BACKUP", "LastSuccess"), ("RESULT", "Result"), ("FAILURES", "Failures"),
        ], identity: "Volume")
      for schedule in answer["Schedules"].items {
        let failed = schedule["LastError"].string != nil
        let result = failed ? "failed" : schedule["LastSuccess"].string == nil ? "none yet" : "ok"
        listing.add([
          ("Volume", schedule.text("Volume")), ("Schedule", schedule.text("Schedule")),
          ("Keep", "\(schedule["Keep"].int ?? 0)"), ("Live", "\(schedule["Live"].bool == true)"),
          ("Next", schedule.text("Next")), ("LastSuccess", schedule.text("LastSuccess")), ("Result", result),
          ("LastFailure", schedule.text("LastFailure")), ("LastError", schedule.text("LastError")),
          ("Failures", "\(schedule["Failures"].int ?? 0)"),
        ])
      }
      try list.show(listing)
    }
  }

  struct Inspect: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "inspect", abstract: "Show all that is known of volumes' scheduled backups.")
    @OptionGroup var connection: EngineOptions
    @Option(name: .shortAndLong, help: "json, or a template such as '{{.LastSuccess}}'.") var format: String?
    @Argument(help: "The volumes.") var volumes: [String]

    func validate() throws { try Template.check(format) }

    func run() throws { try connection.engine().inspect(volumes, types: [Kinds.schedule], format: format) }
  }
}
