import Glibc
import Logging
import Synchronization
import Testing

@testable import HTTPServing

/// Runs tasks on threads of its own, as the engine's executor does.
final class ThreadExecutor: TaskExecutor {
  func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    onNewThread { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
  }
}

private final class Work {
  let body: @Sendable () -> Void
  init(_ body: @escaping @Sendable () -> Void) { self.body = body }
}

/// Runs a closure that may block on a thread made for it.
func onNewThread(_ body: @escaping @Sendable () -> Void) {
  var thread = pthread_t()
  let result = pthread_create(
    &thread, nil,
    { pointer in
      if let pointer { Unmanaged<Work>.fromOpaque(pointer).takeRetainedValue().body() }
      return nil
    }, Unmanaged.passRetained(Work(body)).toOpaque())
  precondition(result == 0, "no thread to be had")
  pthread_detach(thread)
}

struct ClosureResponder: HTTPResponder {
  let closure: @Sendable (HTTPRequest) async throws -> HTTPResponse
  var atOnce: @Sendable (HTTPRequest) -> HTTPResponse? = { _ in nil }
  func respond(to request: HTTPRequest) async throws -> HTTPResponse { try await closure(request) }
  func respondAtOnce(to request: HTTPRequest) -> HTTPResponse? { atOnce(request) }
}

/// A server on a unix socket in a folder of its own, for the time of one closure.
func withServer(
  _ configuration: HTTPServerConfiguration = .init(), errors: ErrorMapper = .plainText,
  atOnce: @escaping @Sendable (HTTPRequest) -> HTTPResponse? = { _ in nil },
  responder: @escaping @Sendable (HTTPRequest) async throws -> HTTPResponse,
  _ test: (HTTPServer, String) async throws -> Void
) async throws {
  var template = Array("/tmp/http-test-XXXXXX".utf8CString)
  let folder = try #require(mkdtemp(&template).map { String(cString: $0) })
  let path = folder + "/s"
  var logger = Logger(label: "test")
  logger.logLevel = .critical
  let server = HTTPServer(
    configuration: configuration, responder: ClosureResponder(closure: responder, atOnce: atOnce), errors: errors,
    executor: ThreadExecutor(), logger: logger)
  try await server.listen(unixSocketPath: path)
  let result: Result<Void, any Error>
  do { result = .success(try await test(server, path)) } catch { result = .failure(error) }
  await server.shutdown(gracefulSeconds: 0)
  #expect(access(path, F_OK) != 0, "the socket's file is left behind")
  rmdir(folder)
  try result.get()
}

/// A client that sends and receives raw bytes. Its calls block a thread of their own, not the test's.
final class RawClient: Sendable {
  let descriptor: CInt
  static let timeoutSeconds = 20

  init(_ path: String) throws {
    descriptor = socket(AF_UNIX, CInt(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    var limit = timeval(tv_sec: Self.timeoutSeconds, tv_usec: 0)
    setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
    let result = withUnsafePointer(to: address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
    try #require(result == 0, "connect: errno \(errno)")
  }

  /// Connects to a port of 127.0.0.1.
  init(port: Int) throws {
    descriptor = socket(AF_INET, CInt(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    var limit = timeval(tv_sec: Self.timeoutSeconds, tv_usec: 0)
    setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = in_port_t(port).bigEndian
    address.sin_addr.s_addr = inet_addr("127.0.0.1")
    let result = withUnsafePointer(to: address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    try #require(result == 0, "connect: errno \(errno)")
  }

  deinit { close(descriptor) }

  private func onThread<R: Sendable>(_ body: @escaping @Sendable () -> R) async -> R {
    await withCheckedContinuation { continuation in
      onNewThread { continuation.resume(returning: body()) }
    }
  }

  /// Sends all; false where the server closed meanwhile.
  @discardableResult
  func send(_ bytes: [UInt8]) async -> Bool {
    await onThread { [descriptor] in
      var sent = 0
      while sent < bytes.count {
        let count = bytes[sent...].withUnsafeBytes {
          Glibc.send(descriptor, $0.baseAddress, $0.count, CInt(MSG_NOSIGNAL))
        }
        if count <= 0 { return false }
        sent += count
      }
      return true
    }
  }

  @discardableResult
  func send(_ text: String) async -> Bool { await send(Array(text.utf8)) }

  func closeWrite() { Glibc.shutdown(descriptor, CInt(SHUT_WR)) }
  func closeBoth() { Glibc.shutdown(descriptor, CInt(SHUT_RDWR)) }

  /// Reads until `isEnough` or the end; nil where nothing came within the time.
  private func receive(until isEnough: @escaping @Sendable ([UInt8]) -> Bool) async -> String? {
    await onThread { [descriptor] in
      var all: [UInt8] = []
      var piece = [UInt8](repeating: 0, count: 65_536)
      while !isEnough(all) {
        let count = recv(descriptor, &piece, piece.count, 0)
        if count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK) { return nil }
        if count <= 0 { break }
        all += piece[..<count]
      }
      return String(decoding: all, as: UTF8.self)
    }
  }

  /// All until the server closes; nil where it did not.
  func receiveAll() async -> String? { await receive { _ in false } }

  /// Until the text has come; what came where the server closed before.
  func receive(through text: String) async -> String? {
    let bytes = Array(text.utf8)
    return await receive { all in all.count >= bytes.count && all.suffix(bytes.count) == bytes[...] }
  }
}
