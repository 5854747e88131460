import ContentStore
import Glibc
import Layers
import LinuxSystem
import Model

/// A list that was announced, and the contents that are to follow.
public final class ContextUpload: Sendable {
  public let list: ContextList
  /// What the client has to send, each once, in this order.
  public let missing: [(digest: Digest, sizeBytes: Int64)]
  let bytes: [UInt8]
  let pin: ContextPin

  init(_ list: ContextList, bytes: [UInt8], missing: [(digest: Digest, sizeBytes: Int64)], pin: ContextPin) {
    self.list = list
    self.bytes = bytes
    self.missing = missing
    self.pin = pin
  }
}

extension ContextStore {
  /// Takes a client's list. When nothing is missing, the context is there afterwards.
  /// - Throws: `invalidArgument`, `resourceExhausted`.
  public func announce(_ bytes: [UInt8]) throws -> ContextUpload {
    let list = try ContextList(parsing: bytes, limits: limits)
    var sizes: [Digest: Int64] = [:]
    var order: [Digest] = []
    for case .file(let size, let digest) in list.entries.map(\.kind) {
      if let other = sizes.updateValue(size, forKey: digest) {
        guard other == size else {
          throw PlatformError(.invalidArgument, "the build context tells two sizes of the content \(digest)")
        }
      } else {
        order.append(digest)
      }
    }
    // Held before it is looked what is missing, so that nothing can go in between.
    let pin = pin(Set(order))
    let missing = try state.withLock { state in
      try order.compactMap { digest -> (digest: Digest, sizeBytes: Int64)? in
        guard let held = state.contents[digest] else { return (digest, sizes[digest] ?? 0) }
        guard held == sizes[digest] else {
          throw PlatformError(.invalidArgument, "the build context tells a wrong size of the content \(digest)")
        }
        return nil
      }
    }
    let upload = ContextUpload(list, bytes: bytes, missing: missing, pin: pin)
    if missing.isEmpty {
      try keep(list, bytes: bytes)
    } else {
      wait(for: upload)
    }
    return upload
  }

  /// Remembers an upload until its contents come; too many forget the one that has waited longest.
  private func wait(for upload: ContextUpload) {
    // What is forgotten goes outside of the lock, as its end takes it.
    let forgotten = state.withLock { state in
      let same = state.uploads.filter { $0.list.id == upload.list.id }
      state.uploads.removeAll { $0.list.id == upload.list.id }
      state.uploads.append(upload)
      return same + (state.uploads.count > limits.uploads ? [state.uploads.removeFirst()] : [])
    }
    withExtendedLifetime(forgotten) {}
  }

  /// Takes the contents that `announce` found missing.
  /// - Throws: `notFound` when no such list was announced, `invalidArgument` when they are not what was announced.
  public func receive(_ id: Digest, from source: any ChunkSource) throws {
    let upload = state.withLock { state -> ContextUpload? in
      let index = state.uploads.firstIndex { $0.list.id == id }
      return index.map { state.uploads.remove(at: $0) }
    }
    guard let upload else {
      throw PlatformError(.notFound, "no such build context is announced: \(id): its list has to be sent again")
    }
    try receive(upload, from: source)
  }

  /// Takes the missing contents, one right behind the other. Blocks.
  /// - Throws: `invalidArgument` when they are not what was announced.
  private func receive(_ upload: ContextUpload, from source: any ChunkSource) throws {
    var chunk = UnsafeRawBufferPointer(start: nil, count: 0)
    for (digest, size) in upload.missing {
      let writer = try contents.writer(expected: digest, expectedSizeBytes: size, limitBytes: size)
      var rest = size
      while rest > 0 {
        if chunk.isEmpty { chunk = try source.nextChunk() }
        guard !chunk.isEmpty else {
          throw PlatformError(.invalidArgument, "the contents of the build context end too early")
        }
        let count = Int(min(Int64(chunk.count), rest))
        try writer.append(UnsafeRawBufferPointer(rebasing: chunk[..<count]))
        chunk = UnsafeRawBufferPointer(rebasing: chunk[count...])
        rest -= Int64(count)
      }
      _ = try writer.commit()
      hold(digest, sizeBytes: size)
    }
    if chunk.isEmpty { chunk = try source.nextChunk() }
    guard chunk.isEmpty else {
      throw PlatformError(.invalidArgument, "more follows behind the contents of the build context")
    }
    try keep(upload.list, bytes: upload.bytes)
  }
}
