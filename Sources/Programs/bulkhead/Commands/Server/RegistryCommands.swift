import ArgumentParser

struct RegistryGroup: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "registry", abstract: "What the server's registry holds, and its upkeep.",
    subcommands: [
      RegistryRepositories.self, RegistryArtifacts.self, RegistryRemove.self, RegistryCollect.self,
      RegistryCheck.self,
    ])
}

struct RegistryRepositories: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "repositories", abstract: "List the repositories of projects.")
  @OptionGroup var connection: ServerOptions
  @OptionGroup var list: ShowOptions
  @Argument(help: "Projects; all when none is named.") var projects: [String] = []

  func run() throws {
    let server = try connection.connect()
    let names = projects.isEmpty ? try server.list("/projects").map { $0.text("name") } : projects
    var listing = Listing(
      [("REPOSITORY", "Name"), ("MANIFESTS", "Manifests"), ("CREATED", "Created")], identity: "Name")
    for name in names {
      for repository in try server.list(try Server.path("projects", name, "repositories")) {
        listing.add([
          ("Name", repository.text("name")), ("Manifests", repository["manifests"].compact),
          ("Created", repository["createdAt"].moment), ("Project", name),
        ])
      }
    }
    try list.show(listing)
  }
}

struct RegistryArtifacts: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "artifacts", abstract: "List the images and other artifacts of repositories.")
  @OptionGroup var connection: ServerOptions
  @OptionGroup var list: ShowOptions
  @Flag(help: "Do not shorten.") var noTrunc = false
  @Argument(help: "Repositories: PROJECT/NAME.") var repositories: [String]

  func run() throws {
    let server = try connection.connect()
    var listing = Listing(
      [
        ("REPOSITORY", "Repository"), ("TAGS", "Tags"), ("DIGEST", "Digest"), ("TYPE", "Type"), ("SIZE", "Size"),
        ("PUSHED", "Pushed"),
      ], identity: "Digest")
    for repository in repositories {
      let path = try Server.path("projects", try StoredImage.project(of: repository), "artifacts")
      for artifact in try server.list(path, query: [("repository", repository)]) {
        let digest = artifact.text("digest")
        listing.add([
          ("Repository", repository), ("Tags", artifact["tags"].strings.joined(separator: ",")),
          ("Digest", list.quiet || noTrunc ? digest : String(digest.prefix(19))),
          ("Type", StoredImage.kind(artifact)), ("Size", artifact["size"].size),
          ("Pushed", artifact["pushedAt"].moment),
          ("MediaType", artifact.text("mediaType")), ("ArtifactType", artifact.text("artifactType")),
          ("PushedBy", artifact.text("pushedBy")), ("Subject", artifact.text("subject")),
          ("Bytes", artifact["size"].compact),
        ])
      }
    }
    try list.show(listing)
  }
}

/// What the registry keeps under a name.
struct StoredImage: Equatable {
  var repository: String
  /// A tag or a digest.
  var reference: String

  /// Takes `PROJECT/NAME:TAG` and `PROJECT/NAME@DIGEST`.
  init(parsing text: String) throws(ClientError) {
    if let (repository, digest) = splitOnce(text, "@") {
      self.repository = repository
      reference = digest
    } else if let colon = text.lastIndex(of: ":"), !text[colon...].contains("/") {
      repository = String(text[..<colon])
      reference = String(text[text.index(after: colon)...])
    } else {
      throw ClientError("'\(text)' names no image: write PROJECT/NAME:TAG or PROJECT/NAME@DIGEST")
    }
    guard !reference.isEmpty else { throw ClientError("'\(text)' has neither tag nor digest") }
    _ = try Self.project(of: repository)
  }

  static func project(of repository: String) throws(ClientError) -> String {
    guard let (project, rest) = splitOnce(repository, "/"), !project.isEmpty, !rest.isEmpty else {
      throw ClientError("'\(repository)' is no repository: write PROJECT/NAME")
    }
    return project
  }

  /// A word for an artifact's type.
  static func kind(_ artifact: JSONValue) -> String {
    if let type = artifact["artifactType"].string, !type.isEmpty, !type.hasSuffix(".image.config.v1+json") {
      return type
    }
    let media = artifact.text("mediaType")
    if media.hasSuffix(".image.index.v1+json") || media.hasSuffix(".manifest.list.v2+json") { return "index" }
    if media.hasSuffix(".image.manifest.v1+json") || media.hasSuffix(".distribution.manifest.v2+json") {
      return "image"
    }
    return media
  }
}

struct RegistryRemove: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "rm", abstract: "Remove tags, images with all their tags, or whole repositories.",
    discussion: "The space comes back with the next garbage collection.")
  @OptionGroup var connection: ServerOptions
  @Flag(help: "The names are repositories: PROJECT/NAME, removed with all they hold.") var repository = false
  @Argument(help: "PROJECT/NAME:TAG removes a tag, PROJECT/NAME@DIGEST an image.") var names: [String]

  func run() throws {
    let server = try connection.connect()
    try server.each(names) { text throws(ClientError) in
      if repository {
        try server.call(
          .delete, try Server.path("projects", try StoredImage.project(of: text), "repositories"),
          query: [("repository", text)])
        return
      }
      let image = try StoredImage(parsing: text)
      try server.call(
        .delete, try Server.path("projects", try StoredImage.project(of: image.repository), "artifacts"),
        query: [("repository", image.repository), ("reference", image.reference)])
    }
  }
}

struct RegistryCollect: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "gc", abstract: "Remove what nothing needs, while others push and pull.")
  @OptionGroup var connection: ServerOptions
  @Flag(help: "Only tell what would go.") var dryRun = false
  @Option(help: "json, or a template such as '{{.freedDiskBytes}}'.") var format: String?

  func run() throws {
    let answer = try connection.connect().call(
      .post, "/registry/gc", query: [("dryRun", dryRun ? "true" : nil)])
    if let format {
      print(format == "json" ? answer.compact : try Template(parsing: format).render(answer))
      return
    }
    func count(_ field: String) -> String { String(answer[field].int ?? 0) }
    print("blobs removed:        \(count("removedBlobs")) (\(Units.decimalSize(answer["removedBytes"].int ?? 0)))")
    print("blobs unlinked:       \(count("unlinkedBlobs"))")
    print("repositories removed: \(count("removedRepositories"))")
    print("uploads given up:     \(count("expiredUploads"))")
    print("space on the disk:    \(Units.decimalSize(answer["freedDiskBytes"].int ?? 0))")
    if dryRun { print("Nothing was removed, as --dry-run was given.") }
  }
}

struct RegistryCheck: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "fsck", abstract: "Compare the registry's files and records.",
    discussion:
      "Exit code 0: nothing is wrong, or all was repaired; \(ExitStatus.incomplete): something is wrong. Pushes wait meanwhile."
  )
  @OptionGroup var connection: ServerOptions
  @Flag(help: "Make records again from the files and put damaged blobs aside.") var repair = false
  @Flag(help: "Read every blob and check its digest.") var content = false
  @Option(help: "table, json (all of the outcome), or a template for each finding.") var format: String?

  func run() throws {
    let outcome = try connection.connect().call(
      .post, "/registry/check", query: [("repair", repair ? "true" : nil), ("content", content ? "true" : nil)])
    let findings = outcome["findings"].items
    if format == "json" {
      print(outcome.compact)
    } else if format != nil || !findings.isEmpty {
      var listing = Listing(
        [("KIND", "Kind"), ("SUBJECT", "Subject"), ("STATE", "State"), ("DETAIL", "Detail")], identity: "Subject")
      for finding in findings {
        listing.add([
          ("Kind", finding.text("kind")), ("Subject", finding.text("subject")),
          ("State", finding["isRepaired"].bool == true ? "repaired" : "open"), ("Detail", finding.text("detail")),
        ])
      }
      print(try listing.text(format: format, quiet: false), terminator: "")
    }
    let further = outcome["furtherFindings"].int ?? 0
    let open = findings.filter { $0["isRepaired"].bool != true }.count
    if format == nil {
      print("\(outcome["blobs"].int ?? 0) blobs and \(outcome["manifests"].int ?? 0) manifests were looked at")
      if further > 0 { print("\(further) further findings are not shown") }
      if open > 0, !repair { print("run it with --repair") }
    }
    if open > 0 || further > 0 { throw ExitCode(ExitStatus.incomplete) }
  }
}
