import LinuxSystem
import Model
import NIOHTTP1
import OCITypes

/// A registry as one user sees it.
public final class RemoteRegistry: Sendable {
  /// Names that `repositories` returns at most.
  public static let maximumNames = 100_000
  static let listBytes = 4 << 20

  public let host: RegistryHost
  let wire: Wire
  let authorizer: Authorizer
  private let base: BaseAddress

  init(host: RegistryHost, credentials: RegistryCredentials, wire: Wire) {
    self.host = host
    self.wire = wire
    authorizer = Authorizer(host: host, credentials: credentials, wire: wire)
    base = BaseAddress(host: host, wire: wire)
  }

  private init(_ other: RemoteRegistry, wire: Wire) {
    (host, authorizer, base) = (other.host, other.authorizer, other.base)
    self.wire = wire
  }

  /// The same registry as the same user, reached by other settings; both know the tokens and how it is spoken to.
  public func adjusted(_ change: (inout RegistrySettings) -> Void) -> RemoteRegistry {
    var settings = wire.settings
    change(&settings)
    return RemoteRegistry(self, wire: Wire(settings: settings, executor: wire.executor, logger: wire.logger))
  }

  /// Whether this speaks with the registry without a certificate that somebody vouches for.
  public var isInsecure: Bool { wire.settings.isInsecure(host) }

  /// Asks for `/v2/`: whether there is a registry that takes the credentials.
  public func check() async throws {
    let response = try await send(.GET, "", scopes: [])
    try await response.expecting([200], "registry \(host) refuses")
  }

  /// Proves the credentials.
  /// - Returns: a refresh token to be kept in place of the password, where the registry gives one.
  public func logIn() async throws -> String? {
    try await check()
    return try await authorizer.logIn()
  }

  /// The names of the registry's repositories, as far as the user may see them (docker registry API, *catalogue*).
  public func repositories() async throws -> [String] {
    struct Page: Decodable { var repositories: [String]? }
    return try await pages("_catalog?n=1000", scopes: [.catalogue], "list repositories") { bytes in
      try Self.decode(Page.self, bytes, "the list of repositories").repositories ?? []
    }
  }

  public func repository(_ path: String) throws -> RemoteRepository { try RemoteRepository(registry: self, path: path) }

  // MARK: - Requests

  /// An address below `/v2/`.
  func url(_ path: String) async throws -> WireURL {
    var url = try await base.url()
    url.target += path
    return url
  }

  /// Sends a small request, again where that may help.
  func send(
    _ method: HTTPMethod, _ path: String, scopes: Set<TokenScope>, headers: HTTPHeaders = HTTPHeaders(),
    body: [UInt8]? = nil
  ) async throws -> WireResponse {
    let request = WireRequest(method, try await url(path), headers: headers, body: body.map { .bytes($0) })
    return try await send(request, scopes: scopes)
  }

  func send(_ request: WireRequest, scopes: Set<TokenScope>) async throws -> WireResponse {
    try await retrying { try await self.sendOnce(request, scopes: scopes) }
  }

  /// Sends a request with what the registry wants as proof; once, but for challenges.
  func sendOnce(_ request: WireRequest, scopes: Set<TokenScope>) async throws -> WireResponse {
    var request = request
    var authorization = try await authorizer.header(scopes)
    for _ in 0..<2 {
      if let authorization { request.headers.replaceOrAdd(name: "Authorization", value: authorization) }
      let response = try await wire.send(request, for: host)
      // Only the registry itself may ask for credentials.
      guard response.status == 401, !response.isElsewhere else { return response }
      guard
        let next = try await authorizer.answer(response, refused: authorization, scopes: scopes)
      else { return response }
      await response.drain()
      authorization = next
    }
    if let authorization { request.headers.replaceOrAdd(name: "Authorization", value: authorization) }
    return try await wire.send(request, for: host)
  }

  /// Repeats what failed for a passing reason, by the schedule of the settings.
  func retrying(_ body: () async throws -> WireResponse) async throws -> WireResponse {
    var count = RetryCount(wire.settings)
    while true {
      var wish: Double?
      let failure: RegistryFailure
      do {
        let response = try await body()
        guard Self.isPassing(response.status) else { return response }
        wish = response.wishSeconds
        guard !count.isLast else { return response }
        await response.drain()
        failure = RegistryFailure(.unavailable, "status \(response.status)", status: response.status)
      } catch let error as RegistryFailure where error.isPassing {
        failure = error
      }
      guard let seconds = count.next(after: failure, wish: wish) else { throw failure }
      wire.logger.debug("\(host): \(failure.message); trying again in \(seconds) s")
      try await Task.sleep(for: .seconds(seconds))
    }
  }

  static func isPassing(_ status: Int) -> Bool {
    status == 429 || status == 408 || (500..<600).contains(status) && status != 501
  }

  /// Follows `Link: <…>; rel="next"` (OCI distribution specification, *Listing Tags*), within bounds and on the same host.
  func pages(
    _ path: String, scopes: Set<TokenScope>, _ action: String, _ read: ([UInt8]) throws -> [String]
  ) async throws -> [String] {
    var names: [String] = []
    var request = WireRequest(.GET, try await url(path))
    for _ in 0..<10_000 {
      let response = try await send(request, scopes: scopes)
      try await response.expecting([200], "\(host) refuses to \(action)")
      let page = try read(try await response.collect(limit: Self.listBytes, named: "the list"))
      guard names.count + page.count <= Self.maximumNames else {
        throw RegistryFailure(.badContent, "\(host) lists more than \(Self.maximumNames) names")
      }
      names += page
      guard let link = response.headers.first(name: "Link"), let next = Self.next(link, response.url) else {
        return names
      }
      guard next.host == request.url.host, next.target != request.url.target, !page.isEmpty else { return names }
      request.url.target = next.target
    }
    return names
  }

  private static func next(_ link: String, _ url: WireURL) -> WireURL? {
    guard let start = link.firstIndex(of: "<"), let end = link.firstIndex(of: ">"), start < end,
      link[end...].contains("next")
    else { return nil }
    return url.resolving(String(link[link.index(after: start)..<end]))
  }

  static func decode<T: Decodable>(_ type: T.Type, _ bytes: [UInt8], _ name: String) throws(RegistryFailure) -> T {
    do {
      return try ImageDocuments.decode(type, from: bytes, limit: listBytes, named: name)
    } catch {
      throw RegistryFailure(.badContent, (error as? PlatformError)?.message ?? "\(name) cannot be read")
    }
  }
}

extension WireResponse {
  /// Throws the registry's refusal where the status is none of these.
  func expecting(_ statuses: Set<Int>, _ action: String) async throws {
    if statuses.contains(status) { return }
    let bytes: [UInt8]
    do {
      bytes = try await collect(limit: ErrorAnswer.maximumBytes, named: "the error")
    } catch is RegistryFailure {
      bytes = []
    }
    if isElsewhere {
      throw RegistryFailure(
        status == 404 ? .notFound : RemoteRegistry.isPassing(status) ? .unavailable : .rejected,
        "\(action): \(url.host) answers with status \(status)", status: status)
    }
    throw ErrorAnswer.failure(self, bytes, action)
  }
}

/// Finds out once whether an insecure registry speaks TLS; all others do.
private actor BaseAddress {
  private let host: RegistryHost
  private let wire: Wire
  private var finding: Task<WireURL, any Error>?

  init(host: RegistryHost, wire: Wire) {
    self.host = host
    self.wire = wire
  }

  func url() async throws -> WireURL {
    guard wire.settings.isInsecure(host) else { return host.base(.https) }
    if let finding { return try await finding.value }
    let task = Task { [host, wire] in try await Self.find(host, wire) }
    finding = task
    do {
      return try await task.value
    } catch {
      // The next request asks again.
      finding = nil
      throw error
    }
  }

  private static func find(_ host: RegistryHost, _ wire: Wire) async throws -> WireURL {
    do {
      let response = try await wire.send(WireRequest(.GET, host.base(.https)), for: host)
      await response.drain()
      return host.base(.https)
    } catch let error as RegistryFailure where error.kind == .unreachable {
      let response = try await wire.send(WireRequest(.GET, host.base(.http)), for: host)
      await response.drain()
      return host.base(.http)
    }
  }
}
