import Crypto
import FoundationEssentials
import Model
import Persistence

/// Seals records, so that what was changed, moved or swapped in the file is noticed when it is read. Documents of secret
/// resources are encrypted too (AES-256-GCM, the record's place and number being authenticated with it); the others
/// carry a code (HMAC-SHA256).
///
/// The seal of a record: a byte that tells which of both, the key's id, and behind a 0 the code.
struct RecordSeal: Sendable {
  private static let plain: UInt8 = 0
  private static let encrypted: UInt8 = 1

  private let keys: StorageKeys
  private let secretResources: Set<String>

  init(keys: StorageKeys, secretResources: Set<ResourceName>) {
    self.keys = keys
    self.secretResources = Set(secretResources.map(\.description))
  }

  /// The record with this document, sealed.
  func seal(_ record: RevisionRecord) throws -> RevisionRecord {
    let key = keys.first
    let context = Self.context(record)
    var seal = Data([secretResources.contains(record.resource) ? Self.encrypted : Self.plain])
    seal.append(contentsOf: key.id.utf8)
    if seal[0] == Self.encrypted {
      let box = try AES.GCM.seal(record.document, using: key.encryption, authenticating: context)
      guard let combined = box.combined else { throw PlatformError(.internal, "a record could not be encrypted") }
      return record.with(seal: seal, document: combined)
    }
    seal.append(0)
    seal.append(contentsOf: Self.code(record.document, context, key.integrity))
    return record.with(seal: seal, document: record.document)
  }

  /// The document of a record. Throws `internal` where it is not what was written.
  func open(_ record: RevisionRecord) throws -> [UInt8] {
    let isEncrypted = record.seal.first == Self.encrypted
    let rest = record.seal.dropFirst()
    // The id of a plain seal ends with a 0, that of the other with the seal.
    let id = String(decoding: rest.prefix { $0 != 0 }, as: UTF8.self)
    guard let key = keys.keys.first(where: { $0.id == id }) else {
      throw failure(record, "it was sealed with the key '\(id)', which is not among the storage keys")
    }
    // A secret whose seal was made a plain one would be taken unread otherwise.
    guard isEncrypted == secretResources.contains(record.resource) else {
      throw failure(record, "its seal is not of the kind that its resource has")
    }
    let context = Self.context(record)
    if isEncrypted {
      do {
        return Array(
          try AES.GCM.open(AES.GCM.SealedBox(combined: record.document), using: key.encryption, authenticating: context)
        )
      } catch {
        throw failure(record, "it does not match its seal", cause: error)
      }
    }
    guard
      HMAC<SHA256>.isValidAuthenticationCode(
        rest.dropFirst(id.utf8.count + 1), authenticating: context + record.document, using: key.integrity)
    else { throw failure(record, "it does not match its seal") }
    return Array(record.document)
  }

  /// The same record under the seal of the first key.
  func resealed(_ record: RevisionRecord) throws -> RevisionRecord {
    try seal(record.with(seal: Data(), document: Data(try open(record))))
  }

  /// Whether a record is sealed with the key that seals now.
  func isCurrent(_ record: RevisionRecord) -> Bool {
    String(decoding: record.seal.dropFirst().prefix { $0 != 0 }, as: UTF8.self) == keys.first.id
  }

  private func failure(_ record: RevisionRecord, _ reason: String, cause: (any Error)? = nil) -> PlatformError {
    let place = record.namespace.isEmpty ? record.name : "\(record.namespace)/\(record.name)"
    return PlatformError(
      .internal,
      "revision \(record.revision) (\(record.resource) \(place)) of the cluster's database is damaged: \(reason)",
      cause: cause)
  }

  private static func code(_ document: Data, _ context: Data, _ key: SymmetricKey) -> HMAC<SHA256>.MAC {
    var hash = HMAC<SHA256>(key: key)
    hash.update(data: context)
    hash.update(data: document)
    return hash.finalize()
  }

  /// Everything else of a record, each part with its length before it.
  private static func context(_ record: RevisionRecord) -> Data {
    var context = Data()
    func add(_ bytes: some Collection<UInt8>) {
      withUnsafeBytes(of: UInt32(clamping: bytes.count).littleEndian) { context.append(contentsOf: $0) }
      context.append(contentsOf: bytes)
    }
    withUnsafeBytes(of: record.revision.littleEndian) { context.append(contentsOf: $0) }
    withUnsafeBytes(of: record.change.littleEndian) { context.append(contentsOf: $0) }
    add(record.resource.utf8)
    add(record.namespace.utf8)
    add(record.name.utf8)
    add(record.attributes ?? Data())
    add(record.before ?? Data())
    return context
  }
}

extension RevisionRecord {
  fileprivate func with(seal: Data, document: Data) -> RevisionRecord {
    RevisionRecord(
      revision: revision, change: change, resource: resource, namespace: namespace, name: name, attributes: attributes,
      before: before, seal: seal, document: document)
  }
}
