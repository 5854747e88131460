import ArgumentParser
import Glibc

/// What seals an archive, or opens it.
struct PassphraseOptions: ParsableArguments {
  /// The engine's bounds.
  static let bytes = 8...1_024

  @Option(help: "A file whose first line is the archive's passphrase; - for standard input.")
  var passphraseFile: String?

  /// The field of a request that has it. It is in no argument and no log.
  func fields() throws(ClientError) -> [(String, String)] {
    guard let passphraseFile else { return [] }
    let source = passphraseFile == "-" ? STDIN_FILENO : try openFile(passphraseFile)
    defer { if source != STDIN_FILENO { close(source) } }
    var line: [UInt8] = []
    // Byte by byte: what follows on standard input may be the archive.
    while line.count <= Self.bytes.upperBound, let byte = try readPiece(source, upTo: 1).first, byte != 0x0A {
      line.append(byte)
    }
    guard Self.bytes.contains(line.count) else {
      throw ClientError("a passphrase has \(Self.bytes.lowerBound) to \(Self.bytes.upperBound) bytes in one line")
    }
    return [("X-Bulkhead-Passphrase", Base64.encode(line))]
  }
}

/// Whether containers stand still while their volume is copied.
struct CopyOptions: ParsableArguments {
  @Flag(help: "Do not let containers stand still meanwhile; files may not fit together.") var live = false
  @Option(help: "How many seconds containers may stand still; then the copy fails and they go on. 900 when not given.")
  var maxStill: Int?

  var query: [(String, String?)] { [("live", live ? "1" : nil), ("still", maxStill.map { String($0) })] }
}

struct VolumeBackup: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "backup", abstract: "Make a backup of a volume.",
    discussion: """
      Containers that write to the volume stand still while it is read. The engine keeps the backup ('volume backups'), or
      --output takes it.
      """)
  @OptionGroup var connection: EngineOptions
  @OptionGroup var copy: CopyOptions
  @OptionGroup var passphrase: PassphraseOptions
  @Option(name: .shortAndLong, help: "Write it to this file, - for standard output; the engine keeps none.")
  var output: String?
  @Option(help: "Remove older backups of the volume until so many are left.") var keep: Int?
  @Argument(help: "The volume.") var volume: String

  func run() throws {
    let engine = try connection.engine()
    let fields = try passphrase.fields()
    if let output {
      guard keep == nil else {
        throw ClientError.usage("--keep is for backups that the engine keeps, not for --output")
      }
      return try engine.fetchVolume(volume, query: copy.query + [("format", "backup")], fields: fields, to: output)
    }
    let answer = try engine.open(
      .post, "/bulkhead/v1/volumes/\(Engine.escape(volume))/backups",
      query: copy.query + [("keep", keep.map { String($0) })], fields: fields)
    let backup = try Engine.decode(try answer.body.all(limit: Engine.maximumLineBytes))
    print(backup.text("Id"))
    if let still = backup["StillMilliseconds"].int {
      try writeAll(
        STDERR_FILENO, Array("containers stood still for \(still / 1_000).\(still % 1_000 / 100) s\n".utf8)[...])
    }
  }
}

struct VolumeRestore: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "restore", abstract: "Make a volume from a backup.",
    discussion: """
      The backup is read to its end before the volume is touched: one that is damaged changes nothing. Without an id or a file
      it is the newest that the engine keeps of the volume.
      """)
  @OptionGroup var connection: EngineOptions
  @OptionGroup var passphrase: PassphraseOptions
  @Option(name: .shortAndLong, help: "A file that 'volume backup --output' wrote, - for standard input.")
  var input: String?
  @Option(help: "The volume that the backup was made of; the same when not named.") var from: String?
  @Flag(name: .shortAndLong, help: "Replace what a volume of that name has.") var force = false
  @Argument(help: "The volume.") var volume: String
  @Argument(help: "The id of a backup that the engine keeps.") var backup: String?

  func run() throws {
    let engine = try connection.engine()
    let fields = try passphrase.fields()
    let path = "/bulkhead/v1/volumes/\(Engine.escape(volume))"
    if let input {
      guard backup == nil, from == nil else { throw ClientError.usage("--input names the backup already") }
      return print(
        try engine.bringVolume(
          volume, query: [("format", "backup"), ("force", force ? "1" : nil)], fields, from: input))
    }
    let source = from ?? volume
    let id: String
    if let backup {
      id = backup
    } else {
      let known = try engine.call(.get, "/bulkhead/v1/backups", query: [("volume", source)])["Backups"].items
      guard let newest = known.first(where: { $0.text("Consistency") != "damaged" }) else {
        throw ClientError("the engine keeps no backup of volume \(source)")
      }
      id = newest.text("Id")
    }
    let query = [("backup", Optional(id)), ("volume", source), ("force", force ? "1" : nil)]
    let answer = try engine.open(.post, path + "/restore", query: query, fields: fields)
    print(try Engine.decode(try answer.body.all(limit: Engine.maximumLineBytes)).text("Name"))
  }
}

struct VolumeExport: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "export", abstract: "Write a volume's files to a plain tar archive.")
  @OptionGroup var connection: EngineOptions
  @OptionGroup var copy: CopyOptions
  @Option(name: .shortAndLong, help: "The archive; standard output when not named.") var output: String?
  @Argument(help: "The volume.") var volume: String

  func run() throws {
    try connection.engine().fetchVolume(
      volume, query: copy.query + [("format", "tar")], fields: [], to: output ?? "-")
  }
}

struct VolumeImport: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "import", abstract: "Make a volume from a tar archive, packed or not.")
  @OptionGroup var connection: EngineOptions
  @Flag(name: .shortAndLong, help: "Replace what a volume of that name has.") var force = false
  @Argument(help: "The volume.") var volume: String
  @Argument(help: "The archive; standard input when not named, or -.") var archive: String?

  func run() throws {
    print(
      try connection.engine().bringVolume(
        volume, query: [("format", "tar"), ("force", force ? "1" : nil)], [], from: archive ?? "-"))
  }
}

struct VolumeSnapshot: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "snapshot", abstract: "Copy a volume into a new one.")
  @OptionGroup var connection: EngineOptions
  @OptionGroup var copy: CopyOptions
  @Argument(help: "The volume.") var volume: String
  @Argument(help: "The new volume's name.") var name: String

  func run() throws {
    let answer = try connection.engine().call(
      .post, "/bulkhead/v1/volumes/\(Engine.escape(volume))/snapshot", query: copy.query + [("as", name)])
    print(answer.text("Name"))
  }
}

extension Engine {
  /// Takes a volume's archive into a file that is there as a whole or not at all, or to standard output.
  fileprivate func fetchVolume(
    _ volume: String, query: [(String, String?)], fields: [(String, String)], to output: String
  ) throws(ClientError) {
    if output == "-", Terminal.isTerminal(STDOUT_FILENO) {
      throw ClientError("standard output is a terminal: name a file with --output")
    }
    let response = try open(.get, "/bulkhead/v1/volumes/\(Self.escape(volume))/archive", query: query, fields: fields)
    guard output != "-" else {
      while let piece = try response.body.next() { try writeAll(STDOUT_FILENO, piece[...]) }
      return
    }
    try WholeFile.write(output, mode: 0o600) { file throws(ClientError) in
      while let piece = try response.body.next() { try writeAll(file, piece[...]) }
    }
  }

  /// Sends an archive; returns the volume's name.
  fileprivate func bringVolume(
    _ volume: String, query: [(String, String?)], _ fields: [(String, String)], from input: String
  ) throws(ClientError) -> String {
    let source = input == "-" ? STDIN_FILENO : try openFile(input)
    if source == STDIN_FILENO, Terminal.isTerminal(source) {
      throw ClientError("standard input is a terminal: name an archive")
    }
    let response = try upload(
      .put, "/bulkhead/v1/volumes/\(Self.escape(volume))/archive", query: query, from: source, fields: fields)
    return try Self.decode(try response.body.all(limit: Self.maximumLineBytes)).text("Name")
  }
}
