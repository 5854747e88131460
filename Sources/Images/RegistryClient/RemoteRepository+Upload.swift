import LinuxSystem
import Model
import NIOCore
import NIOHTTP1
import OCITypes

/// How a blob came to be in a repository.
public enum BlobArrival: Sendable, Hashable {
  case uploaded
  /// The registry took it from another of its repositories.
  case mounted
}

extension RemoteRepository {
  /// Sends a blob whose digest is known. A connection that breaks is taken up again where the registry says that it broke.
  /// - Parameters:
  ///   - from: another repository of the registry that has the blob; the registry may then take it from there.
  ///   - chunkBytes: sends pieces of this size in requests of their own, for proxies that bound requests; nil sends one.
  ///   - pieces: the bytes from an offset to the end; asked again for each attempt.
  @discardableResult
  public func upload(
    _ digest: Digest, sizeBytes: Int64, mountFrom from: String? = nil, chunkBytes: Int64? = nil,
    pieces: @escaping @Sendable (_ offset: Int64) throws -> any BlobPieces
  ) async throws -> BlobArrival {
    var upload = UploadState(digest: digest, sizeBytes: sizeBytes, chunkBytes: chunkBytes, pieces: pieces)
    if let from {
      switch try await beginMounting(digest, from: from) {
      case .mounted: return .mounted
      case .session(let location): upload.location = location
      }
    }
    var count = RetryCount(registry.wire.settings)
    while true {
      let before = upload.offset
      let failure: RegistryFailure
      var wish: Double?
      do {
        try await advance(&upload, &wish)
        return .uploaded
      } catch let error as RegistryFailure where error.isPassing || error.status == 416 {
        failure = error
      } catch {
        await cancel(upload.location)
        throw error
      }
      if upload.offset > before { count.restart() }
      guard let seconds = count.next(after: failure, wish: wish) else {
        await cancel(upload.location)
        throw failure
      }
      registry.wire.logger.debug("upload of \(digest) to \(name): \(failure.message); trying again in \(seconds) s")
      try await Task.sleep(for: .seconds(seconds))
      try await findOffset(&upload)
    }
  }

  /// Sends bytes whose digest is known only at their end, as when they are packed on the way.
  /// - Parameters:
  ///   - pieces: the bytes from their start; asked again for each attempt, and must give the same again.
  ///   - digest: of all pieces, asked after the last of them.
  public func uploadStream(
    pieces: @escaping @Sendable () throws -> any BlobPieces, digest: @Sendable () throws -> Digest
  ) async throws {
    var count = RetryCount(registry.wire.settings)
    while true {
      var location: WireURL?
      var wish: Double?
      let failure: RegistryFailure
      do {
        let start = try await begin()
        location = start
        let next = try await patch(start, headers: [:], body: .pieces(sizeBytes: nil, pieces), &wish)
        location = next
        try await finishAgain(next, digest: try digest())
        return
      } catch let error as RegistryFailure where error.isPassing {
        failure = error
      } catch {
        await cancel(location)
        throw error
      }
      await cancel(location)
      guard let seconds = count.next(after: failure, wish: wish) else { throw failure }
      registry.wire.logger.debug("upload to \(name): \(failure.message); trying again in \(seconds) s")
      try await Task.sleep(for: .seconds(seconds))
    }
  }

  /// Asks the registry to take a blob from another of its repositories; false where it wants the bytes. Rights there are needed.
  public func mount(_ digest: Digest, from repository: String) async throws -> Bool {
    switch try await beginMounting(digest, from: repository) {
    case .mounted: return true
    case .session(let location):
      await cancel(location)
      return false
    }
  }

  // MARK: - Steps

  private enum Mount {
    case mounted
    case session(WireURL?)
  }

  private func beginMounting(_ digest: Digest, from repository: String) async throws -> Mount {
    let source = try RemoteRepository(registry: registry, path: repository)
    let response = try await registry.send(
      .POST, "\(path)/blobs/uploads/?mount=\(digest)&from=\(WireURL.escape(source.path))",
      scopes: push.union(source.pull),
      headers: ["Content-Length": "0"])
    await response.drain()
    switch response.status {
    case 201: return .mounted
    case 202: return .session(try location(of: response))
    // Without rights on the source some registries refuse; an ordinary upload is as good.
    case 400, 401, 403, 404, 405: return .session(nil)
    default:
      try await response.expecting([201, 202], "mount of blob \(digest) in \(name)")
      return .session(nil)
    }
  }

  private func begin() async throws -> WireURL {
    let response = try await registry.send(
      .POST, "\(path)/blobs/uploads/", scopes: push, headers: ["Content-Length": "0"])
    try await response.expecting([202], "upload to \(name)")
    await response.drain()
    return try location(of: response)
  }

  /// Brings an upload to its end, or as far as it gets.
  private func advance(_ upload: inout UploadState, _ wish: inout Double?) async throws {
    let location: WireURL
    if let known = upload.location {
      location = known
    } else {
      location = try await begin()
      upload.location = location
      upload.offset = 0
    }
    if upload.offset == 0, upload.chunkBytes == nil {
      return try await finish(location, digest: upload.digest, body: upload.body(from: 0, to: upload.sizeBytes), &wish)
    }
    while upload.offset < upload.sizeBytes, let location = upload.location {
      let end = min(upload.sizeBytes, upload.offset + (upload.chunkBytes ?? upload.sizeBytes))
      let headers: HTTPHeaders = [
        "Content-Range": "\(upload.offset)-\(end - 1)", "Content-Type": "application/octet-stream",
      ]
      upload.location = try await patch(
        location, headers: headers, body: upload.body(from: upload.offset, to: end), &wish)
      upload.offset = end
    }
    if let location = upload.location { try await finish(location, digest: upload.digest, body: nil, &wish) }
  }

  private func patch(
    _ location: WireURL, headers: HTTPHeaders, body: WireBody, _ wish: inout Double?
  ) async throws -> WireURL {
    var request = WireRequest(.PATCH, location, headers: headers, body: body)
    request.headers.replaceOrAdd(name: "Content-Type", value: "application/octet-stream")
    request.headSeconds = nil
    let response = try await registry.sendOnce(request, scopes: push)
    wish = response.wishSeconds
    try await response.expecting([202, 204], "upload to \(name)")
    await response.drain()
    return try self.location(of: response)
  }

  private func finish(
    _ location: WireURL, digest: Digest, body: WireBody?, _ wish: inout Double?
  ) async throws {
    var request = WireRequest(.PUT, location.adding("digest", digest.description), body: body ?? .bytes([]))
    request.headers.add(name: "Content-Type", value: "application/octet-stream")
    request.headSeconds = nil
    let response = try await registry.sendOnce(request, scopes: push)
    wish = response.wishSeconds
    try await response.expecting([201, 204], "upload of blob \(digest) to \(name)")
    await response.drain()
    if let text = response.headers.first(name: "Docker-Content-Digest"), text != digest.description {
      throw RegistryFailure(.badContent, "\(name) stored blob \(digest) as \(ErrorAnswer.printable(text))")
    }
  }

  /// Ends an upload whose bytes are all there, several times where that may help. The answer to an earlier try may have been
  /// lost: then the upload is gone and the blob is there.
  private func finishAgain(_ location: WireURL, digest: Digest) async throws {
    var request = WireRequest(.PUT, location.adding("digest", digest.description), body: .bytes([]))
    request.headSeconds = nil
    let response = try await registry.send(request, scopes: push)
    if response.status == 404, try await blobSize(digest) != nil { return }
    try await response.expecting([201, 204], "upload of blob \(digest) to \(name)")
    await response.drain()
  }

  /// Asks how much has come; an upload that the registry has forgotten begins anew.
  private func findOffset(_ upload: inout UploadState) async throws {
    guard let location = upload.location else { return }
    upload.location = nil
    upload.offset = 0
    guard let response = try? await registry.sendOnce(WireRequest(.GET, location), scopes: push),
      response.status == 204 || response.status == 202,
      let range = response.headers.first(name: "Range"), let next = try? self.location(of: response)
    else { return await cancel(location) }
    // An upload without bytes is told as 0-0, as is one with a single byte; that one is sent again.
    let end = range.split(separator: "-").last.flatMap { Int64($0) } ?? 0
    guard end > 0, end < upload.sizeBytes else { return await cancel(location) }
    upload.location = next
    upload.offset = end + 1
  }

  /// Tells the registry that nothing follows. That it cannot be told does no harm: it forgets uploads by itself.
  private func cancel(_ location: WireURL?) async {
    guard let location else { return }
    let response = try? await registry.sendOnce(WireRequest(.DELETE, location), scopes: push)
    await response?.drain()
  }

  /// Where an upload goes on: always on the registry itself, and never less protected than before.
  private func location(of response: WireResponse) throws -> WireURL {
    guard let text = response.headers.first(name: "Location"), var url = response.url.resolving(text) else {
      throw RegistryFailure(.badContent, "\(registry.host) does not tell where the upload goes on")
    }
    guard url.host == response.url.host else {
      throw RegistryFailure(
        .unsafe, "\(registry.host) wants the upload to go to \(url.shown), another host, which is not done")
    }
    // Behind a proxy that ends TLS some registries name themselves by HTTP, or by a port that only the proxy knows.
    url.scheme = response.url.scheme
    url.port = response.url.port
    return url
  }
}

/// How far an upload has come.
private struct UploadState {
  let digest: Digest
  let sizeBytes: Int64
  let chunkBytes: Int64?
  let pieces: @Sendable (_ offset: Int64) throws -> any BlobPieces
  var location: WireURL?
  var offset: Int64 = 0

  func body(from start: Int64, to end: Int64) -> WireBody {
    if start == end { return .bytes([]) }
    return .pieces(sizeBytes: end - start) { [pieces, sizeBytes] in
      let rest = try pieces(start)
      return end == sizeBytes ? rest : BoundedPieces(rest, count: end - start)
    }
  }
}

/// The first bytes of a longer stream.
private final class BoundedPieces: BlobPieces {
  private let pieces: any BlobPieces
  private let left: Locked<Int64>

  init(_ pieces: any BlobPieces, count: Int64) {
    self.pieces = pieces
    left = Locked(count)
  }

  func next() async throws -> ByteBuffer? {
    let wanted = left.withLock { $0 }
    guard wanted > 0, var piece = try await pieces.next() else { return nil }
    if Int64(piece.readableBytes) > wanted {
      piece = piece.getSlice(at: piece.readerIndex, length: Int(wanted)) ?? piece
    }
    left.withLock { [count = piece.readableBytes] in $0 = wanted - Int64(count) }
    return piece
  }
}
