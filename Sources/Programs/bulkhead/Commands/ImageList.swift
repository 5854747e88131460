import ArgumentParser

/// What `images` and `image ls` share.
struct ImageListOptions: ParsableArguments {
  @OptionGroup var connection: EngineOptions
  @OptionGroup var list: ListOptions
  @Flag(name: .shortAndLong, help: "Those without a name, too.") var all = false
  @Flag(help: "Show digests.") var digests = false
  @Argument(help: "Only this name.") var name: String?

  func show() throws(ClientError) {
    let answer = try connection.engine().call(
      .get, "/images/json",
      query: [
        ("all", all ? "1" : nil), ("digests", digests ? "1" : nil),
        ("filters", try list.filters(adding: name.map { [("reference", $0)] } ?? [])),
      ])
    var columns = [("REPOSITORY", "Repository"), ("TAG", "Tag")]
    if digests { columns.append(("DIGEST", "Digest")) }
    columns += [("IMAGE ID", "ID"), ("CREATED", "CreatedSince"), ("SIZE", "Size")]
    var listing = Listing(columns, identity: "ID")
    for image in answer.items {
      let names = image["RepoTags"].items.compactMap(\.string).filter { $0 != "<none>:<none>" }
      // One line for each name; with --quiet one for each image.
      let shown = list.quiet ? Array(names.prefix(1)) : names
      for name in shown.isEmpty ? ["<none>:<none>"] : shown { listing.add(fields(image, name: name)) }
    }
    try list.show(listing)
  }

  private func fields(_ image: JSONValue, name: String) -> [(String, String)] {
    let id = image.text("Id")
    let colon = name.lastIndex(of: ":") ?? name.endIndex
    let digest = image["RepoDigests"].items.first?.string.flatMap { splitOnce($0, "@")?.1 }
    let created = image["Created"].int ?? 0
    return [
      ("Repository", String(name[..<colon])),
      ("Tag", String(name[colon...].dropFirst())),
      ("Digest", digest ?? "<none>"),
      ("ID", list.noTrunc ? id : Self.short(id)),
      ("CreatedSince", created > 0 ? Units.age(seconds: Units.now().minus(created)) + " ago" : "N/A"),
      ("CreatedAt", Units.localDate(seconds: created)),
      ("Size", Units.decimalSize(image["Size"].int ?? 0)),
      ("Containers", image["Containers"].int.flatMap { $0 < 0 ? nil : String($0) } ?? "N/A"),
    ]
  }

  /// The first twelve digits of an image's id.
  static func short(_ id: String) -> String { String((splitOnce(id, ":")?.1 ?? id).prefix(12)) }
}

struct Images: ParsableCommand {
  static let configuration = CommandConfiguration(abstract: "List images.")
  @OptionGroup var options: ImageListOptions

  func run() throws { try options.show() }
}

struct ImageList: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "ls", abstract: "List images.")
  @OptionGroup var options: ImageListOptions

  func run() throws { try options.show() }
}

struct ImageGroup: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "image", abstract: "Make, list, inspect and remove images.",
    subcommands: [
      Bootstrap.self, ImageList.self, ImageInspect.self, History.self, Tag.self, Load.self, Save.self, Import.self,
      Pull.self, Push.self,
      ImageRemove.self, ImagePrune.self,
    ])
}

struct ImageInspect: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "inspect", abstract: "Show all there is to know about images.")
  @OptionGroup var connection: EngineOptions
  @Option(name: .shortAndLong, help: "json, or a template such as '{{.Size}}'.") var format: String?
  @Argument(help: "Names or ids.") var images: [String]

  func run() throws { try connection.engine().inspect(images, types: ["image"], format: format) }
}

struct History: ParsableCommand {
  static let configuration = CommandConfiguration(abstract: "Show how an image came about.")
  @OptionGroup var connection: EngineOptions
  @OptionGroup var list: ListOptions
  @Argument(help: "Name or id.") var image: String

  func run() throws {
    let answer = try connection.engine().call(.get, "/images/\(Engine.escape(image))/history")
    var listing = Listing(
      [
        ("IMAGE", "ID"), ("CREATED", "CreatedSince"), ("CREATED BY", "CreatedBy"), ("SIZE", "Size"),
        ("COMMENT", "Comment"),
      ],
      identity: "ID")
    for step in answer.items {
      let by = step.text("CreatedBy").replacing("\t", with: " ").replacing("\n", with: " ")
      let id = step.text("Id")
      listing.add([
        ("ID", list.noTrunc || !id.contains(":") ? id : ImageListOptions.short(id)),
        ("CreatedSince", Units.age(seconds: Units.now().minus(step["Created"].int ?? 0)) + " ago"),
        ("CreatedAt", JSONValue.int(step["Created"].int ?? 0).moment),
        ("CreatedBy", list.noTrunc || by.count <= 45 ? by : by.prefix(44) + "…"),
        ("Size", Units.decimalSize(step["Size"].int ?? 0)),
        ("Comment", step.text("Comment")),
      ])
    }
    try list.show(listing)
  }
}

/// What `rmi` and `image rm` share.
struct ImageRemoveOptions: ParsableArguments {
  @OptionGroup var connection: EngineOptions
  @Flag(name: .shortAndLong, help: "Even if it has several names or a container that ended uses it.") var force = false
  @Flag(help: "Keep parents without a name.") var noPrune = false
  @Argument(help: "Names or ids.") var images: [String]

  func remove() throws(ClientError) {
    let engine = try connection.engine()
    var failed: ClientError?
    for name in images {
      do {
        let answer = try engine.call(
          .delete, "/images/\(Engine.escape(name))",
          query: [("force", force ? "1" : nil), ("noprune", noPrune ? "1" : nil)])
        for item in answer.items {
          for member in item.members { print("\(member.name): \(member.value.string ?? "")") }
        }
      } catch {
        if let failed { Console.complain(failed.message) }
        failed = error
      }
    }
    if let failed { throw failed }
  }
}

struct RemoveImage: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "rmi", abstract: "Remove images.")
  @OptionGroup var options: ImageRemoveOptions

  func run() throws { try options.remove() }
}

struct ImageRemove: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "rm", abstract: "Remove images.")
  @OptionGroup var options: ImageRemoveOptions

  func run() throws { try options.remove() }
}

struct ImagePrune: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "prune", abstract: "Remove images that nothing uses.")
  @OptionGroup var options: PruneOptions
  @Flag(name: .shortAndLong, help: "Those with a name, too.") var all = false

  func run() throws {
    try options.prune(
      ["images"], what: all ? "all images that no container uses" : "all images without a name",
      adding: ["images": all ? [("dangling", "false")] : []])
  }
}
