import Glibc
import LinuxSystem

/// Non-blocking receive and send of single datagrams.
enum DatagramSocket {
  /// The largest datagram of UDP.
  static let maximumBytes = 65_535

  /// Takes one datagram; nil when none waits. Longer ones than `limit` are cut.
  static func receive(_ socket: Descriptor, limit: Int) throws -> (bytes: [UInt8], sender: SocketAddress?)? {
    var storage = sockaddr_storage()
    do {
      let bytes = try [UInt8](unsafeUninitializedCapacity: limit) { buffer, count in
        count = 0
        count = try withUnsafeMutablePointer(to: &storage) { pointer in
          try pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { rebound in
            var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
            return try systemCall("recvfrom") {
              recvfrom(socket.raw, buffer.baseAddress, limit, Int32(MSG_DONTWAIT), rebound, &length)
            }
          }
        }
      }
      return (bytes, SocketAddress(storage))
    } catch let error as SystemError where error.errno == EAGAIN {
      return nil
    }
  }

  /// Sends one datagram, to the connected peer where `receiver` is nil. A full buffer drops it, as networks do.
  static func send(_ socket: Descriptor, _ bytes: [UInt8], to receiver: SocketAddress? = nil) throws {
    let flags = Int32(MSG_DONTWAIT | MSG_NOSIGNAL)
    do {
      if let receiver {
        try receiver.withPointer { pointer, length in
          _ = try systemCall("sendto") { sendto(socket.raw, bytes, bytes.count, flags, pointer, length) }
        }
      } else {
        try systemCall("send") { Glibc.send(socket.raw, bytes, bytes.count, flags) }
      }
    } catch let error as SystemError where error.errno == EAGAIN || error.errno == ENOBUFS {}
  }
}
