import ContentStore
import FoundationEssentials
import Layers
import LinuxSystem
import Logging
import Model
import OCITypes
import Persistence
import Snapshots

/// The images of this machine: names, records, and the blobs and layers behind them.
///
/// A record is written last, in one transaction, when its blobs are on disk and its layers are unpacked; so an image that
/// is listed is whole. What no record names is collected at removal and at start, except what a `ContentLease` holds.
/// Calls block (disk, and for `load` and `save` the client); they may run side by side.
public final class ImageCatalog: Sendable {
  /// Images of one machine; a bound for what is kept in memory.
  public static let maximumImages = 10_000
  /// Names of one machine.
  public static let maximumReferences = 50_000

  struct Entry: Sendable {
    var stored: StoredImage
    var config: ImageConfig
  }

  struct State: Sendable {
    var images: [Digest: Entry] = [:]
    /// Full references (with tag or digest) and the images they lead to.
    var references: [String: Digest] = [:]
  }

  static let migrations = [
    Migration(
      name: "1-images", steps: [.createTable(StoredImage.table), .createTable(StoredReference.table)])
  ]

  let database: Database
  let content: ContentStore
  let snapshots: SnapshotStore
  let limits: LayerLimits
  let logger: Logger
  let ledger = LeaseLedger()
  let state: Locked<State>
  /// Held over the database's write and the change of `state` that belongs to it. Taken before `ledger` and `state`.
  let writing = Locked(())
  /// The last flush of layers that was started.
  let background = Locked<ThreadOutcome<Void>?>(nil)

  /// Opens the catalog and reads its records. A record whose blobs are damaged is left out and logged, never deleted.
  public init(
    database: Database, content: ContentStore, snapshots: SnapshotStore, limits: LayerLimits = .standard,
    logger: Logger = Logger(label: "images")
  ) throws {
    try database.migrate(Self.migrations, set: "images")
    self.database = database
    self.content = content
    self.snapshots = snapshots
    self.limits = limits
    self.logger = logger
    var state = State()
    for document in try database.table(StoredImage.table).all() {
      do {
        let stored = try JSONDecoder().decode(StoredImage.self, from: document.document)
        let config = try ImageDocuments.config(
          from: content.read(stored.id, maxBytes: ImageDocuments.maximumConfigBytes))
        state.images[stored.id] = Entry(stored: stored, config: config)
      } catch {
        logger.error("image \(document.id) cannot be read and is left out: \(error)")
      }
    }
    for document in try database.table(StoredReference.table).all() {
      guard let stored = try? JSONDecoder().decode(StoredReference.self, from: document.document),
        state.images[stored.image] != nil
      else { continue }
      state.references[document.id] = stored.image
    }
    self.state = Locked(state)
  }

  // MARK: - Reading

  /// Every image, ordered by id.
  public func list() throws -> [ImageRecord] {
    state.withLock { state in
      let names = Dictionary(grouping: state.references, by: \.value).mapValues { $0.map(\.key) }
      return state.images.values.map { Self.record($0, references: names[$0.stored.id] ?? []) }
        .sorted { $0.id < $1.id }
    }
  }

  /// The image that a name, an id or the unique start of an id stands for, as docker looks it up.
  /// - Throws: `notFound` with docker's words, `invalidArgument` for what is neither name nor id.
  public func resolve(_ nameOrID: String) throws -> ImageRecord {
    let found = state.withLock { state -> ImageRecord? in
      guard let id = Self.find(nameOrID, in: state), let entry = state.images[id] else { return nil }
      return Self.record(entry, references: state.references.filter { $0.value == id }.map(\.key))
    }
    guard let found else { throw try Self.notFound(nameOrID) }
    return found
  }

  /// An image by its exact id.
  public func image(_ id: Digest) throws -> ImageRecord { try resolve(id.description) }

  /// Docker's words for a name that leads nowhere; throws `invalidArgument` where it is no name at all.
  static func notFound(_ nameOrID: String) throws -> PlatformError {
    if Self.idPrefix(nameOrID) != nil && (nameOrID.hasPrefix("sha256:") || nameOrID.utf8.count == 64) {
      return PlatformError(.notFound, "No such image: \(nameOrID)")
    }
    let reference = try ImageReference(parsing: nameOrID)
    return PlatformError(.notFound, "No such image: \(reference.withDefaultTag.familiar)")
  }

  static func find(_ nameOrID: String, in state: State) -> Digest? {
    if let id = try? Digest(parsing: nameOrID) { return state.images[id] == nil ? nil : id }
    if let id = try? Digest(hex: nameOrID) { return state.images[id] == nil ? nil : id }
    if let reference = try? ImageReference(parsing: nameOrID) {
      if let id = find(reference.withDefaultTag, in: state) { return id }
    }
    guard let prefix = idPrefix(nameOrID) else { return nil }
    let matches = state.images.keys.lazy.filter { $0.hex.hasPrefix(prefix) }.prefix(2)
    return matches.count == 1 ? matches.first : nil
  }

  private static func find(_ reference: ImageReference, in state: State) -> Digest? {
    if let digest = reference.digest {
      let name = reference.repository.with(digest: digest)
      if let id = state.references[name.description] { return id }
      // An image loaded from an archive has no registry's name, but its manifest's digest is as good.
      return state.references.first { key, id in
        key.hasPrefix(reference.repository.description + ":") && state.images[id]?.stored.manifest == digest
      }?.value
    }
    return state.references[reference.description]
  }

  /// The hexadecimal start of an id, with or without `sha256:`.
  static func idPrefix(_ text: String) -> String? {
    let digits = text.hasPrefix("sha256:") ? text.dropFirst(7) : text[...]
    let isHex = digits.utf8.allSatisfy { (48...57).contains($0) || (97...102).contains($0) }
    return !digits.isEmpty && digits.utf8.count <= 64 && isHex ? String(digits) : nil
  }

  static func record(_ entry: Entry, references: [String]) -> ImageRecord {
    let names = references.compactMap { try? ImageReference(parsing: $0) }
    let created = entry.config.created ?? ImageTimestamp.zero
    return ImageRecord(
      id: entry.stored.id,
      repoTags: names.filter { $0.digest == nil }.map(\.familiar).sorted(),
      repoDigests: names.filter { $0.digest != nil }.map(\.familiar).sorted(),
      created: created, createdAt: ImageTimestamp.nanoseconds(created) ?? 0, sizeBytes: entry.stored.sizeBytes,
      config: entry.config, chainIDs: entry.stored.chainIDs, layers: entry.stored.layers,
      manifest: entry.stored.manifest, parent: entry.stored.parent, lastTaggedAt: entry.stored.lastTaggedAt)
  }

  // MARK: - Writing

  /// A lease for somebody who brings blobs or layers.
  public func lease() -> ContentLease { ContentLease(ledger: ledger) }

  /// Gives an image a further name; another image that had it loses it. A name without tag gets `latest`.
  /// - Throws: `notFound`, `invalidArgument` for a name with a digest.
  public func tag(_ id: Digest, as reference: ImageReference) throws {
    guard reference.digest == nil else {
      throw PlatformError(.invalidArgument, "refusing to create a tag with a digest reference")
    }
    try addReferences(id, [reference.withDefaultTag])
  }

  func addReferences(_ id: Digest, _ references: [ImageReference]) throws {
    try writing.withLock { _ in
      guard let entry = state.withLock({ $0.images[id] }) else { throw try Self.notFound(id.description) }
      try write(entry, references: references)
    }
  }

  /// Makes an image known, or adds names to one that is known already. Its blobs and layers must be there, under a lease.
  /// - Parameters:
  ///   - size: bytes of all layers' files.
  ///   - references: names with tag or digest.
  @discardableResult
  public func register(
    manifest: Digest, config id: Digest, layers: [ContentDescriptor], parent: Digest? = nil,
    references: [ImageReference] = []
  ) throws -> ImageRecord {
    let config = try ImageDocuments.config(from: content.read(id, maxBytes: ImageDocuments.maximumConfigBytes))
    let chainIDs = LayerChain.ids(config.rootfs.diffIDs)
    guard layers.count == chainIDs.count else {
      throw PlatformError(
        .invalidArgument, "image has \(layers.count) layers but its configuration names \(chainIDs.count)")
    }
    let sizeBytes = try chainIDs.reduce(Int64(0)) { try $0.clampedAdding(snapshots.layerSizeBytes($1)) }
    let stored = StoredImage(
      id: id, manifest: manifest, layers: layers, chainIDs: chainIDs, sizeBytes: sizeBytes, parent: parent,
      lastTaggedAt: 0)
    try writing.withLock { _ in
      let known = state.withLock { ($0.images[id], $0.images.count) }
      guard known.0 != nil || known.1 < Self.maximumImages else {
        throw PlatformError(.resourceExhausted, "there are \(Self.maximumImages) images already: prune some")
      }
      try write(known.0 ?? Entry(stored: stored, config: config), references: references)
    }
    return try image(id)
  }

  /// Writes an image and names for it in one transaction. `writing` must be held.
  private func write(_ entry: Entry, references: [ImageReference]) throws {
    var entry = entry
    if !references.isEmpty { entry.stored.lastTaggedAt = Int64(Clock.realTimeNanoseconds()) }
    let count = state.withLock { $0.references.count }
    guard count + references.count <= Self.maximumReferences else {
      throw PlatformError(.resourceExhausted, "there are \(count) image names already: remove some")
    }
    let id = entry.stored.id
    try database.transaction { transaction in
      try transaction.put(entry.stored, id: id.description, in: StoredImage.table)
      for reference in references {
        try transaction.put(StoredReference(image: id), id: reference.description, in: StoredReference.table)
      }
    }
    state.withLock { [entry] state in
      state.images[id] = entry
      for reference in references { state.references[reference.description] = id }
    }
  }
}
