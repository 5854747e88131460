import Dispatch
import Glibc
import Internet
import LinuxSystem

/// Answers each request of HTTP/1.1 with a page of 1 KB, on a thread of its own; connections stay open.
final class PageServer: Sendable {
  private let listener: Descriptor
  private static let page =
    Array("HTTP/1.1 200 OK\r\nContent-Length: 1024\r\n\r\n".utf8) + [UInt8](repeating: 120, count: 1_024)

  init(port: UInt16) throws {
    listener = try InternetSocket.open(.tcp, family: AF_INET, nonBlocking: true)
    try InternetSocket.set(listener, option: SO_REUSEADDR, to: 1)
    try InternetSocket.bind(listener, to: .ipv4(.any, port: port))
    try InternetSocket.listen(listener, backlog: 128)
    let listener = listener
    DispatchQueue(label: "page-server").async { Self.serve(listener) }
  }

  func stop() { shutdown(listener.raw, Int32(SHUT_RDWR)) }

  private static func serve(_ listener: Descriptor) {
    var clients: [Int32: Descriptor] = [:]
    var request = [UInt8](repeating: 0, count: 4_096)
    while true {
      var waiting = ([listener.raw] + clients.keys).map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
      guard poll(&waiting, nfds_t(waiting.count), -1) > 0, waiting[0].revents & Int16(POLLHUP) == 0 else { return }
      for entry in waiting where entry.revents != 0 {
        if entry.fd == listener.raw {
          let number = accept(listener.raw, nil, nil)
          if number >= 0 { clients[number] = Descriptor(owning: number) }
        } else if recv(entry.fd, &request, request.count, 0) <= 0
          || send(entry.fd, page, page.count, Int32(MSG_NOSIGNAL)) != page.count
        {
          clients[entry.fd] = nil
        }
      }
    }
  }
}

/// Asks for pages on 16 connections, one after the other on each. Blocking.
enum PageClient {
  private static let connections = 16
  private static let request = Array("GET / HTTP/1.1\r\nHost: web\r\n\r\n".utf8)
  private static let pageBytes = 1_024 + "HTTP/1.1 200 OK\r\nContent-Length: 1024\r\n\r\n".utf8.count

  /// How many answers came in that time.
  static func requests(at target: SocketAddress, seconds: Double) throws -> Int {
    let sockets = try (0..<connections).map { _ in
      let socket = try InternetSocket.open(.tcp, family: target.family, nonBlocking: false)
      _ = try target.withPointer { pointer, length in
        try systemCall("connect") { connect(socket.raw, pointer, length) }
      }
      try socket.write(all: request)
      return socket
    }
    var waiting = sockets.map { pollfd(fd: $0.raw, events: Int16(POLLIN), revents: 0) }
    var missing = [Int](repeating: pageBytes, count: connections)
    var bytes = [UInt8](repeating: 0, count: 4_096)
    var count = 0
    let end = ContinuousClock.now + .seconds(seconds)
    while ContinuousClock.now < end {
      guard poll(&waiting, nfds_t(waiting.count), 1_000) > 0 else {
        throw SystemError(errno: ETIMEDOUT, operation: "poll", subject: target.text)
      }
      for index in waiting.indices where waiting[index].revents != 0 {
        let received = try systemCall("recv") { recv(waiting[index].fd, &bytes, bytes.count, 0) }
        missing[index] -= received
        guard received > 0, missing[index] >= 0 else { throw SystemError(errno: EPROTO, operation: "recv") }
        if missing[index] > 0 { continue }
        count += 1
        missing[index] = pageBytes
        try sockets[index].write(all: request)
      }
    }
    return count
  }
}
