import AsyncHTTPClient
import LinuxSystem
import Model
import NIOCore
import NIOHTTP1

extension RegistryClient {
  private static let fetchSeconds: UInt64 = 3_600

  /// Fetches a file by HTTP or HTTPS from an address that a user named, without credentials.
  ///
  /// Addresses of this machine and of private networks are refused, also behind redirects, unless their host is among
  /// `inner`; link-local ones, where clouds keep the metadata of machines, always (ATT-029). The address that was checked is
  /// the one connected to.
  /// - Parameters:
  ///   - inner: `HOST`, `HOST:PORT` or `*.DOMAIN` inside this network.
  ///   - limitBytes: more is refused, before it comes where its length is announced.
  ///   - take: gets the bytes in order.
  /// - Returns: `Last-Modified`, as the server sent it.
  /// - Throws: `PlatformError` whose message ends with the reason; what `take` throws; `CancellationError`.
  public func fetch(
    _ address: String, inner: [String], limitBytes: Int64, _ take: (UnsafeRawBufferPointer) throws -> Void
  ) async throws -> String? {
    do {
      return try await fetchOnce(address, inner, limitBytes, take)
    } catch let error as RegistryFailure {
      throw error.platformError("fetch '\(WireURL(absolute: address)?.shown ?? "an address")'")
    }
  }

  private func fetchOnce(
    _ address: String, _ inner: [String], _ limitBytes: Int64,
    _ take: (UnsafeRawBufferPointer) throws -> Void
  ) async throws -> String? {
    guard let url = WireURL(absolute: address) else {
      throw RegistryFailure(.rejected, "expected http:// or https://, a host and a path, without a user's name")
    }
    let host = try RegistryHost(url.authority)
    // Asked of each host on the way: one that is named opens no other by a redirect.
    @Sendable func zone(_ url: WireURL) -> AddressZone { Self.zone(url, inner) }
    let pinned = try await wire.resolve(url, within: zone(url))
    let response = try await wire.send(WireRequest(.GET, url), for: host, pinned: pinned, zone: zone)
    guard response.status == 200 else {
      throw RegistryFailure(
        response.status == 404 ? .notFound : RemoteRegistry.isPassing(response.status) ? .unavailable : .rejected,
        "\(response.url.host) answers with status \(response.status)", status: response.status)
    }
    let tooLarge = RegistryFailure(.badContent, "the file has more than \(limitBytes) bytes, the limit")
    if let announced = response.announcedBytes, announced > limitBytes { throw tooLarge }
    let end = Clock.monotonicNanoseconds() + Self.fetchSeconds * 1_000_000_000
    var count: Int64 = 0
    var pieces = response.body.makeAsyncIterator()
    while let piece = try await RemoteRepository.next(&pieces, response.url) {
      count += Int64(piece.readableBytes)
      guard count <= limitBytes else { throw tooLarge }
      guard Clock.monotonicNanoseconds() < end else {
        throw RegistryFailure(.unreachable, "\(response.url.host) took more than \(Self.fetchSeconds) s")
      }
      try piece.withUnsafeReadableBytes(take)
    }
    if let announced = response.announcedBytes, announced != count {
      throw RegistryFailure(.unreachable, "\(response.url.host) closed the connection in the middle of the file")
    }
    return response.headers.first(name: "Last-Modified")
  }

  private static func zone(_ url: WireURL, _ inner: [String]) -> AddressZone {
    guard let host = try? RegistryHost(url.authority) else { return .public }
    let isInner = inner.contains {
      RegistrySettings.matches($0, host.authority) || RegistrySettings.matches($0, host.name)
    }
    return isInner ? .loopback : .public
  }

  /// Finds the host of an address for a program that connects by itself, with the same checks as `fetch`.
  /// - Returns: what the program is to connect to and nothing else: the address as it was understood here, its host, port, and
  ///   the host's address in text.
  public func checked(
    _ address: String, inner: [String]
  ) async throws -> (url: String, host: String, port: Int, address: String) {
    do {
      guard let url = WireURL(absolute: address) else {
        throw RegistryFailure(.rejected, "expected http:// or https://, a host and a path, without a user's name")
      }
      _ = try RegistryHost(url.authority)
      // Programs do not agree on whether this is another name.
      guard !url.host.hasSuffix(".") else { throw RegistryFailure(.rejected, "the host ends with a dot") }
      return (url.description, url.host, url.port, try await wire.resolve(url, within: Self.zone(url, inner)))
    } catch let error as RegistryFailure {
      throw error.platformError("fetch '\(WireURL(absolute: address)?.shown ?? "an address")'")
    }
  }
}
