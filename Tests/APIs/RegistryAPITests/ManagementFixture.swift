import Accounts
import ContentStore
import Glibc
import HTTPServing
import LinuxSystem
import Logging
import Model
import OCITypes
import Persistence
import Registry
import RegistryClient
import RegistryDouble
import Replication
import Testing

@testable import RegistryAPI

/// Registry and management on a unix socket, with accounts, and another registry in memory. Who names nobody is this
/// machine's administrator; the password of each user is `password of NAME`.
final class ManagementFixture: Sendable {
  private struct Both: HTTPResponder {
    let registry: RegistryAPI
    let management: ManagementAPI

    func respond(to request: HTTPRequest) async throws -> HTTPResponse {
      request.path.first == "v2" ? try await registry.respond(to: request) : try await management.respond(to: request)
    }
  }

  let path: String
  let registry: Registry
  let accounts: AccountStore
  let replication: ReplicationStore
  let peer: MemoryRegistry
  let audit: AuditLog
  private let database: Database
  private let server: HTTPServer
  private let client: RegistryClient
  private let executor: BlockingExecutor
  private let clients: BlockingExecutor

  /// - Parameter facts: what the program knows of the server.
  init(facts: any ServerFacts = FixedFacts()) async throws {
    path = "/tmp/management-api-\(UInt64.random(in: 0 ... .max))"
    var logger = Logger(label: "test")
    logger.logLevel = .critical
    registry = try Registry(root: path, logger: logger)
    database = try Database(path: path + "/server.sqlite")
    accounts = try AccountStore(database: database, passwordRounds: 16) { 1_000_000 }
    replication = try ReplicationStore(path: path + "/replication.sqlite", now: 0)
    peer = try MemoryRegistry()
    executor = try BlockingExecutor(name: "management-test")
    clients = try BlockingExecutor(name: "management-client")
    var settings = RegistrySettings()
    settings.certificateFolders = []
    settings.retry.attempts = 1
    client = RegistryClient(settings: settings, executor: executor, logger: logger)
    let replicator = Replicator(
      registry: registry, client: client, store: replication, executor: executor, logger: logger,
      isProject: { [accounts] in (try? accounts.project($0)) != nil })
    let cache = try PullThroughCache(
      client: client, registry: registry, store: replication, executor: executor, logger: logger)
    audit = try AuditLog(path: path + "/audit.sqlite") { 1_000_000 }
    let access = AccountsAccess(accounts: accounts, audit: audit, logger: logger)
    server = HTTPServer(
      responder: Both(
        registry: RegistryAPI(registry: registry, access: access, cache: cache, logger: logger),
        management: ManagementAPI(
          accounts: accounts, registry: registry, replicator: replicator, replication: replication, cache: cache,
          access: access, authority: "", facts: facts, engineMetrics: { Array("up 1\n".utf8) }, logger: logger)),
      errors: RegistryAPI.errorMapper, executor: executor, logger: logger)
    try await server.listen(unixSocketPath: path + "/s")
  }

  func end() async {
    await server.shutdown(gracefulSeconds: 0)
    client.close()
    executor.shutdown()
    clients.shutdown()
    try? FileSystem.removeTree(path)
  }

  static func with(
    facts: any ServerFacts = FixedFacts(), _ body: (ManagementFixture) async throws -> Void
  ) async throws {
    let fixture = try await ManagementFixture(facts: facts)
    do {
      try await body(fixture)
    } catch {
      await fixture.end()
      throw error
    }
    await fixture.end()
  }

  @discardableResult
  func send(
    _ method: String, _ target: String, as user: String? = nil, _ body: String = "", type: String = "application/json"
  ) async throws -> APIFixture.Answer {
    try await send(method, target, as: user, bytes: Array(body.utf8), ["Content-Type": type])
  }

  func send(
    _ method: String, _ target: String, as user: String?, bytes: [UInt8], _ headers: [String: String] = [:]
  ) async throws -> APIFixture.Answer {
    var head = "\(method) \(target) HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
    if let user { head += "Authorization: Basic \(Self.credentials(user))\r\n" }
    for (name, value) in headers { head += "\(name): \(value)\r\n" }
    if !bytes.isEmpty || ["POST", "PUT", "PATCH"].contains(method) { head += "Content-Length: \(bytes.count)\r\n" }
    let request = Array((head + "\r\n").utf8) + bytes
    let path = path
    return try await clients.run {
      try APIFixture.parse(try APIFixture.exchange(path + "/s", request), hasBody: method != "HEAD")
    }
  }

  /// Runs what blocks.
  func onClientThread<R: Sendable>(_ body: @escaping @Sendable () throws -> R) async throws -> R {
    try await clients.run(body)
  }

  private static func credentials(_ user: String) -> String {
    let digits = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
    var text: [UInt8] = []
    let bytes = Array("\(user):password of \(user)".utf8)
    for start in stride(from: 0, to: bytes.count, by: 3) {
      let three = bytes[start..<min(start + 3, bytes.count)]
      let word = three.enumerated().reduce(0) { $0 | Int($1.element) << (16 - 8 * $1.offset) }
      for index in 0..<4 { text.append(index <= three.count ? digits[word >> (18 - 6 * index) & 63] : 61) }
    }
    return String(decoding: text, as: UTF8.self)
  }

  // MARK: - Content

  /// A project with a member of each role, who is called as it.
  func project(_ name: String) async throws {
    #expect(try await send("POST", "/api/v1/projects", #"{"name":"\#(name)"}"#).status == 201)
    for role in Role.allCases {
      if !accounts.allUsers().contains(where: { $0.name == role.rawValue }) {
        try accounts.addUser(User(name: role.rawValue), password: "password of \(role.rawValue)")
      }
      try accounts.setMember(role.rawValue, of: name, to: role)
    }
  }

  @discardableResult
  func push(_ text: String, _ tag: String, in name: String) throws -> Digest {
    let repository = try RepositoryName(parsing: name)
    let blobs = [Array("{}".utf8), Array(text.utf8)]
    for bytes in blobs { try registry.putBlob(bytes, in: repository, expected: ContentHasher.digest(of: bytes)) }
    return try registry.putManifest(
      APIFixture.manifest(blobs), as: .tag(tag), mediaType: nil, in: repository, by: "test"
    ).digest
  }

  /// Puts an image into the other registry.
  @discardableResult
  func pushThere(_ text: String, _ repository: String, _ tag: String) throws -> (digest: Digest, layer: Digest) {
    let blobs = [Array("{}".utf8), Array(text.utf8)]
    for bytes in blobs { peer.add(blob: bytes, to: repository) }
    let digest = peer.add(
      manifest: try APIFixture.manifest(blobs), type: .ociManifest, to: repository, tag: tag)
    return (digest, ContentHasher.digest(of: blobs[1]))
  }
}

/// A server that says the same at all times.
struct FixedFacts: ServerFacts {
  struct Cluster: Encodable, Sendable { var nodes: Int }

  var version = "1.2.3"
  var addresses = ["https://127.0.0.1:5443"]
  var certificateEndsAt: Int64 = 2_000_000
  var hasCluster = false

  func freeBytes() throws -> Int64 { 1_000 }
  func cluster() async throws -> (any Encodable & Sendable)? { hasCluster ? Cluster(nodes: 1) : nil }
}
