import Glibc
import LinuxSystem
import Model

/// A datagram socket to a path of the host.
struct DatagramConnection: SyslogConnection {
  private let socket: Descriptor

  init(unixPath path: String) throws {
    socket = Descriptor(
      owning: try systemCall("socket") {
        Glibc.socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
      })
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    let bytes = Array(path.utf8)
    guard bytes.count < MemoryLayout.size(ofValue: address.sun_path) else {
      throw PlatformError(.invalidArgument, "the socket path '\(path.prefix(128))' is too long")
    }
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
    let raw = socket.raw
    try withUnsafePointer(to: &address) { pointer in
      try pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
        _ = try systemCall("connect", path) { connect(raw, address, socklen_t(MemoryLayout<sockaddr_un>.size)) }
      }
    }
  }

  func send(_ message: [UInt8]) throws {
    _ = try systemCall("send") { Glibc.send(socket.raw, message, message.count, Int32(MSG_NOSIGNAL)) }
  }
}

/// A UDP or TCP connection to a syslog server. Over TCP each message ends with a line feed (RFC 6587, section 3.4.2).
struct InternetConnection: SyslogConnection {
  private let socket: Descriptor
  private let isStream: Bool

  init(host: String, port: String, stream: Bool) throws {
    isStream = stream
    var hints = addrinfo()
    hints.ai_socktype = stream ? Int32(SOCK_STREAM.rawValue) : Int32(SOCK_DGRAM.rawValue)
    var list: UnsafeMutablePointer<addrinfo>?
    let code = getaddrinfo(host, port, &hints, &list)
    guard code == 0, let first = list else {
      throw PlatformError(
        .unavailable,
        "the syslog server '\(host.prefix(200)):\(port.prefix(10))' was not found: \(String(cString: gai_strerror(code)))"
      )
    }
    defer { freeaddrinfo(list) }
    let info = first.pointee
    let opened = Descriptor(
      owning: try systemCall("socket") {
        Glibc.socket(info.ai_family, info.ai_socktype | Int32(SOCK_CLOEXEC.rawValue), 0)
      })
    _ = try systemCall("connect", "\(host):\(port)") { connect(opened.raw, info.ai_addr, info.ai_addrlen) }
    socket = opened
  }

  func send(_ message: [UInt8]) throws {
    guard isStream else {
      _ = try systemCall("send") { Glibc.send(socket.raw, message, message.count, Int32(MSG_NOSIGNAL)) }
      return
    }
    var rest = (message + [10])[...]
    while !rest.isEmpty {
      let count = try rest.withUnsafeBytes { bytes in
        try systemCall("send") { Glibc.send(socket.raw, bytes.baseAddress, bytes.count, Int32(MSG_NOSIGNAL)) }
      }
      rest = rest.dropFirst(count)
    }
  }
}
