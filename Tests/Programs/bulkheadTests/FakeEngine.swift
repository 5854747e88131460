import Glibc
import Synchronization

@testable import bulkhead

/// Answers one connection on a unix socket with fixed bytes, after it has read a request's head, and keeps that head.
final class FakeEngine: Sendable {
  let path: String
  private let thread: pthread_t
  private let received: Box

  private final class Box: Sendable {
    let listener: Int32
    let answer: [UInt8]
    let head = Mutex<String>("")
    init(listener: Int32, answer: [UInt8]) {
      self.listener = listener
      self.answer = answer
    }
  }

  init(answer: String) throws {
    let path = "/tmp/bulkhead-client-test-\(getpid())-\(UInt32.random(in: 0...UInt32.max)).sock"
    let listener = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
    let bound = withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(listener, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
    guard bound == 0, listen(listener, 1) == 0 else { throw ClientError("cannot listen at \(path)") }
    let box = Box(listener: listener, answer: Array(answer.utf8))
    var thread = pthread_t()
    pthread_create(&thread, nil, { FakeEngine.serve($0) }, Unmanaged.passRetained(box).toOpaque())
    self.path = path
    self.received = box
    self.thread = thread
  }

  var engine: Engine { get throws { Engine(address: try EngineAddress(parsing: path)) } }

  /// The head of the request, once the answer was sent; removes the socket.
  func finish() -> String {
    pthread_join(thread, nil)
    unlink(path)
    return received.head.withLock { $0 }
  }

  private static func serve(_ argument: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    guard let argument else { return nil }
    let box = Unmanaged<Box>.fromOpaque(argument).takeRetainedValue()
    let client = accept(box.listener, nil, nil)
    var bytes: [UInt8] = []
    var byte: UInt8 = 0
    while bytes.suffix(4) != [13, 10, 13, 10], read(client, &byte, 1) == 1 { bytes.append(byte) }
    box.head.withLock { $0 = String(decoding: bytes, as: UTF8.self) }
    var rest = box.answer[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { send(client, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
      if count <= 0 { break }
      rest = rest.dropFirst(count)
    }
    close(client)
    close(box.listener)
    return nil
  }
}
