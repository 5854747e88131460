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
          "Name": repository["name"], "Manifests": repository["manifests"],
          "Created": repository["createdAt"].time, "Project": .string(name),
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
  @Flag(help: "Do not shorten the table's digests.") var noTrunc = false
  @Argument(help: "Repositories: PROJECT/NAME.") var repositories: [String]

  func run() throws {
    let server = try connection.connect()
    var listing = Listing(
      columns: [
        .init("REPOSITORY", "Repository"), .init("TAGS", "Tags", absent: "<none>"),
        .init("DIGEST", "Digest", shown: noTrunc ? { $0.readable } : { $0.readableDigest }), .init("TYPE", "Type"),
        .init("SIZE", "SizeBytes", shown: \.readableSize), .init("PUSHED", "Pushed"),
      ], identity: "Digest")
    for repository in repositories {
      let path = try Server.path("projects", try StoredImage.project(of: repository), "artifacts")
      for artifact in try server.list(path, query: [("repository", repository)]) {
        listing.add([
          "Repository": .string(repository), "Tags": artifact["tags"], "Digest": artifact["digest"],
          "Type": .string(StoredImage.kind(artifact)), "SizeBytes": artifact["size"],
          "Pushed": artifact["pushedAt"].time, "PushedBy": artifact["pushedBy"].unlessEmpty,
          "MediaType": artifact["mediaType"], "ArtifactType": artifact["artifactType"].unlessEmpty,
          "Subject": artifact["subject"].unlessEmpty,
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
      throw ClientError.usage("'\(text)' names no image: write PROJECT/NAME:TAG or PROJECT/NAME@DIGEST")
    }
    guard !reference.isEmpty else { throw ClientError.usage("'\(text)' has neither tag nor digest") }
    _ = try Self.project(of: repository)
  }

  static func project(of repository: String) throws(ClientError) -> String {
    guard let (project, rest) = splitOnce(repository, "/"), !project.isEmpty, !rest.isEmpty else {
      throw ClientError.usage("'\(repository)' is no repository: write PROJECT/NAME")
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
    func size(_ field: String) -> String { Units.decimalSize(answer[field].int ?? 0) }
    print(dryRun ? "would be removed:" : "removed:")
    let lines = [
      ["  blobs", "\(count("removedBlobs")) (\(size("removedBytes")))"],
      ["  links of repositories to blobs", count("unlinkedBlobs")],
      ["  empty repositories", count("removedRepositories")],
      ["  unfinished uploads that expired", count("expiredUploads")],
      ["\(dryRun ? "space that would come" : "space that came") back on the disk", size("freedDiskBytes")],
    ]
    print(Listing.align(lines), terminator: "")
  }
}

struct RegistryCheck: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "fsck", abstract: "Check that the registry's records and files agree, and repair them.",
    discussion: """
      Pushes wait meanwhile, pulls go on. Without --repair nothing is changed. Exit code 0: nothing is wrong, or all was \
      repaired; \(ExitStatus.incomplete): something is left.
      """)
  @OptionGroup var connection: ServerOptions
  @Flag(help: "Make wrong records again from the files, and put damaged blobs aside.") var repair = false
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
        columns: [
          .init("FOUND", "Kind", shown: Self.words), .init("SUBJECT", "Subject"), .init("STATE", "State"),
          .init("DETAIL", "Detail"),
        ], identity: "Subject")
      for finding in findings {
        listing.add([
          "Kind": finding["kind"], "Subject": finding["subject"],
          "State": finding["isRepaired"].bool == true ? "repaired" : "open", "Detail": finding["detail"],
        ])
      }
      print(try listing.text(format: format, quiet: false), terminator: "")
    }
    if format == nil { print(Self.summary(of: outcome, repairs: repair, readsContent: content)) }
    if Self.open(outcome) > 0 { throw ExitCode(ExitStatus.incomplete) }
  }

  /// How many findings are not repaired; what is not shown counts as open.
  private static func open(_ outcome: JSONValue) -> Int64 {
    Int64(outcome["findings"].items.count { $0["isRepaired"].bool != true }).plus(outcome["furtherFindings"].int ?? 0)
  }

  /// What was checked, what came out, and what to do next.
  static func summary(of outcome: JSONValue, repairs: Bool, readsContent: Bool) -> String {
    func count(_ number: Int64, _ what: String) -> String { "\(number) \(what)\(number == 1 ? "" : "s")" }
    let checked =
      "\(count(outcome["manifests"].int ?? 0, "manifest")) and \(count(outcome["blobs"].int ?? 0, "blob")) checked"
      + (readsContent ? ", content included" : ", names and sizes (--content reads the blobs, too)")
    let further = outcome["furtherFindings"].int ?? 0
    let all = Int64(outcome["findings"].items.count).plus(further)
    let open = open(outcome)
    // No repair brings back what a manifest names.
    let incomplete = Int64(outcome["findings"].items.count { $0.text("kind") == "manifestIncomplete" })
    var lines = [checked]
    if further > 0 { lines.append("\(count(further, "further finding")) not shown") }
    switch (all, open) {
    case (0, _): lines.append("nothing is wrong")
    case (_, 0): lines.append("\(count(all, "finding")), all repaired")
    case _ where repairs || open == incomplete:
      lines.append("\(count(all, "finding")), \(open) left: push again what is named, or remove it with 'registry rm'")
    default:
      lines.append(
        "\(count(all, "finding")), \(open) open: repair with 'bulkhead registry fsck --repair"
          + "\(readsContent ? " --content" : "")'")
    }
    return lines.joined(separator: "\n")
  }

  /// `blobDamaged` as people write it: `blob damaged`.
  private static func words(_ kind: JSONValue) -> String {
    kind.readable.map { $0.isUppercase ? " " + $0.lowercased() : String($0) }.joined()
  }
}
