import Glibc
import LinuxSystem

/// Non-blocking receive and send of single datagrams.
public enum DatagramSocket {
  /// The largest datagram of UDP.
  public static let maximumBytes = 65_535

  /// Takes one datagram; nil when none waits. Longer ones than `limit` are cut.
  // Never inlined: see `systemCall`.
  @inline(never)
  public static func receive(_ socket: Descriptor, limit: Int) throws -> (bytes: [UInt8], sender: SocketAddress?)? {
    var storage = sockaddr_storage()
    var received = 0
    var code: Int32 = 0
    let bytes = [UInt8](unsafeUninitializedCapacity: limit) { buffer, count in
      repeat {
        received = withUnsafeMutablePointer(to: &storage) { pointer in
          pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { rebound in
            var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
            return recvfrom(socket.raw, buffer.baseAddress, limit, Int32(MSG_DONTWAIT), rebound, &length)
          }
        }
        code = errno
      } while received < 0 && code == EINTR
      count = max(0, received)
    }
    if received >= 0 { return (bytes, SocketAddress(storage)) }
    // The usual end of a turn is not worth an error.
    if code == EAGAIN { return nil }
    throw SystemError(errno: code, operation: "recvfrom")
  }

  /// Sends one datagram, to the connected peer where `receiver` is nil. A full buffer drops it, as networks do.
  public static func send(_ socket: Descriptor, _ bytes: [UInt8], to receiver: SocketAddress? = nil) throws {
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
