import AsyncHTTPClient
import Model
import NIOCore
import NIOHTTP1

/// One request, which may be sent several times.
struct WireRequest: Sendable {
  var method: HTTPMethod
  var url: WireURL
  var headers = HTTPHeaders()
  var body: WireBody?
  /// Until the answer's head is there; nil where only silence is bounded, as for large bodies.
  var headSeconds: Int64? = 60

  init(_ method: HTTPMethod, _ url: WireURL, headers: HTTPHeaders = HTTPHeaders(), body: WireBody? = nil) {
    self.method = method
    self.url = url
    self.headers = headers
    self.body = body
  }
}

/// A request's body, made anew for each attempt.
enum WireBody: Sendable {
  case bytes([UInt8])
  case pieces(sizeBytes: Int64?, @Sendable () throws -> any BlobPieces)

  func make() throws -> HTTPClientRequest.Body {
    switch self {
    case .bytes(let bytes): return .bytes(ByteBuffer(bytes: bytes))
    case .pieces(let size, let make):
      return .stream(PieceSequence(pieces: try make()), length: size.map { .known($0) } ?? .unknown)
    }
  }
}

/// Pieces in the form that the HTTP client takes.
private struct PieceSequence: AsyncSequence, Sendable {
  typealias Element = ByteBuffer
  let pieces: any BlobPieces

  struct AsyncIterator: AsyncIteratorProtocol {
    let pieces: any BlobPieces
    mutating func next() async throws -> ByteBuffer? { try await pieces.next() }
  }

  func makeAsyncIterator() -> AsyncIterator { AsyncIterator(pieces: pieces) }
}

/// One answer. Its body has not been read; dropping it closes the connection.
struct WireResponse: Sendable {
  /// What is read of a body that nobody wants, so that its connection can be used again.
  private static let drainBytes = 64 << 10

  var status: Int
  var headers: HTTPHeaders
  var body: HTTPClientResponse.Body
  /// Where the answer came from in the end.
  var url: WireURL
  /// A redirect led to another host, which does not speak for the registry.
  var isElsewhere: Bool
  /// Keeps the connections open while the body is read.
  var peer: PeerUse

  var isSuccess: Bool { (200..<300).contains(status) }

  /// The announced length of the body.
  var announcedBytes: Int64? { headers.first(name: "Content-Length").flatMap(Int64.init) }

  /// Seconds that `Retry-After` asks for.
  var wishSeconds: Double? { headers.first(name: "Retry-After").flatMap(Double.init) }

  /// The whole body, refused before it is read where more than `limit` bytes are announced, and cut off where more come.
  func collect(limit: Int, named name: String) async throws -> [UInt8] {
    let tooLarge = RegistryFailure(.badContent, "\(name) from \(url.host) has more than \(limit) bytes", status: status)
    if let announcedBytes, announcedBytes > Int64(limit) { throw tooLarge }
    var bytes: [UInt8] = []
    for try await piece in body {
      guard bytes.count + piece.readableBytes <= limit else { throw tooLarge }
      bytes.append(contentsOf: piece.readableBytesView)
    }
    if let announcedBytes, announcedBytes != Int64(bytes.count) {
      throw RegistryFailure(.unreachable, "\(url.host) closed the connection in the middle of \(name)")
    }
    return bytes
  }

  /// Reads what little is left, so that the connection stays usable.
  func drain() async {
    guard let announcedBytes, announcedBytes <= Int64(Self.drainBytes) else { return }
    var left = Self.drainBytes
    do {
      for try await piece in body {
        left -= piece.readableBytes
        if left < 0 { return }
      }
    } catch {
      // The connection is gone: the next request opens another.
    }
  }
}
