import Model
import OCITypes
import Persistence

extension ImageCatalog {
  /// Removes a name, or an image with all its names, by docker's rules.
  ///
  /// A name that is not the image's last is only untagged. The image goes with its last name, or when it is given by id
  /// and has at most one name. Without `force` a container made from it forbids that; with it only a running one does.
  /// - Parameters:
  ///   - noPrune: keep the images without a name that this one was made from.
  ///   - isUsed: a container made from an image, a running one first.
  public func remove(
    _ nameOrID: String, force: Bool, noPrune: Bool, isUsed: (Digest) -> ImageUse?
  ) throws -> [ImageRemoval] {
    var removals: [ImageRemoval] = []
    var gone: [StoredImage] = []
    try writing.withLock { _ in
      let snapshot = state.withLock { $0 }
      guard let id = Self.find(nameOrID, in: snapshot) else { throw try Self.notFound(nameOrID) }
      let names = snapshot.references.filter { $0.value == id }.map(\.key).sorted()
      let given = Self.isID(nameOrID, of: id) ? nil : try Self.name(nameOrID, of: id, in: snapshot)
      var untagged: [String] = []
      if let given {
        let others = names.filter { $0 != given }
        if others.isEmpty, !force, let use = isUsed(id) { throw Self.inUse(nameOrID, id, use) }
        untagged = [given]
        // Names by digest of the same repository go with its last tag.
        let repository = try ImageReference(parsing: given).repository
        let isLastTag = !others.contains { $0.hasPrefix(repository.description + ":") }
        if isLastTag { untagged += others.filter { $0.hasPrefix(repository.description + "@") } }
        if untagged.count < names.count {
          try delete(images: [], names: untagged)
          removals = try untagged.map { .untagged(try ImageReference(parsing: $0).familiar) }
          return
        }
      } else {
        let repositories = Set(try names.map { try ImageReference(parsing: $0).repository.description })
        let tags = names.filter { !$0.contains("@") }
        if !force, repositories.count > 1 || tags.count > 1 {
          throw PlatformError(
            .conflict,
            "conflict: unable to delete \(id.short) (must be forced) - image is referenced in multiple repositories")
        }
        untagged = names
      }
      try Self.checkRemovable(id, force: force, isUsed: isUsed, in: snapshot, isQuiet: given != nil)
      var images = [id]
      removals = try untagged.map { .untagged(try ImageReference(parsing: $0).familiar) }
      if !noPrune { images += Self.prunableParents(of: id, in: snapshot, isUsed: isUsed) }
      try delete(images: images, names: untagged)
      // A container that stays although its image goes still needs the layers; the next start collects them.
      gone = images.compactMap { image in isUsed(image) == nil ? snapshot.images[image]?.stored : nil }
      removals += images.map { .deleted($0.description) }
    }
    let chains = gone.flatMap { $0.chainIDs.reversed() }
    return removals + (try collect(blobs: gone.flatMap(\.blobs), chains: chains)).map { .deleted($0.description) }
  }

  /// Removes images that nothing refers to.
  /// - Parameters:
  ///   - all: also those that have a name.
  ///   - matches: chooses among them.
  /// - Returns: what was removed, and the bytes of layers that came free.
  public func prune(
    all: Bool, isUsed: (Digest) -> Bool, _ matches: (ImageRecord) -> Bool
  ) throws -> (removed: [ImageRemoval], reclaimedBytes: Int64) {
    var removed: [ImageRemoval] = []
    let before = try layersBytes()
    // Children before parents: a parent becomes free when its last child is gone.
    var progress = true
    while progress {
      progress = false
      for image in try list() where (all || image.isDangling) && !isUsed(image.id) && matches(image) {
        let hasChild = state.withLock { $0.images.values.contains { $0.stored.parent == image.id } }
        if hasChild && image.isDangling { continue }
        let removals = try remove(image.id.description, force: true, noPrune: true) { id in
          // It came into use in between.
          isUsed(id) ? ImageUse(container: .init(unchecked: id.hex), isRunning: true) : nil
        }
        removed += removals
        progress = progress || !removals.isEmpty
      }
    }
    return (removed, before - (try layersBytes()))
  }

  // MARK: - Rules

  /// Whether the text stands for the image by its id and not by a name.
  private static func isID(_ text: String, of id: Digest) -> Bool {
    guard let prefix = idPrefix(text) else { return false }
    return id.hex.hasPrefix(prefix)
  }

  /// The full reference by which the image was given.
  private static func name(_ text: String, of id: Digest, in state: State) throws -> String {
    let reference = try ImageReference(parsing: text).withDefaultTag
    let full = reference.digest.map { reference.repository.with(digest: $0) } ?? reference
    if state.references[full.description] == id { return full.description }
    // Given by its manifest's digest: every tag of that repository stands for it.
    let tags = state.references.filter {
      $0.value == id && $0.key.hasPrefix(reference.repository.description + ":")
    }
    guard let tag = tags.keys.sorted().first else { throw try notFound(text) }
    return tag
  }

  private static func inUse(_ text: String, _ id: Digest, _ use: ImageUse) -> PlatformError {
    let name = (try? ImageReference(parsing: text).withDefaultTag.familiar) ?? text
    return PlatformError(
      .conflict,
      "conflict: unable to remove repository reference \"\(name)\" (must force) - container \(use.container.short) is "
        + "using its referenced image \(id.short)")
  }

  private static func checkRemovable(
    _ id: Digest, force: Bool, isUsed: (Digest) -> ImageUse?, in state: State, isQuiet: Bool
  ) throws {
    func conflict(_ reason: String, hard: Bool) -> PlatformError {
      PlatformError(
        .conflict,
        "conflict: unable to delete \(id.short) (\(hard ? "cannot be forced" : "must be forced")) - \(reason)")
    }
    if state.images.values.contains(where: { $0.stored.parent == id }) {
      throw conflict("image has dependent child images", hard: true)
    }
    guard let use = isUsed(id) else { return }
    if use.isRunning { throw conflict("image is being used by running container \(use.container.short)", hard: true) }
    if !force { throw conflict("image is being used by stopped container \(use.container.short)", hard: false) }
  }

  /// The images above that have no name, no container and no other child.
  private static func prunableParents(of id: Digest, in state: State, isUsed: (Digest) -> ImageUse?) -> [Digest] {
    var result: [Digest] = []
    var current = id
    while let parent = state.images[current]?.stored.parent, state.images[parent] != nil, !result.contains(parent),
      !state.references.values.contains(parent), isUsed(parent) == nil,
      !state.images.values.contains(where: { $0.stored.parent == parent && $0.stored.id != current })
    {
      result.append(parent)
      current = parent
    }
    return result
  }

  /// One transaction for records and names. `writing` must be held.
  private func delete(images: [Digest], names: [String]) throws {
    try database.transaction { transaction in
      for name in names { try transaction.delete(name, in: StoredReference.table) }
      for image in images { try transaction.delete(image.description, in: StoredImage.table) }
    }
    state.withLock { state in
      for name in names { state.references[name] = nil }
      for image in images { state.images[image] = nil }
    }
  }

  // MARK: - Collection

  /// Removes those of the given blobs and layers that no record names and no lease holds.
  /// - Returns: the chain ids of the layers removed, in the order given.
  @discardableResult
  func collect(blobs candidates: [Digest], chains: [Digest]) throws -> [Digest] {
    if candidates.isEmpty && chains.isEmpty { return [] }
    return try ledger.collect { isLeased in
      let needed = referenced()
      for blob in Set(candidates) where !needed.blobs.contains(blob) && !isLeased(blob) { try content.delete(blob) }
      var removed: [Digest] = []
      for chain in chains where !needed.chains.contains(chain) && !isLeased(chain) && snapshots.hasLayer(chain) {
        try snapshots.removeLayer(chain)
        removed.append(chain)
      }
      return removed
    }
  }

  /// Ends a lease and removes what came under it and found no use: what a failed load brought, for one.
  func sweep(_ lease: ContentLease) {
    let digests = Array(lease.end())
    do {
      try collect(blobs: digests, chains: digests)
    } catch {
      logger.warning("what an unfinished image brought could not be removed: \(error)")
    }
  }

  /// Every blob and chain id that a record names.
  func referenced() -> (blobs: Set<Digest>, chains: Set<Digest>) {
    state.withLock { state in
      var blobs: Set<Digest> = []
      var chains: Set<Digest> = []
      for entry in state.images.values {
        blobs.formUnion(entry.stored.blobs)
        chains.formUnion(entry.stored.chainIDs)
      }
      return (blobs, chains)
    }
  }

  func layersBytes() throws -> Int64 {
    referenced().chains.reduce(0) { $0.clampedAdding((try? snapshots.layerSizeBytes($1)) ?? 0) }
  }
}
