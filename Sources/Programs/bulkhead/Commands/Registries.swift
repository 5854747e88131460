import ArgumentParser
import Glibc

struct Pull: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Bring an image from a registry.",
    discussion: "Credentials are those of 'bulkhead login' or 'docker login'.")
  @OptionGroup var connection: EngineOptions
  @Flag(name: .shortAndLong, help: "All tags of the repository.") var allTags = false
  @Flag(name: .shortAndLong, help: "No progress; the name at the end.") var quiet = false
  @Option(help: "Of an image for several platforms the one for this, such as linux/arm64.") var platform: String?
  @Argument(help: "The image: [HOST[:PORT]/]NAME[:TAG|@DIGEST].") var image: String

  func run() throws {
    let (name, tag) = image.contains("@") ? (image, nil) : Engine.repositoryAndTag(image)
    if allTags, tag != nil || image.contains("@") { throw ClientError.usage("tag can't be used with --all-tags/-a") }
    try connection.engine().pull(
      name, tag: image.contains("@") || allTags ? nil : tag ?? "latest", platform: platform, quiet: quiet)
    if quiet { print(image) }
  }
}

struct Push: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Send an image to the registry of its name.",
    discussion: "Credentials are those of 'bulkhead login' or 'docker login'.")
  @OptionGroup var connection: EngineOptions
  @Flag(name: .shortAndLong, help: "All tags of the repository.") var allTags = false
  @Flag(name: .shortAndLong, help: "No progress; the name at the end.") var quiet = false
  @Argument(help: "The image: [HOST[:PORT]/]NAME[:TAG].") var image: String

  func run() throws {
    let (name, tag) = Engine.repositoryAndTag(image)
    if allTags, tag != nil { throw ClientError.usage("tag can't be used with --all-tags/-a") }
    let engine = try connection.engine()
    let response = try engine.open(
      .post, "/images/\(Engine.escape(name))/push", query: [("tag", allTags ? nil : tag ?? "latest")],
      fields: try Engine.authorization(for: image))
    var view = TransferView(quiet: quiet)
    try engine.eachDocument(of: response) { document throws(ClientError) in try view.take(document) }
    if quiet { print(image) }
  }
}

extension Engine {
  /// Pulls an image and shows how it goes on.
  /// - Parameter tag: nil for all tags, and for a name with a digest.
  func pull(
    _ name: String, tag: String?, platform: String?, quiet: Bool, output: Int32 = STDOUT_FILENO
  ) throws(ClientError) {
    let query: [(String, String?)] = [("fromImage", name), ("tag", tag), ("platform", platform)]
    let response = try open(.post, "/images/create", query: query, fields: try Self.authorization(for: name))
    var view = TransferView(quiet: quiet, descriptor: output)
    try eachDocument(of: response) { document throws(ClientError) in try view.take(document) }
  }
}

struct Login: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Sign in to a registry, for this client and docker's.",
    discussion: "The credentials are kept in docker's config.json, or by the program that it names.")
  @OptionGroup var connection: EngineOptions
  @Option(name: .shortAndLong, help: "User name.") var username: String?
  @Option(name: .shortAndLong, help: "Password; others can see it in the list of processes.") var password: String?
  @Flag(help: "Take the password from standard input.") var passwordStdin = false
  @Argument(help: "HOST[:PORT]; docker's own registry when not named.") var registry: String?

  func run() throws {
    let registry = registry ?? "docker.io"
    if passwordStdin, password != nil { throw ClientError.usage("--password and --password-stdin exclude each other") }
    if passwordStdin, username == nil { throw ClientError.usage("--password-stdin needs --username") }
    var config = try RegistryConfig(environment: environmentVariable)
    let known = try username == nil && password == nil ? config.login(for: registry) : nil
    let login: RegistryLogin
    if let known {
      print("Authenticating with existing credentials…")
      login = known
    } else {
      let user = try username ?? Prompt.ask("Username: ", echo: true, otherwise: "--username and --password-stdin")
      let secret =
        try password
        ?? (passwordStdin
          ? Prompt.firstLine()
          : Prompt.ask("Password: ", echo: false, otherwise: "--username and --password-stdin"))
      login = RegistryLogin(user: user, secret: secret)
    }
    guard !login.user.isEmpty, !login.secret.isEmpty else { throw ClientError("a user name and a password are needed") }
    var body: JSONValue =
      login.isToken
      ? ["identitytoken": .string(login.secret)]
      : ["username": .string(login.user), "password": .string(login.secret)]
    body["serveraddress"] = .string(RegistryConfig.key(of: registry))
    let answer = try connection.engine().call(.post, "/auth", json: body)
    let token = answer.text("IdentityToken")
    try config.store(
      token.isEmpty ? login : RegistryLogin(user: RegistryLogin.tokenUser, secret: token), for: registry)
    if config.helper(for: RegistryConfig.key(of: registry)) == nil {
      Console.complain("warning: the credentials are kept unencrypted in '\(config.path)'")
    }
    print(answer["Status"].string ?? "Login Succeeded")
  }
}

struct Logout: ParsableCommand {
  static let configuration = CommandConfiguration(abstract: "Sign out of a registry.")
  @Argument(help: "HOST[:PORT]; docker's own registry when not named.") var registry: String?

  func run() throws {
    let registry = registry ?? "docker.io"
    var config = try RegistryConfig(environment: environmentVariable)
    let key = RegistryConfig.key(of: registry)
    print(try config.remove(registry) ? "Removing login credentials for \(key)" : "Not logged in to \(key)")
  }
}

struct Search: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Look for images in a registry.",
    discussion: "Docker's own registry is asked, or the one that the word begins with: registry.example.com/web.")
  @OptionGroup var connection: EngineOptions
  @OptionGroup var list: ListOptions
  @Option(help: "Results at most (1 to 100).") var limit = 25
  @Argument(help: "A word.") var term: String

  func run() throws {
    let answer = try connection.engine().open(
      .get, "/images/search", query: [("term", term), ("limit", String(limit)), ("filters", try list.filters())],
      fields: try Engine.authorization(for: term))
    var listing = Listing(
      [("NAME", "Name"), ("DESCRIPTION", "Description"), ("STARS", "StarCount"), ("OFFICIAL", "IsOfficial")],
      identity: "Name")
    let found = try Engine.decode(try answer.body.all(limit: Engine.maximumAnswerBytes))
    for result in found.items {
      let words = result.text("description").filter { !$0.isNewline }
      listing.add([
        ("Name", result.text("name")),
        ("Description", list.noTrunc || words.count <= 45 ? words : words.prefix(44) + "…"),
        ("StarCount", String(result["star_count"].int ?? 0)),
        ("IsOfficial", result["is_official"].bool == true ? "[OK]" : ""),
      ])
    }
    try list.show(listing)
  }
}

struct ManifestGroup: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "manifest", abstract: "Look at images in a registry without pulling them.",
    subcommands: [ManifestInspect.self])
}

struct ManifestInspect: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "inspect", abstract: "Show an image's manifest or list of manifests as its registry has it.")
  @OptionGroup var connection: EngineOptions
  @Flag(name: .shortAndLong, help: "With digest and type, as the registry tells them.") var verbose = false
  @Argument(help: "The image: [HOST[:PORT]/]NAME[:TAG|@DIGEST].") var image: String

  func run() throws {
    let response = try connection.engine().open(
      .get, "/bulkhead/v1/manifests/\(Engine.escape(image))/json", fields: try Engine.authorization(for: image))
    let answer = try Engine.decode(try response.body.all(limit: Engine.maximumAnswerBytes))
    print((verbose ? answer : answer["manifest"]).pretty)
  }
}
