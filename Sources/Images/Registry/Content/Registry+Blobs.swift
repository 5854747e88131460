import ContentStore
import LinuxSystem
import Model

extension Registry {
  /// Bytes of a blob that the repository shows. Throws `RegistryError` (`blobUnknown`).
  public func blobSize(_ digest: Digest, in repository: RepositoryName) throws -> Int64 {
    let id = "\(repository):\(digest.hex)"
    guard let link = try read({ try $0.get(LinkRecord.self, Table.links, id) }) else {
      throw RegistryError.blobUnknown(digest, repository)
    }
    return link.sizeBytes
  }

  /// `blobSize` for a client that may push: the blob stays for the grace time, though no manifest uses it, so that the
  /// push can rely on the answer.
  public func promiseBlob(_ digest: Digest, in repository: RepositoryName) throws -> Int64 {
    let size = try blobSize(digest, in: repository)
    let now = configuration.now()
    try commitUnflushed { transaction in
      guard try transaction.contains(Table.links, "\(repository):\(digest.hex)") else {
        throw RegistryError.blobUnknown(digest, repository)
      }
      try transaction.promise(digest, in: repository, now: now)
    }
    return size
  }

  /// Opens a blob of the repository for reading.
  public func openBlob(_ digest: Digest, in repository: RepositoryName) throws -> (file: Descriptor, sizeBytes: Int64) {
    try settled {
      let size = try blobSize(digest, in: repository)
      return (try content.open(digest), size)
    }
  }

  /// Reads a whole blob; its bytes are checked against its digest. Throws `RegistryError` (`blobUnknown`).
  public func readBlob(_ digest: Digest, in repository: RepositoryName, maxBytes: Int) throws -> [UInt8] {
    try settled {
      _ = try blobSize(digest, in: repository)
      return try content.read(digest, maxBytes: maxBytes)
    }
  }

  /// Takes a blob out of a repository. Throws `RegistryError`: `blobUnknown`, `inUse` where a manifest needs it.
  public func deleteBlob(_ digest: Digest, in repository: RepositoryName) throws {
    try commit { transaction in
      let id = "\(repository):\(digest.hex)"
      guard let link = try transaction.get(LinkRecord.self, Table.links, id) else {
        throw RegistryError.blobUnknown(digest, repository)
      }
      guard try !transaction.isUsed(digest, in: repository) else {
        throw RegistryError(
          .inUse, "blob \(digest) is used by a manifest of repository '\(repository)': delete that first")
      }
      try transaction.unlink(digest, sizeBytes: link.sizeBytes, from: repository)
    }
    changed(repository)
  }
}
