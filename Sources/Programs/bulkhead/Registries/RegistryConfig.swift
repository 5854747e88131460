import Glibc

/// Credentials for one registry, as docker's configuration file and its helpers keep them.
struct RegistryLogin: Equatable {
  /// What stands for the user where the secret is a token.
  static let tokenUser = "<token>"

  var user: String
  var secret: String

  var isToken: Bool { user == Self.tokenUser }
}

/// Docker's configuration file, `config.json` in `$DOCKER_CONFIG` or `~/.docker`: who is signed in where, and which programs keep
/// the secrets (docs.docker.com, *docker login*, *Credential stores*).
struct RegistryConfig {
  static let dockerServer = "https://index.docker.io/v1/"
  private static let maximumBytes = 4 << 20

  let path: String
  private(set) var document: JSONValue

  /// Reads the file; one that is not there is empty.
  init(environment: (String) -> String?) throws(ClientError) {
    let folder =
      environment("DOCKER_CONFIG").flatMap { $0.isEmpty ? nil : $0 }
      ?? (environment("HOME") ?? "") + "/.docker"
    try self.init(path: folder + "/config.json")
  }

  init(path: String) throws(ClientError) {
    self.path = path
    guard let bytes = try WholeFile.read(path, limit: Self.maximumBytes) else {
      document = .object([])
      return
    }
    do {
      document = bytes.allSatisfy({ $0 <= 0x20 }) ? .object([]) : try JSONParser.parse(bytes)
    } catch {
      throw ClientError("'\(path)' is not JSON: \(error)")
    }
    guard case .object = document else { throw ClientError("'\(path)' is not a JSON object") }
  }

  /// The name under which a registry's credentials are kept.
  static func key(of registry: String) -> String {
    var text = registry[...]
    for scheme in ["https://", "http://"] where text.hasPrefix(scheme) { text = text.dropFirst(scheme.count) }
    let host = String(text.prefix { $0 != "/" })
    return ["", "docker.io", "index.docker.io", "registry-1.docker.io"].contains(host) ? dockerServer : host
  }

  /// The registry of an image's name.
  static func registry(of image: String) -> String {
    let first = image.split(separator: "/", omittingEmptySubsequences: false).first.map(String.init) ?? ""
    let isHost = image.contains("/") && (first.contains(".") || first.contains(":") || first == "localhost")
    return isHost ? first : "docker.io"
  }

  /// The program that keeps a registry's credentials; nil where the file itself does.
  func helper(for key: String) -> String? {
    let own = document["credHelpers"].members.first { $0.name == key || Self.key(of: $0.name) == key }?.value.string
    let name = own ?? document["credsStore"].string
    // A name with a slash would be a path.
    return name.flatMap { $0.isEmpty || $0.contains("/") ? nil : "docker-credential-\($0)" }
  }

  /// Who is signed in to a registry; nil for nobody.
  func login(for registry: String) throws(ClientError) -> RegistryLogin? {
    let key = Self.key(of: registry)
    if let helper = helper(for: key) {
      let (output, code) = try ChildProcess.run([helper, "get"], input: Array(key.utf8))
      let answer = try? JSONParser.parse(output)
      guard code == 0, let answer else {
        // Helpers tell in words that they have nothing; any other failure counts.
        let text = String(decoding: output.prefix(300), as: UTF8.self)
        if text.contains("credentials not found") { return nil }
        throw ClientError("\(helper) failed: \(text.filter { !$0.isNewline })")
      }
      let user = answer.text("Username")
      let secret = answer.text("Secret")
      return secret.isEmpty ? nil : RegistryLogin(user: user, secret: secret)
    }
    guard let entry = document["auths"].members.first(where: { $0.name == key || Self.key(of: $0.name) == key })?.value
    else { return nil }
    if let token = entry["identitytoken"].string, !token.isEmpty {
      return RegistryLogin(user: RegistryLogin.tokenUser, secret: token)
    }
    if let text = entry["auth"].string, let bytes = Base64.decode(text),
      let (user, secret) = splitOnce(String(decoding: bytes, as: UTF8.self), ":")
    {
      // Old files have zero bytes at the end.
      return RegistryLogin(user: user, secret: secret.filter { $0 != "\0" })
    }
    guard let user = entry["username"].string, let secret = entry["password"].string else { return nil }
    return RegistryLogin(user: user, secret: secret)
  }

  /// The registries that somebody is signed in to, by the names under which credentials are kept.
  var servers: [String] {
    let names = document["auths"].members.map(\.name) + document["credHelpers"].members.map(\.name)
    return Set(names.map(Self.key)).sorted()
  }

  /// Keeps credentials, in the helper where there is one.
  mutating func store(_ login: RegistryLogin, for registry: String) throws(ClientError) {
    let key = Self.key(of: registry)
    var entry = JSONValue.object([])
    if let helper = helper(for: key) {
      let input: JSONValue = [
        "ServerURL": .string(key), "Username": .string(login.user), "Secret": .string(login.secret),
      ]
      let (output, code) = try ChildProcess.run([helper, "store"], input: Array(input.compact.utf8))
      guard code == 0 else {
        throw ClientError(
          "\(helper) failed: \(String(decoding: output.prefix(300), as: UTF8.self).filter { !$0.isNewline })")
      }
    } else if login.isToken {
      entry["auth"] = .string(Base64.encode(Array("\(login.user):".utf8)))
      entry["identitytoken"] = .string(login.secret)
    } else {
      entry["auth"] = .string(Base64.encode(Array("\(login.user):\(login.secret)".utf8)))
    }
    document["auths"][key] = entry
    try save()
  }

  /// Forgets credentials; false where there were none.
  mutating func remove(_ registry: String) throws(ClientError) -> Bool {
    let key = Self.key(of: registry)
    let wasThere = document["auths"].members.contains { $0.name == key || Self.key(of: $0.name) == key }
    if let helper = helper(for: key) { _ = try ChildProcess.run([helper, "erase"], input: Array(key.utf8)) }
    document["auths"] = .object(
      document["auths"].members.filter { $0.name != key && Self.key(of: $0.name) != key })
    if wasThere { try save() }
    return wasThere
  }

  /// Writes the file anew, readable by its owner alone, whole or not at all.
  private func save() throws(ClientError) {
    let folder = WholeFile.folder(of: path)
    if mkdir(folder, 0o700) != 0, errno != EEXIST {
      throw ClientError("cannot make '\(folder)': \(describe(errno: errno))")
    }
    try WholeFile.write(path, Array((document.pretty + "\n").utf8), mode: 0o600)
  }
}

extension Engine {
  /// The header that carries a registry's credentials (Docker Engine API, *Authentication*).
  static func authorization(for image: String) throws(ClientError) -> [(String, String)] {
    let registry = RegistryConfig.registry(of: image)
    let login = try RegistryConfig(environment: environmentVariable).login(for: registry)
    return [("X-Registry-Auth", header(login, registry: registry))]
  }

  /// The header that carries the credentials of all registries: which of them a build asks, its Dockerfile says.
  static func authorizations() throws(ClientError) -> [(String, String)] {
    try authorizations(RegistryConfig(environment: environmentVariable))
  }

  static func authorizations(_ config: RegistryConfig) throws(ClientError) -> [(String, String)] {
    var all = JSONValue.object([])
    for server in config.servers {
      guard let login = try config.login(for: server) else { continue }
      all[server] = value(login, registry: server)
    }
    return all.members.isEmpty
      ? [] : [("X-Registry-Config", Base64.encode(Array(all.compact.utf8), forAddress: true))]
  }

  static func header(_ login: RegistryLogin?, registry: String) -> String {
    let document = login.map { Self.value($0, registry: registry) } ?? JSONValue.object([])
    return Base64.encode(Array(document.compact.utf8), forAddress: true)
  }

  private static func value(_ login: RegistryLogin, registry: String) -> JSONValue {
    var value: JSONValue =
      login.isToken
      ? ["identitytoken": .string(login.secret)]
      : ["username": .string(login.user), "password": .string(login.secret)]
    value["serveraddress"] = .string(RegistryConfig.key(of: registry))
    return value
  }
}
