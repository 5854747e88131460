import ContentStore
import Glibc
import HTTPServing
import LinuxSystem
import Logging
import Model
import OCITypes
import Registry
import Synchronization
import Testing

@testable import RegistryAPI

/// Who may what in these tests: `Authorization: Test NAME` is NAME, who may all in the project of that name; everybody
/// may pull from `public`; `root` may everything; `scoped` is a token for nothing; `wrong` is refused.
final class TestAccess: RegistryAccess {
  struct Caller: RegistryCaller {
    let name: String
    var isAnonymous: Bool { name.isEmpty }
    var canStepUp: Bool { name.isEmpty || name == "scoped" }
    func may(_ permission: RegistryPermission, _ repository: RepositoryName) -> Bool {
      name == "root" || name == repository.project || (permission == .pull && repository.project == "public")
    }
  }

  private let events = Mutex<[RegistryAudit]>([])
  var audit: [RegistryAudit] { events.withLock { $0 } }

  func authenticate(_ request: HTTPRequest) async throws -> any RegistryCaller {
    guard let caller = authenticateAtOnce(request) else {
      throw PlatformError(.unauthenticated, "wrong credentials")
    }
    return caller
  }

  func authenticateAtOnce(_ request: HTTPRequest) -> (any RegistryCaller)? {
    let name = request.headers["Authorization"].first.map { String($0.dropFirst(5)) } ?? ""
    return name == "wrong" ? nil : Caller(name: name)
  }

  func challenge(_ needs: [RegistryNeed], request: HTTPRequest, error: String?) -> String {
    let scope = needs.map { "repository:\($0.repository):\($0.permission.rawValue)" }.joined(separator: " ")
    return #"Bearer realm="https://x/token",service="x",scope="\#(scope)"\#(error.map { #",error="\#($0)""# } ?? "")"#
  }

  func recordDurably(_ event: RegistryAudit) { record(event) }

  func record(_ event: RegistryAudit) { events.withLock { $0.append(event) } }
}

/// The API over a registry in a folder of its own, on a unix socket.
final class APIFixture: Sendable {
  let path: String
  let registry: Registry
  let access = TestAccess()
  let api: RegistryAPI
  private let server: HTTPServer
  private let executor: BlockingExecutor
  /// Clients block while they wait, so they have threads of their own.
  private let clients: BlockingExecutor

  init() async throws {
    path = "/tmp/registry-api-\(UInt64.random(in: 0 ... .max))"
    var logger = Logger(label: "test")
    logger.logLevel = .critical
    registry = try Registry(root: path, logger: logger)
    api = RegistryAPI(registry: registry, access: access, logger: logger)
    executor = try BlockingExecutor(name: "registry-test")
    clients = try BlockingExecutor(name: "registry-client")
    server = HTTPServer(responder: api, errors: RegistryAPI.errorMapper, executor: executor, logger: logger)
    try await server.listen(unixSocketPath: path + "/s")
  }

  func end() async {
    await server.shutdown(gracefulSeconds: 0)
    executor.shutdown()
    clients.shutdown()
    try? FileSystem.removeTree(path)
  }

  /// Runs a test with a fixture that is gone afterwards.
  static func with(_ body: (APIFixture) async throws -> Void) async throws {
    let fixture = try await APIFixture()
    do {
      try await body(fixture)
    } catch {
      await fixture.end()
      throw error
    }
    await fixture.end()
  }

  struct Answer: Sendable {
    var status = 0
    var headers: [String: String] = [:]
    var body: [UInt8] = []

    subscript(_ name: String) -> String? { headers[name.lowercased()] }
    var text: String { String(decoding: body, as: UTF8.self) }

    /// The code of the first error.
    var code: String? {
      struct Errors: Decodable {
        struct Entry: Decodable { var code: String }
        var errors: [Entry]
      }
      return try? ImageDocuments.decode(Errors.self, from: body, limit: 1 << 20, named: "errors").errors.first?.code
    }

    func decode<T: Decodable>(_ type: T.Type) throws -> T {
      try ImageDocuments.decode(type, from: body, limit: 8 << 20, named: "the answer")
    }
  }

  @discardableResult
  func send(
    _ method: String, _ target: String, as caller: String? = "team", _ headers: [String: String] = [:],
    body: [UInt8] = []
  ) async throws -> Answer {
    var head = "\(method) \(target) HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
    if let caller { head += "Authorization: Test \(caller)\r\n" }
    for (name, value) in headers { head += "\(name): \(value)\r\n" }
    if !body.isEmpty || ["POST", "PUT", "PATCH"].contains(method) { head += "Content-Length: \(body.count)\r\n" }
    let bytes = Array((head + "\r\n").utf8) + body
    let path = path
    return try await clients.run { try Self.parse(try Self.exchange(path + "/s", bytes), hasBody: method != "HEAD") }
  }

  static func exchange(_ path: String, _ bytes: [UInt8]) throws -> [UInt8] {
    let socket = try UnixSocket.connect(path)
    var limit = timeval(tv_sec: 30, tv_usec: 0)
    setsockopt(socket.raw, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    var sent = 0
    while sent < bytes.count {
      // A server that refuses a long body closes before it has all of it.
      let count = bytes[sent...].withUnsafeBytes {
        Glibc.send(socket.raw, $0.baseAddress, $0.count, CInt(MSG_NOSIGNAL))
      }
      if count <= 0 { break }
      sent += count
    }
    return try answer(socket)
  }

  /// All that comes until the server closes. Where it does so with a part of a long body unread the end is a reset.
  private static func answer(_ socket: Descriptor) throws -> [UInt8] {
    var answer: [UInt8] = []
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 64 << 10, alignment: 16)
    defer { buffer.deallocate() }
    while answer.count < 64 << 20 {
      do {
        let count = try socket.read(into: buffer)
        if count == 0 { break }
        answer += buffer[..<count]
      } catch let error as SystemError where error.errno == ECONNRESET && !answer.isEmpty {
        break
      }
    }
    return answer
  }

  static func parse(_ bytes: [UInt8], hasBody: Bool) throws -> Answer {
    let end = try #require(bytes.indices.dropLast(3).first { bytes[$0..<($0 + 4)].elementsEqual([13, 10, 13, 10]) })
    let lines = String(decoding: bytes[..<end], as: UTF8.self).split(separator: "\r\n")
    var answer = Answer(status: try #require(Int(lines[0].split(separator: " ")[1])))
    for line in lines.dropFirst() {
      let parts = line.split(separator: ":", maxSplits: 1)
      answer.headers[parts[0].lowercased()] = String(parts[1].drop { $0 == " " })
    }
    var rest = bytes[(end + 4)...]
    if answer["Transfer-Encoding"] == "chunked" {
      while let line = rest.firstIndex(of: 13) {
        let size = try #require(Int(String(decoding: rest[..<line], as: UTF8.self), radix: 16))
        if size == 0 { break }
        answer.body += rest[(line + 2)..<(line + 2 + size)]
        rest = rest[(line + 4 + size)...]
      }
    } else {
      answer.body = Array(rest)
    }
    if !hasBody { #expect(answer.body.isEmpty) }
    return answer
  }

  // MARK: - Images

  func blob(_ bytes: [UInt8], in name: String = "team/app", as caller: String = "team") async throws -> Digest {
    let digest = ContentHasher.digest(of: bytes)
    let start = try await send("POST", "/v2/\(name)/blobs/uploads/", as: caller)
    #expect(start.status == 202)
    let location = try #require(start["Location"])
    let end = try await send("PUT", "\(location)?digest=\(digest)", as: caller, body: bytes)
    #expect(end.status == 201)
    return digest
  }

  static func manifest(_ blobs: [[UInt8]], change: (inout ImageManifest) -> Void = { _ in }) throws -> [UInt8] {
    let descriptors = blobs.enumerated().map { index, bytes in
      ContentDescriptor(
        mediaType: index == 0 ? .ociConfig : .ociLayerGzip, digest: ContentHasher.digest(of: bytes),
        size: Int64(bytes.count))
    }
    var manifest = ImageManifest(config: descriptors[0], layers: Array(descriptors.dropFirst()))
    change(&manifest)
    return try ImageDocuments.encode(manifest)
  }

  @discardableResult
  func push(
    _ text: String, _ tag: String, in name: String = "team/app", as caller: String = "team"
  ) async throws -> Digest {
    let blobs = [Array("{}".utf8), Array(text.utf8)]
    for bytes in blobs { _ = try await blob(bytes, in: name, as: caller) }
    let bytes = try Self.manifest(blobs)
    let answer = try await put(bytes, tag, in: name, as: caller)
    #expect(answer.status == 201)
    return ContentHasher.digest(of: bytes)
  }

  func put(
    _ manifest: [UInt8], _ reference: String, in name: String = "team/app", as caller: String = "team",
    type: MediaType = .ociManifest
  ) async throws -> Answer {
    try await send(
      "PUT", "/v2/\(name)/manifests/\(reference)", as: caller, ["Content-Type": type.rawValue], body: manifest)
  }
}
