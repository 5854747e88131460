import ArgumentParser

struct VolumeBackups: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "backups", abstract: "List, check and remove backups that the engine keeps.",
    subcommands: [List.self, Verify.self, Remove.self], defaultSubcommand: List.self)

  struct List: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "ls", abstract: "List backups.")
    @OptionGroup var connection: EngineOptions
    @OptionGroup var list: TableOptions
    @Argument(help: "Of this volume.") var volume: String?

    func run() throws {
      let answer = try connection.engine().call(.get, "/bulkhead/v1/backups", query: [("volume", volume)])
      var listing = Listing(
        [
          ("BACKUP", "Id"), ("VOLUME", "Volume"), ("CREATED", "CreatedAt"), ("SIZE", "Size"), ("FILES", "Consistency"),
          ("ENCRYPTED", "Encrypted"), ("SCHEDULED", "Scheduled"),
        ], identity: "Id")
      for backup in answer["Backups"].items {
        listing.add([
          ("Id", backup.text("Id")), ("Volume", backup.text("Volume")), ("CreatedAt", backup.text("CreatedAt")),
          ("Size", Units.decimalSize(backup["Size"].int ?? 0)), ("Consistency", backup.text("Consistency")),
          ("Encrypted", backup["Encrypted"].bool == true ? "yes" : "no"),
          ("Scheduled", backup["Scheduled"].bool == true ? "yes" : "no"),
        ])
      }
      try list.show(listing)
    }
  }

  struct Verify: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "verify", abstract: "Read a backup to its end and check everything.")
    @OptionGroup var connection: EngineOptions
    @OptionGroup var passphrase: PassphraseOptions
    @Argument(help: "The volume.") var volume: String
    @Argument(help: "The backup's id.") var backup: String

    func run() throws {
      let answer = try connection.engine().open(
        .post, "/bulkhead/v1/backups/\(Engine.escape(volume))/\(Engine.escape(backup))/verify",
        fields: try passphrase.fields())
      let entries = try Engine.decode(try answer.body.all(limit: Engine.maximumLineBytes))["Entries"].int ?? 0
      print("\(backup) is whole: \(entries) files and folders")
    }
  }

  struct Remove: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "rm", abstract: "Remove backups.")
    @OptionGroup var connection: EngineOptions
    @Argument(help: "The volume.") var volume: String
    @Argument(help: "The backups' ids.") var backups: [String]

    func run() throws {
      let engine = try connection.engine()
      try engine.each(backups) { id throws(ClientError) in
        try engine.call(.delete, "/bulkhead/v1/backups/\(Engine.escape(volume))/\(Engine.escape(id))")
      }
    }
  }
}
