import Glibc
import LinuxSystem
import Model

/// Accepts TCP connections of one published port and copies their bytes both ways.
struct StreamRelay: Sendable {
  let relay: PortRelay

  /// Bytes read at once in each direction.
  private static let chunkBytes = 64 * 1_024
  /// Pause after a failed accept (out of descriptors), so as not to spin.
  private static let pause = Duration.milliseconds(100)

  /// Runs until cancelled.
  func run() async {
    await withDiscardingTaskGroup { connections in
      let slots = Slots(count: PortRelay.maximumConnections)
      while !Task.isCancelled {
        do {
          guard let listener = try? AsyncDescriptor(relay.listener, poller: relay.service.poller) else { return }
          let client = try await listener.accept()
          guard let peer = try? InternetSocket.peer(of: client), !relay.service.isShutIn(peer) else { continue }
          guard slots.take() else { continue }
          connections.addTask {
            await carry(client)
            slots.giveBack()
          }
        } catch let error as SystemError where error.errno == ENOTSOCK {
          break
        } catch is CancellationError {
          break
        } catch {
          relay.service.logger.warning("relay failed to accept", metadata: ["error": "\(error)"])
          try? await Task.sleep(for: Self.pause)
        }
      }
      connections.cancelAll()
    }
  }

  private func carry(_ client: Descriptor) async {
    do {
      let server = try relay.connectToContainer()
      try await relay.service.poller.waitWritable(server.raw)
      let near = try AsyncDescriptor(client, poller: relay.service.poller)
      let far = try AsyncDescriptor(server, poller: relay.service.poller)
      try await withThrowingDiscardingTaskGroup { directions in
        directions.addTask { try await copy(from: near, to: far) }
        directions.addTask { try await copy(from: far, to: near) }
      }
    } catch {
      // The peer went away, or the container does not listen: closing both ends tells the other side.
    }
  }

  /// Copies until the source ends, then ends the target's input.
  private func copy(from source: AsyncDescriptor, to target: AsyncDescriptor) async throws {
    while true {
      let bytes = try await source.read(Self.chunkBytes)
      if bytes.isEmpty { break }
      try await target.write(bytes)
      // A stream that never has to wait must not keep a thread of the pool to itself.
      await Task.yield()
    }
    try target.shutdownWrite()
  }
}
