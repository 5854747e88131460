import AsyncHTTPClient
import LinuxSystem
import Logging
import Model
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL

/// Sends requests and follows redirects by rules of its own: credentials stay with their origin, nothing leads inwards,
/// from TLS to plain text, or to other schemes (ATT-022, ATT-023).
final class Wire: Sendable {
  private static let maximumRedirects = 5

  let settings: RegistrySettings
  let executor: BlockingExecutor
  let logger: Logger
  private let peers = PeerTable()
  /// Asks for a host's addresses. Blocks.
  private let lookUp: @Sendable (String) throws -> ResolvedHost

  init(
    settings: RegistrySettings, executor: BlockingExecutor, logger: Logger,
    lookUp: @escaping @Sendable (String) throws -> ResolvedHost = ResolvedHost.lookUp
  ) {
    self.settings = settings
    self.executor = executor
    self.logger = logger
    self.lookUp = lookUp
  }

  func close() { peers.close() }

  /// Sends a request once, without a second try.
  /// - Parameters:
  ///   - host: the registry that is spoken to; its rules and certificates hold for its own name.
  ///   - own: the address that the first host has been checked to have; nil where any will do.
  ///   - zone: how far in the host of a redirect may lie; nil: as far as who redirects.
  /// - Throws: `RegistryFailure`, `CancellationError`.
  func send(
    _ request: WireRequest, for host: RegistryHost, pinned own: String? = nil,
    zone: (@Sendable (WireURL) -> AddressZone)? = nil
  ) async throws -> WireResponse {
    var request = request
    var pinned = own
    var isElsewhere = false
    let origin = request.url
    for _ in 0...Self.maximumRedirects {
      let response = try await sendOnce(request, for: host, pinned: pinned, isElsewhere: isElsewhere)
      guard [301, 302, 303, 307, 308].contains(response.status),
        let location = response.headers.first(name: "Location")
      else { return response }
      guard request.method == .GET || request.method == .HEAD else {
        throw RegistryFailure(
          .unsafe, "\(request.url.host) redirects an upload, which is not followed", status: response.status)
      }
      await response.drain()
      let target = try self.target(location, from: request.url, origin: origin)
      if !target.isSameOrigin(as: request.url) {
        request.headers.remove(name: "Authorization")
        request.headers.remove(name: "Cookie")
      }
      if let zone {
        if !target.isSameOrigin(as: request.url) { pinned = try await resolve(target, within: zone(target)) }
        isElsewhere = !target.isSameOrigin(as: origin)
      } else if target.host != origin.host {
        pinned = try await check(target, from: request.url, at: pinned) { [request] address in
          let repeated = try await self.sendOnce(request, for: host, pinned: address, isElsewhere: false)
          await repeated.drain()
          return repeated.headers.first(name: "Location").flatMap(request.url.resolving)
        }
        isElsewhere = true
      } else {
        pinned = own
        isElsewhere = !target.isSameOrigin(as: origin)
      }
      request.url = target
    }
    throw RegistryFailure(.unsafe, "\(origin.host) redirects more than \(Self.maximumRedirects) times")
  }

  private func target(_ location: String, from url: WireURL, origin: WireURL) throws(RegistryFailure) -> WireURL {
    guard let target = url.resolving(location) else {
      let shown = location.unicodeScalars.prefix(60).map { $0.value > 0x20 && $0.value < 0x7F ? String($0) : "?" }
      throw RegistryFailure(
        .unsafe, "\(url.host) redirects to '\(shown.joined())', which is no HTTP address and is not followed")
    }
    guard target.scheme == .https || url.scheme == .http && origin.scheme == .http else {
      throw RegistryFailure(.unsafe, "\(url.host) redirects from HTTPS to \(target.shown), which is not followed")
    }
    // Plain text goes to hosts that are named for it, and stays on the registry's own.
    if target.scheme == .http, target.host != origin.host {
      let host = try? RegistryHost(target.authority)
      guard let host, settings.isInsecure(host) else {
        throw RegistryFailure(
          .unsafe,
          "\(url.host) redirects to \(target.shown), which is not HTTPS and not named under registries.insecure")
      }
    }
    return target
  }

  /// Makes sure that an address that a peer gave does not lie further in than the peer.
  /// - Parameters:
  ///   - address: the one that the peer was reached at, where it was looked up before.
  ///   - repeating: asks the peer again at an address and gives where it leads then. A name may mean another address by the
  ///     time it is looked up here, so an address inside is vouched for only by the peer that really has one.
  /// - Returns: the address to connect to, so that a second answer of the name server cannot change it.
  func check(
    _ target: WireURL, from source: WireURL, at address: String? = nil,
    repeating: (_ address: String) async throws -> WireURL?
  ) async throws -> String {
    if source.host == target.host { return address ?? target.host }
    let unsafe = RegistryFailure(
      .unsafe, "\(source.host) leads to \(target.shown), an address inside this network, which is not followed")
    let there = try await executor.run { try self.lookUp(target.host) }
    guard let reached = there.addresses.first else { throw unsafe }
    if there.innermost == .public { return reached }
    let here = try await executor.run { try self.lookUp(address ?? source.host) }
    guard here.outermost.mayLead(to: there.innermost), let own = here.addresses.first else { throw unsafe }
    if address == nil, AddressZone(address: source.host) == nil {
      guard try await repeating(own)?.host == target.host else { throw unsafe }
    }
    return reached
  }

  /// The address of a host that may not lie further in than `zone`, to be connected to.
  func resolve(_ url: WireURL, within zone: AddressZone) async throws -> String {
    let resolved = try await executor.run { try self.lookUp(url.host) }
    guard zone.mayLead(to: resolved.innermost), let address = resolved.addresses.first else {
      throw RegistryFailure(
        .unsafe,
        "\(url.host) is an address inside this network; engine.yaml names those that builds may fetch from under builds.hosts"
      )
    }
    return address
  }

  /// Sends to an address that was checked, or to the registry itself.
  func sendOnce(
    _ request: WireRequest, for host: RegistryHost, pinned: String?, isElsewhere: Bool
  ) async throws -> WireResponse {
    let url = request.url
    let isOwn = url.host == host.base(url.scheme).host
    let verifies = !(isOwn && settings.isInsecure(host))
    let key = PeerTable.Key(
      scheme: url.scheme, host: url.host, port: url.port, verifies: verifies, pinned: pinned == url.host ? nil : pinned)
    var prepared = HTTPClientRequest(url: url.description)
    prepared.method = request.method
    prepared.headers = request.headers
    if !prepared.headers.contains(name: "User-Agent") {
      prepared.headers.add(name: "User-Agent", value: settings.userAgent)
    }
    if let body = request.body { prepared.body = try body.make() }
    let deadline: NIODeadline = request.headSeconds.map { .now() + .seconds($0) } ?? .distantFuture
    do {
      let peer = try await peers.use(key) { try await self.configuration(key, for: host, isOwn: isOwn) }
      let response = try await peer.client.execute(prepared, deadline: deadline, logger: logger)
      return WireResponse(
        status: Int(response.status.code), headers: response.headers, body: response.body, url: url,
        isElsewhere: isElsewhere, peer: peer)
    } catch {
      if Self.isTrustFailure(error) { peers.forget(key) }
      throw Self.failure(error, url)
    }
  }

  private static func isTrustFailure(_ error: any Error) -> Bool {
    error is NIOSSLError || error is NIOSSLExtraError || error is BoringSSLError
  }

  private func configuration(
    _ key: PeerTable.Key, for host: RegistryHost, isOwn: Bool
  ) async throws -> HTTPClient.Configuration {
    let settings = settings
    // A redirect's or a token server's own folder of certificates holds for it; never the registry's client certificate.
    let certified = isOwn ? host : try RegistryHost(key.port == key.scheme.port ? key.host : "\(key.host):\(key.port)")
    let tls = try await executor.run {
      try TLSFiles.configuration(for: certified, folders: settings.certificateFolders, verifies: key.verifies)
    }
    var configuration = HTTPClient.Configuration(
      tlsConfiguration: tls, redirectConfiguration: .disallow,
      timeout: .init(
        connect: .seconds(settings.connectSeconds), read: .seconds(settings.idleSeconds),
        write: .seconds(settings.idleSeconds)),
      connectionPool: .init(
        idleTimeout: .seconds(30), concurrentHTTP1ConnectionsPerHostSoftLimit: settings.connectionsPerHost))
    configuration.connectionPool.retryConnectionEstablishment = false
    configuration.httpVersion = .http1Only
    if let pinned = key.pinned { configuration.dnsOverride = [key.host: pinned] }
    return configuration
  }

  /// The user's words for what the HTTP client failed with.
  static func failure(_ error: any Error, _ url: WireURL) -> any Error {
    switch error {
    case is RegistryFailure, is PlatformError, is CancellationError: return error
    case let error as HTTPClientError:
      switch error {
      case .cancelled: return CancellationError()
      case .connectTimeout, .tlsHandshakeTimeout, .getConnectionFromPoolTimeout:
        return RegistryFailure(.unreachable, "\(url.authority) does not answer", isUnconnected: true)
      case .readTimeout, .writeTimeout, .deadlineExceeded:
        return RegistryFailure(.unreachable, "\(url.authority) has been silent for too long")
      case .remoteConnectionClosed:
        return RegistryFailure(.unreachable, "\(url.authority) closed the connection")
      default: return RegistryFailure(.unreachable, "\(url.authority): \(error.shortDescription)")
      }
    case let error as NIOConnectionError:
      let reason = error.connectionErrors.compactMap { $0.error as? IOError }.first
      return RegistryFailure(
        .unreachable,
        "cannot connect to \(url.authority): "
          + (reason.map { SystemError.message(for: $0.errnoCode) } ?? "no address answers"), isUnconnected: true)
    case let error as IOError:
      return RegistryFailure(.unreachable, "\(url.authority): \(SystemError.message(for: error.errnoCode))")
    case let error where isTrustFailure(error):
      return RegistryFailure(
        .unreachable,
        "\(url.authority) has no TLS certificate that this host trusts: put its CA into "
          + "/etc/bulkhead/certs.d/\(url.authority)/ca.crt, or name it under registries.insecure in engine.yaml")
    default: return RegistryFailure(.unreachable, "\(url.authority): the connection failed (\(type(of: error)))")
    }
  }
}
