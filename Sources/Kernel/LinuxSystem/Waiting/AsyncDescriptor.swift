import CLinuxShim
import Glibc

/// A descriptor that tasks read and write without blocking a thread: pipes, sockets (also SOCK_SEQPACKET), terminals,
/// inotify and event descriptors. Nothing is buffered here, so an idle one holds no memory.
public final class AsyncDescriptor: Sendable {
  public let descriptor: Descriptor
  private let poller: Poller
  private let isSocket: Bool
  private let keepsMessages: Bool
  private let isTerminal: Bool

  /// Puts the open file description into non-blocking mode, also for others who share it.
  public init(_ descriptor: Descriptor, poller: Poller) throws {
    self.descriptor = descriptor
    self.poller = poller
    var type: Int32 = 0
    var length = socklen_t(MemoryLayout<Int32>.size)
    isSocket = getsockopt(descriptor.raw, SOL_SOCKET, SO_TYPE, &type, &length) == 0
    keepsMessages = isSocket && type != Int32(SOCK_STREAM.rawValue)
    isTerminal = isatty(descriptor.raw) == 1
    try descriptor.setNonBlocking(true)
  }

  /// Reads what is there, at least one byte; empty means the end. On SOCK_SEQPACKET one call is one message.
  /// - Throws: EMSGSIZE for a message longer than `maxBytes`, `CancellationError`.
  public func read(_ maxBytes: Int) async throws -> [UInt8] {
    while true {
      do {
        return try readNow(maxBytes)
      } catch let error as SystemError where error.errno == EAGAIN {
        try await poller.waitReadable(descriptor.raw)
      }
    }
  }

  /// Writes everything; on SOCK_SEQPACKET as one message.
  /// - Throws: EPIPE when nobody reads any more, `CancellationError` (a part may have been written).
  public func write(_ bytes: [UInt8]) async throws {
    var offset = 0
    while offset < bytes.count {
      do {
        offset += try writeNow(bytes, from: offset)
      } catch let error as SystemError where error.errno == EAGAIN {
        try await poller.waitWritable(descriptor.raw)
      }
    }
  }

  /// Waits for the next connection of a listening socket.
  public func accept() async throws -> Descriptor {
    while true {
      do {
        return Descriptor(owning: try systemCall("accept4") { bh_accept4(descriptor.raw, O_CLOEXEC) })
      } catch let error as SystemError where error.errno == EAGAIN || error.errno == ECONNABORTED {
        try await poller.waitReadable(descriptor.raw)
      }
    }
  }

  /// Returns when reading would not block, for descriptors with calls of their own.
  public func waitReadable() async throws {
    try await poller.waitReadable(descriptor.raw)
  }

  /// Ends one direction of a socket (shutdown(2)); the peer reads the end.
  public func shutdownWrite() throws {
    try systemCall("shutdown") { shutdown(descriptor.raw, Int32(SHUT_WR)) }
  }

  private func readNow(_ maxBytes: Int) throws -> [UInt8] {
    do {
      return try [UInt8](unsafeUninitializedCapacity: maxBytes) { buffer, count in
        count = 0
        if isSocket {
          // With MSG_TRUNC the kernel tells a message's whole length; on a TCP stream it would drop data instead.
          let flags = keepsMessages ? Int32(MSG_TRUNC) : 0
          let received = try systemCall("recv") { recv(descriptor.raw, buffer.baseAddress, maxBytes, flags) }
          if received > maxBytes { throw SystemError(errno: EMSGSIZE, operation: "recv") }
          count = received
        } else {
          count = try descriptor.read(into: UnsafeMutableRawBufferPointer(buffer))
        }
      }
    } catch let error as SystemError where error.errno == EIO && isTerminal {
      // A terminal whose other side has been closed.
      return []
    }
  }

  private func writeNow(_ bytes: [UInt8], from offset: Int) throws -> Int {
    try bytes.withUnsafeBytes { buffer in
      let rest = UnsafeRawBufferPointer(rebasing: buffer[offset...])
      if isSocket {
        let flags = Int32(MSG_NOSIGNAL)
        return try systemCall("send") { send(descriptor.raw, rest.baseAddress, rest.count, flags) }
      }
      return try systemCall("write") { Glibc.write(descriptor.raw, rest.baseAddress, rest.count) }
    }
  }
}
