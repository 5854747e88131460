import ArgumentParser

struct Audit: ParsableCommand {
  /// What the server writes down.
  enum Action: String, ExpressibleByArgument, CaseIterable {
    case pullManifest, pullBlob, pushManifest, pushBlob, mountBlob, deleteTag, deleteManifest, deleteBlob, login, change
    /// Something was refused.
    case refused
    /// How much more there was than is written down one by one.
    case further
  }

  static let configuration = CommandConfiguration(
    abstract: "Show who pushed, pulled, deleted, signed in and changed accounts; the newest first.")
  static let pageSize = 200

  @OptionGroup var connection: ServerOptions
  @OptionGroup var list: ShowOptions
  @Flag(help: "Do not shorten the table's digests.") var noTrunc = false
  @Option(help: "Only this project.") var project: String?
  @Option(help: "Only what this user or robot did.") var caller: String?
  @Option(help: "Only this.") var action: Action?
  @Option(help: "Not before this time: 10m, 2026-01-31T12:00:00Z.") var since: String?
  @Option(name: [.customShort("n"), .long], help: "Entries at most.") var limit = 100

  func validate() throws {
    guard limit > 0 else { throw ValidationError("--limit '\(limit)' is not above 0") }
  }

  func run() throws {
    var first: Int64?
    if let since { first = Int64(try Units.parseTime(since, option: "--since", now: Units.now())) }
    var listing = Listing(
      columns: [
        .init("TIME", "Time"), .init("CALLER", "Caller", absent: "-"), .init("ACTION", "Action"),
        .init("PROJECT", "Project", absent: "-"),
        .init("WHAT", "What", absent: "-", shown: noTrunc ? { $0.readable } : { $0.readableDigest }),
        .init("COUNT", "Count"), .init("OUTCOME", "Outcome"), .init("FROM", "From"),
      ], identity: "ID")
    for entry in try entries(try connection.connect(), from: first) { listing.add(Self.row(entry)) }
    try list.show(listing)
  }

  /// The newest entries, page by page, down to a point in time.
  private func entries(_ server: Server, from first: Int64?) throws(ClientError) -> [JSONValue] {
    var found: [JSONValue] = []
    var before: String?
    while found.count < limit {
      let page = try server.call(
        .get, "/audit",
        query: [
          ("limit", String(min(Self.pageSize, limit - found.count))), ("before", before), ("project", project),
          ("caller", caller), ("action", action?.rawValue),
        ]
      ).items
      for entry in page {
        if let first, let at = Self.seconds(entry["at"]), at < first { return found }
        found.append(entry)
      }
      guard let last = page.last, last["id"].compact != before else { break }
      before = last["id"].string ?? last["id"].compact
    }
    return found
  }

  private static func seconds(_ at: JSONValue) -> Int64? { at.int ?? at.string.flatMap(Units.parseDate) }

  private static func row(_ entry: JSONValue) -> JSONValue {
    let repository = entry.text("repository")
    let reference = entry.text("reference")
    let what = [repository, reference].filter { !$0.isEmpty }
      .joined(separator: reference.hasPrefix("sha") && reference.contains(":") ? "@" : ":")
    return [
      "ID": entry["id"], "Time": entry["at"].time, "Caller": entry["caller"].unlessEmpty, "Action": entry["action"],
      "Project": entry["project"].unlessEmpty, "What": .string(what), "Repository": entry["repository"].unlessEmpty,
      "Reference": entry["reference"].unlessEmpty, "Digest": entry["digest"].unlessEmpty,
      "Count": .int(entry["count"].int ?? 1), "Outcome": entry["outcome"], "From": entry["from"].unlessEmpty,
    ]
  }
}
