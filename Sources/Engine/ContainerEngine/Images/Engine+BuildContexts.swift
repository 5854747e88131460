import Builder
import Glibc
import Layers
import LinuxSystem
import Model

extension Engine {
  /// Bytes of one list that are read at most; the store's own bound is told by its message.
  private static let listBytes = (128 << 20) + 1

  /// Takes the list of a build context; the contents that the client has still to send, in the order wanted. Blocks.
  /// - Throws: `invalidArgument` naming the entry that is wrong, `resourceExhausted` beyond the limits.
  public func announceBuildContext(from list: Descriptor) throws -> [Digest] {
    do {
      return try buildContexts.announce(try list.readAll(maxBytes: Self.listBytes)).missing.map { $0.digest }
    } catch let error as SystemError where error.errno == EFBIG {
      throw PlatformError(.resourceExhausted, "the list of the build context has more than \(Self.listBytes - 1) bytes")
    }
  }

  /// Takes the contents that were missing, one right behind the other. Blocks.
  /// - Throws: `notFound` for a list that was not announced, `invalidArgument` for other contents.
  public func receiveBuildContext(_ id: Digest, from contents: Descriptor) throws {
    try buildContexts.receive(id, from: BufferedSource(DescriptorSource(contents)))
  }
}
