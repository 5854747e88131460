import AsyncHTTPClient
import ContentStore
import Model
import NIOCore
import NIOHTTP1
import OCITypes

/// Who makes sure that a blob's bytes have its digest.
public enum BlobVerification: Sendable {
  /// The download hashes and throws.
  case byDownload
  /// Whoever takes the bytes; the download still counts them.
  case byTaker
}

extension RemoteRepository {
  /// Bytes of a blob; nil where the repository does not have it.
  public func blobSize(_ digest: Digest) async throws -> Int64? {
    let response = try await registry.send(.HEAD, "\(path)/blobs/\(digest)", scopes: pull)
    if response.status == 404 { return nil }
    try await response.expecting([200], "blob \(digest) of \(name)")
    return response.announcedBytes ?? -1
  }

  /// Streams a blob. A connection that breaks is taken up again where it broke; a blob that is longer than it should be is cut
  /// off, one that is shorter or has another digest is an error (ATT-015, ATT-016).
  ///
  /// Addresses that a descriptor gives under `urls` are never asked (ATT-022).
  /// - Parameters:
  ///   - sizeBytes: what the descriptor says; nil takes what the registry announces.
  ///   - offset: the first byte wanted; verification by the download needs 0.
  ///   - take: gets the bytes in order, each once; what it throws ends the download and is thrown as it is.
  /// - Returns: bytes taken.
  @discardableResult
  public func download(
    _ digest: Digest, sizeBytes: Int64?, from offset: Int64 = 0, verify: BlobVerification = .byDownload,
    _ take: (ByteBuffer) async throws -> Void
  ) async throws -> Int64 {
    var state = DownloadState(
      digest: digest, sizeBytes: sizeBytes, position: offset, name: name,
      limitBytes: registry.wire.settings.blobBytes)
    if verify == .byDownload { state.hasher = ContentHasher(digest.algorithm) }
    var count = RetryCount(registry.wire.settings)
    while true {
      let before = state.position
      var wish: Double?
      let failure: RegistryFailure
      do {
        try await fetch(&state, wish: &wish, take)
        try state.finish()
        return state.position - offset
      } catch let error as RegistryFailure where error.isPassing {
        failure = error
      }
      // What gets on is not counted as failing.
      if state.position > before { count.restart() }
      guard let seconds = count.next(after: failure, wish: wish) else { throw failure }
      registry.wire.logger.debug("blob \(digest) of \(name): \(failure.message); trying again in \(seconds) s")
      try await Task.sleep(for: .seconds(seconds))
    }
  }

  /// A small blob as a whole.
  public func blob(_ digest: Digest, sizeBytes: Int64?, limit: Int) async throws -> [UInt8] {
    if let sizeBytes, sizeBytes > Int64(limit) {
      throw RegistryFailure(
        .badContent, "blob \(digest) of \(name) has \(sizeBytes) bytes; at most \(limit) are accepted")
    }
    var bytes: [UInt8] = []
    try await download(digest, sizeBytes: sizeBytes) { piece in
      guard bytes.count + piece.readableBytes <= limit else {
        throw RegistryFailure(.badContent, "blob \(digest) of \(name) has more than \(limit) bytes")
      }
      bytes.append(contentsOf: piece.readableBytesView)
    }
    return bytes
  }

  private func fetch(
    _ state: inout DownloadState, wish: inout Double?, _ take: (ByteBuffer) async throws -> Void
  ) async throws {
    if let size = state.sizeBytes, state.position == size, size > 0 { return }
    var request = WireRequest(.GET, try await registry.url("\(path)/blobs/\(state.digest)"))
    if state.position > 0 { request.headers.add(name: "Range", value: "bytes=\(state.position)-") }
    let response = try await registry.sendOnce(request, scopes: pull)
    if RemoteRegistry.isPassing(response.status) {
      wish = response.wishSeconds
      await response.drain()
      throw RegistryFailure(
        response.status == 429 ? .tooManyRequests : .unavailable,
        "blob \(state.digest) of \(name): \(response.url.host) answers with status \(response.status)",
        status: response.status)
    }
    try await response.expecting(state.position > 0 ? [200, 206] : [200], "blob \(state.digest) of \(name)")
    var skip = try state.begin(response)
    var pieces = response.body.makeAsyncIterator()
    while var piece = try await Self.next(&pieces, response.url) {
      if skip > 0 {
        let count = Int(min(skip, Int64(piece.readableBytes)))
        piece.moveReaderIndex(forwardBy: count)
        skip -= Int64(count)
      }
      let count = piece.readableBytes
      if count == 0 { continue }
      try state.check(count)
      piece.withUnsafeReadableBytes { state.hasher?.update($0) }
      try await take(piece)
      state.position += Int64(count)
    }
    try state.endOfBody()
  }

  /// The next piece, with the connection's errors in the user's words.
  static func next(
    _ pieces: inout HTTPClientResponse.Body.AsyncIterator, _ url: WireURL
  ) async throws -> ByteBuffer? {
    do {
      return try await pieces.next()
    } catch {
      throw Wire.failure(error, url)
    }
  }
}

/// How far a download has come.
struct DownloadState {
  let digest: Digest
  /// The blob's whole size, once it is known.
  var sizeBytes: Int64?
  var position: Int64
  let name: String
  var hasher: ContentHasher?
  private let limitBytes: Int64
  private var limit: Int64 { min(sizeBytes ?? limitBytes, limitBytes) }

  init(digest: Digest, sizeBytes: Int64?, position: Int64, name: String, limitBytes: Int64) {
    self.limitBytes = limitBytes
    self.digest = digest
    self.sizeBytes = sizeBytes
    self.position = position
    self.name = name
  }

  /// Looks at an answer's head.
  /// - Returns: bytes to pass over, where the registry sends from the start although the middle was asked for.
  mutating func begin(_ response: WireResponse) throws(RegistryFailure) -> Int64 {
    let announced = response.announcedBytes
    guard response.status == 206 else {
      if let announced {
        if let sizeBytes, announced != sizeBytes {
          throw RegistryFailure(
            .badContent, "blob \(digest) of \(name) has \(announced) bytes at the registry but should have \(sizeBytes)"
          )
        }
        sizeBytes = announced
      }
      return position
    }
    let range = response.headers.first(name: "Content-Range") ?? ""
    guard range.hasPrefix("bytes \(position)-") else {
      throw RegistryFailure(
        .badContent,
        "blob \(digest) of \(name): asked for bytes from \(position), got '\(ErrorAnswer.printable(range))'")
    }
    return 0
  }

  /// Before bytes are taken.
  func check(_ count: Int) throws(RegistryFailure) {
    guard position + Int64(count) <= limit else {
      throw RegistryFailure(.badContent, "blob \(digest) of \(name) has more than \(limit) bytes; it was cut off")
    }
  }

  /// The connection ended in order: whether the blob did, too.
  func endOfBody() throws(RegistryFailure) {
    guard let sizeBytes, position < sizeBytes else { return }
    throw RegistryFailure(
      .unreachable, "blob \(digest) of \(name) ended after \(position) of \(sizeBytes) bytes")
  }

  func finish() throws(RegistryFailure) {
    guard let hasher, hasher.digest() != digest else { return }
    throw RegistryFailure(.badContent, "blob \(digest) of \(name) has other content: \(hasher.digest())")
  }
}
