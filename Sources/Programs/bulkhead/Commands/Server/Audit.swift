import ArgumentParser

struct Audit: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Show who pushed, pulled, deleted, signed in and changed accounts; the newest first.")
  static let pageSize = 200

  @OptionGroup var connection: ServerOptions
  @OptionGroup var list: ShowOptions
  @Option(help: "Only this project.") var project: String?
  @Option(help: "Only what this user or robot did.") var caller: String?
  @Option(help: "Only this action, such as pushManifest or refused.") var action: String?
  @Option(help: "Not before this time: 10m, 2026-01-31T12:00:00Z.") var since: String?
  @Option(name: [.customShort("n"), .long], help: "Entries at most.") var limit = 100

  func validate() throws {
    guard limit > 0 else { throw ValidationError("--limit '\(limit)' is not above 0") }
  }

  func run() throws {
    var first: Int64?
    if let since { first = Int64(try Units.parseTime(since, option: "--since", now: Units.now())) }
    var listing = Listing(
      [
        ("TIME", "Time"), ("CALLER", "Caller"), ("ACTION", "Action"), ("PROJECT", "Project"), ("WHAT", "What"),
        ("OUTCOME", "Outcome"), ("FROM", "From"),
      ], identity: "ID")
    for entry in try entries(try connection.connect(), from: first) { listing.add(Self.fields(entry)) }
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
          ("caller", caller), ("action", action),
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

  private static func fields(_ entry: JSONValue) -> [(String, String)] {
    let repository = entry.text("repository")
    let reference = entry.text("reference")
    let what = [repository, reference].filter { !$0.isEmpty }
      .joined(separator: reference.hasPrefix("sha") && reference.contains(":") ? "@" : ":")
    return [
      ("Time", entry["at"].moment), ("Caller", entry.text("caller")), ("Action", entry.text("action")),
      ("Project", entry.text("project")), ("What", what), ("Outcome", entry.text("outcome")),
      ("From", entry.text("from")), ("ID", entry["id"].string ?? entry["id"].compact), ("Repository", repository),
      ("Reference", reference), ("Digest", entry.text("digest")),
    ]
  }
}
