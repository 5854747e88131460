import Glibc
import LinuxSystem

/// Datagrams that are taken together: a call of the kernel for each would cost a good part of a small answer.
public struct DatagramBatch {
  /// Datagrams in one.
  public static let capacity = 8

  private let limit: Int
  private var bytes: [UInt8]
  private var lengths = [UInt32](repeating: 0, count: capacity)
  private var senders = [sockaddr_storage](repeating: sockaddr_storage(), count: capacity)

  /// - Parameter limit: bytes of a datagram; of longer ones the rest is cut.
  public init(limit: Int) {
    self.limit = limit
    let size = Self.capacity * limit
    // Filled by the kernel before it is read, as far as it is.
    bytes = [UInt8](unsafeUninitializedCapacity: size) { _, count in count = size }
  }

  /// Takes those that wait, and forgets the ones before.
  ///
  /// - Returns: how many, at most `capacity`.
  public mutating func receive(from socket: Descriptor) throws -> Int {
    try DatagramCalls.receive(socket, room: limit, into: &bytes, lengths: &lengths, senders: &senders)
  }

  /// What came, and from where; nil for a sender that has no address.
  public func datagram(_ index: Int) -> (bytes: [UInt8], sender: SocketAddress)? {
    guard let sender = SocketAddress(senders[index]) else { return nil }
    let start = index * limit
    return (Array(bytes[start..<start + Int(lengths[index])]), sender)
  }
}
