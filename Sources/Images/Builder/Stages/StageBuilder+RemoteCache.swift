import Glibc
import ImageCatalog
import Layers
import LinuxSystem
import Model

extension StageBuilder {
  /// A step's result from a cache in a registry. What cannot be had is told, and the step is done.
  func remote(_ key: Digest) async throws -> CachedStep? {
    for steps in session.remote {
      guard let known = steps.find(key) else { continue }
      do {
        var layer: BuiltLayer?
        if let wanted = known.layer { layer = try await bring(wanted, created: known.created, from: steps.cache) }
        return CachedStep(layer: layer, created: known.created, text: "", createdAt: 0, lastUsedAt: 0)
      } catch let error as PlatformError {
        try await session.report(.warning("cache-from '\(steps.cache.name.prefix(256))': \(error.message)"))
      }
    }
    return nil
  }

  /// Brings a layer of a cache onto what is there so far.
  ///
  /// It is kept under its content and place alone, never under the step's key: a cache that one client trusts decides over no
  /// build of another.
  private func bring(_ wanted: RemoteSteps.Layer, created: String, from cache: StoredCache) async throws -> BuiltLayer {
    let place = LayerChain.id(of: wanted.diffID, on: state.chainIDs.last)
    var key = StepKey("LAYER")
    key.add(place.description)
    let digest = key.digest()
    if let layer = session.cache.find(digest)?.layer, layer.diffID == wanted.diffID, layer.chainID == place,
      try session.catalog.has(layer, lease: session.lease)
    {
      return layer
    }
    let limits = LayerLimits.standard
    guard wanted.blob.size <= limits.totalBytes else {
      throw PlatformError(.resourceExhausted, "layer \(wanted.blob.digest) is said to have \(wanted.blob.size) bytes")
    }
    let held = HeldMounts(folders: session.mounts)
    defer { held.release() }
    let path = try held.temporaryFolder() + "/layer"
    let file = try Descriptor.open(path, flags: O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, mode: 0o600)
    try await cache.download(wanted.blob, file)
    let layer = try session.catalog.makeLayer(on: state.chainIDs, lease: session.lease) { output in
      let source = try UnpackedStream.open(
        DescriptorSource(try Descriptor.open(path, flags: O_RDONLY | O_NOFOLLOW)), limits: limits)
      while true {
        let chunk = try source.nextChunk()
        if chunk.isEmpty { return }
        try output.write(all: chunk)
      }
    }
    guard layer.diffID == wanted.diffID else {
      throw PlatformError(
        .invalidArgument,
        "layer \(wanted.blob.digest) unpacks to \(layer.diffID), but the cache says \(wanted.diffID)")
    }
    let now = Int64(Clock.realTimeNanoseconds())
    session.cache.insert(
      digest,
      CachedStep(
        layer: layer, created: created, text: String(step.text.prefix(1_000)), createdAt: now, lastUsedAt: now))
    return layer
  }
}
