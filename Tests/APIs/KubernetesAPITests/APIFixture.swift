import FoundationEssentials
import Glibc
import HTTPServing
import KubeMachinery
import KubeResources
import LinuxSystem
import Logging
import Persistence
import Testing

@testable import KubernetesAPI

/// A server on loopback with a store of its own, and kubectl.
struct APIFixture {
  let folder: String
  let api: KubernetesAPI
  let port: Int
  private let spawner: LinuxProcessSpawner
  private let kubectl: String

  /// Of a default role to a user; in no namespace: everywhere.
  static func binding(_ role: String, to user: String, in namespace: String? = nil) -> JSONValue {
    [
      "apiVersion": "rbac.authorization.k8s.io/v1",
      "kind": .string(namespace == nil ? "ClusterRoleBinding" : "RoleBinding"),
      "metadata": namespace.map { ["name": .string("\(role)-\(user)"), "namespace": .string($0)] }
        ?? ["name": .string("\(role)-\(user)")],
      "roleRef": ["apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": .string(role)],
      "subjects": [["apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": .string(user)]],
    ]
  }

  static let secrets = ResourceName(group: "", resource: "secrets")

  /// Certificates and tokens of tests say who holds them: `NAME`, `NAME/GROUP,GROUP`; `bad` nobody.
  private static func holder(_ text: String) -> Requester? {
    let parts = text.split(separator: "/", maxSplits: 1)
    guard let name = parts.first, name != "bad", !text.contains(".") else { return nil }
    return Requester(
      name: String(name), groups: parts.count == 2 ? parts[1].split(separator: ",").map(String.init) : [])
  }

  /// Runs a test against a server that is gone afterwards.
  /// - Parameters:
  ///   - stranger: who asks without a certificate or a token.
  ///   - objects: what is there beside two namespaces.
  ///   - nodes: the agents of nodes.
  ///   - hasAgents: agents of nodes are known.
  ///   - storeBounds: of what the store keeps.
  static func with(
    kubectl: String = "kubectl", stranger: Requester = Requester(name: "test", groups: [Requester.masters]),
    catalog: KindCatalog = KindCatalog(TestKinds.all), objects: [JSONValue] = [],
    nodes: (any NodeConnections)? = nil, hasAgents: Bool = false,
    bounds: KubernetesAPI.Bounds = KubernetesAPI.Bounds(),
    storeBounds: SQLiteObjectStore.Bounds = SQLiteObjectStore.Bounds(), _ test: (APIFixture) async throws -> Void
  ) async throws {
    var template = Array("/tmp/kube-api-XXXXXX".utf8CString)
    let folder = try #require(mkdtemp(&template).map { String(cString: $0) })
    defer { try? FileManager.default.removeItem(atPath: folder) }
    var logger = Logger(label: "test")
    logger.logLevel = .warning
    let store = try SQLiteObjectStore(
      database: Database(path: folder + "/cluster.sqlite"),
      keys: StorageKeys(parsing: StorageKeys.freshLine(id: "test")),
      secretResources: [secrets], bounds: storeBounds, logger: logger)
    let service = ObjectService(store: store, catalog: catalog)
    let namespaces = ["default", "kube-system"].map { name -> JSONValue in
      ["apiVersion": "v1", "kind": "Namespace", "metadata": ["name": .string(name)]]
    }
    try await service.establish(namespaces + objects, manager: "test", at: Timestamp(seconds: 1_700_000_000))
    let now: @Sendable () -> Timestamp = {
      var time = timespec()
      clock_gettime(CLOCK_REALTIME, &time)
      return Timestamp(seconds: Int64(time.tv_sec))
    }
    let tokens = try ServiceAccountTokens(
      keyPEM: ServiceAccountTokens.freshKeyPEM(), issuer: "https://test", audience: "https://test", service: service,
      now: now)
    var nodePods: LiveNodePods?
    if hasAgents { nodePods = try await LiveNodePods(service) }
    let api = KubernetesAPI(
      service: service, discovery: Discovery(catalog, address: "127.0.0.1"),
      authentication: Authentication(
        certificate: { Self.holder(String(decoding: $0, as: UTF8.self)) },
        token: { token, audiences, _ in
          if let holder = Self.holder(token) { return BearerIdentity(holder, audiences: []) }
          return try await tokens.identity(token, audiences: audiences)
        },
        stranger: stranger),
      access: try await LiveAccess(service), nodePods: nodePods,
      tokens: tokens, nodes: nodes, subresourceSchemas: KindCatalog.subresourceSchemas, bounds: bounds, now: now,
      logger: logger)
    let server = HTTPServer(
      responder: api, errors: KubernetesAPI.errors, executor: try BlockingExecutor(name: "kube-test"), logger: logger)
    let port = try await server.listen(host: "127.0.0.1", port: 0, tls: nil)
    let fixture = APIFixture(
      folder: folder, api: api, port: port, spawner: LinuxProcessSpawner(), kubectl: try path(of: kubectl))
    let result: Result<Void, any Error>
    do {
      result = .success(try await test(fixture))
    } catch { result = .failure(error) }
    await server.shutdown(gracefulSeconds: 0)
    try result.get()
  }

  /// The programs `kubectl` and `kubectl.1.NN` beside it, as far as they are there.
  static var versions: [String] {
    ["kubectl"] + (27...33).map { "kubectl.1.\($0)" }.filter { (try? path(of: $0)) != nil }
  }

  private static func path(of program: String) throws -> String {
    let paths = ProcessInfo.processInfo.environment["PATH"]?.split(separator: ":").map(String.init) ?? []
    let real = paths.map { $0 + "/kubectl" }.first { access($0, X_OK) == 0 }.flatMap { path -> String? in
      guard let resolved = realpath(path, nil) else { return nil }
      defer { free(resolved) }
      return String(cString: resolved)
    }
    let found = try #require(real, "kubectl is not installed")
    let path = program == "kubectl" ? found : found.dropLast(found.split(separator: "/").last?.count ?? 0) + program
    guard access(path, X_OK) == 0 else { throw CocoaError(.fileNoSuchFile) }
    return path
  }

  struct Outcome {
    let code: Int32
    let output: String
    let errors: String
  }

  /// Runs kubectl to its end, away from the test's thread.
  func run(_ arguments: [String], input: String? = nil) async throws -> Outcome {
    let request = ProcessRequest(
      executable: kubectl, arguments: ["kubectl", "--server=http://127.0.0.1:\(port)"] + arguments,
      environment: ["HOME=\(folder)", "KUBECONFIG=/dev/null", "PATH=/usr/bin:/bin"])
    let spawner = spawner
    let executor = try BlockingExecutor(maxThreads: 1, name: "kubectl")
    let output = try await executor.run {
      try spawner.run(request, input: input.map { Array($0.utf8) }, deadlineSeconds: 60)
    }
    return Outcome(
      code: output.status.code, output: String(decoding: output.stdout, as: UTF8.self),
      errors: String(decoding: output.stderr, as: UTF8.self))
  }

  func run(_ arguments: String..., input: String? = nil) async throws -> Outcome {
    try await run(arguments, input: input)
  }

  /// The output of a run that has to succeed.
  func succeed(
    _ arguments: [String], input: String? = nil, location: SourceLocation = #_sourceLocation
  ) async throws -> String {
    let outcome = try await run(arguments, input: input)
    #expect(outcome.code == 0, "\(arguments): \(outcome.output) \(outcome.errors)", sourceLocation: location)
    return outcome.output
  }

  func succeed(
    _ arguments: String..., input: String? = nil, location: SourceLocation = #_sourceLocation
  ) async throws -> String {
    try await succeed(arguments, input: input, location: location)
  }

  /// A request without a network.
  func call(
    _ method: HTTPMethod, _ address: String, _ body: String = "", _ headers: HTTPHeaders = [:]
  ) async throws -> (status: Int, headers: HTTPHeaders, text: String) {
    let parts = address.split(separator: "?", maxSplits: 1)
    let path = String(parts[0])
    let request = HTTPRequest(
      method: method, rawPath: path,
      path: path.dropFirst().split(separator: "/", omittingEmptySubsequences: false).map(String.init),
      query: try QueryParameters(parsing: parts.count == 2 ? String(parts[1]) : "", maxItems: 64), headers: headers,
      peer: nil, body: RequestBody(bytes: Array(body.utf8)), isUpgrade: false)
    let response = try await api.respond(to: request)
    guard case .bytes(let bytes) = response.body else { return (Int(response.status.code), response.headers, "") }
    return (Int(response.status.code), response.headers, String(decoding: bytes, as: UTF8.self))
  }
}
