import CLinuxShim
import Glibc

/// Many datagrams in one call of the kernel, which waits for nothing. Source: recvmmsg(2).
///
/// Each has `room` bytes of `bytes`, one behind another, and its entry of `lengths` and of addresses; there are at most `maximum`.
public enum DatagramCalls {
  public static let maximum = 64

  /// Takes those that wait; of longer ones than `room` the rest is cut.
  ///
  /// - Returns: how many.
  public static func receive(
    _ socket: Descriptor, room: Int, into bytes: inout [UInt8], lengths: inout [UInt32],
    senders: inout [sockaddr_storage]
  ) throws -> Int {
    let capacity = min(bytes.count / room, lengths.count, senders.count, maximum)
    let taken = bh_receive_datagrams(socket.raw, &bytes, room, Int32(capacity), &lengths, &senders)
    let code = errno
    if taken >= 0 { return Int(taken) }
    // The usual end of a turn is not worth an error.
    if code == EAGAIN { return 0 }
    throw SystemError(errno: code, operation: "recvmmsg")
  }
}
