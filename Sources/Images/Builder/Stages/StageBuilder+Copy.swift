import Dockerfile
import ImageCatalog
import Layers
import LinuxSystem
import Model

extension StageBuilder {
  private static let accountBytes = 1 << 20

  /// COPY and ADD: files go from their source straight into a layer; no container runs.
  func copy(_ copy: CopyInstruction, keyword: String) async throws {
    if keyword == "ADD" { try checkRemote(copy) }
    let held = HeldMounts(folders: session.mounts)
    defer { held.release() }
    let destination = absolute(copy.destination.text)
    let excludes = try PatternMatcher(copy.excludes.map(\.text), file: "--exclude")
    let remote = keyword == "ADD" ? try await fetched(copy, in: held) : nil
    let (source, sourceKey): (any CopySource, String) =
      if let remote { (remote, "") } else { try await self.source(copy) }
    let matcher = SourceMatcher(source: source, excludes: excludes)
    let matches = try copy.sources.map { word in try remote?.match(word).map { [$0] } ?? matcher.match(word) }
    let digest = try key(copy, keyword, destination, source, sourceKey, matches, excludes)
    let history = nop("\(keyword) file:\(digest.hex) in \(copy.destination.text) ")
    try await layer(digest, history: history) {
      let root = try session.catalog.openRoot(state.chainIDs)
      let owner = try copy.owner.map { try self.owner($0, in: root) }
      var layout = CopyLayout(
        root: copy.isLinked ? nil : root, source: source, excludes: excludes, owner: owner,
        mode: try copy.mode.map(Self.mode), now: session.now, maximumEntries: session.limits.copiedEntries)
      try place(copy, matches.flatMap { $0 }, destination, keyword, &layout)
      return try makeLayer(layout, owner: owner)
    }
  }

  func makeLayer(_ layout: CopyLayout, owner: (uid: UInt32, gid: UInt32)?) throws -> BuiltLayer {
    let writer = LayerWriter(
      items: layout.items, source: layout.source, epoch: session.epoch, limits: .standard, owner: owner)
    return try session.catalog.makeLayer(on: state.chainIDs, lease: session.lease) { try writer.write(to: $0) }
  }

  /// Where the instruction copies from, and what stands for the source in the key (empty: its files do).
  private func source(_ copy: CopyInstruction) async throws -> (any CopySource, String) {
    guard let from = copy.from else { return (ContextSource(context: session.context), "") }
    let state = try await self.state(from: from)
    return (RootSource(root: try session.catalog.openRoot(state.chainIDs)), state.chainKey)
  }

  /// The result of a stage, or an image, by what `--from` and `from=` say.
  func state(from: Word) async throws -> StageState {
    if let earlier = try session.plan.file.source(from, of: stage.index) { return try await result(earlier) }
    let image = try await session.runner.image(from.text, pulls: session.request.pulls)
    for layer in image.layers { session.lease.hold(layer.digest) }
    for chain in image.chainIDs { session.lease.hold(chain) }
    _ = try session.catalog.image(image.id)
    return StageState(config: image.config, layers: image.layers, chainIDs: image.chainIDs)
  }

  private func key(
    _ copy: CopyInstruction, _ keyword: String, _ destination: String, _ source: any CopySource, _ sourceKey: String,
    _ matches: [[MatchedSource]], _ excludes: PatternMatcher
  ) throws -> Digest {
    var key = StepKey(keyword)
    // A linked copy does not depend on what is below it but by owners' names and the layers that the result lies on.
    key.add(state.chainKey)
    key.add([
      destination, copy.destination.text.hasSuffix("/") ? "directory" : "", copy.owner?.text ?? "",
      copy.mode?.text ?? "", copy.isLinked ? "link" : "", copy.keepsParents ? "parents" : "",
      copy.unpacks.map { "\($0)" } ?? "", session.epoch.map(String.init) ?? "", sourceKey,
    ])
    key.add(copy.excludes.map(\.text))
    for heredoc in copy.heredocs { key.add([heredoc.name, heredoc.content]) }
    for (word, found) in zip(copy.sources, matches) {
      key.add(word.text)
      for match in found {
        key.add([match.path, match.node.name])
        guard let print = source.fingerprint(match.node) else { continue }
        key.add(print)
        guard match.node.kind == .directory else { continue }
        for node in try source.below(match.node) {
          key.add(node.path)
          key.add(source.fingerprint(node) ?? "")
        }
      }
    }
    return key.digest()
  }

  private func place(
    _ copy: CopyInstruction, _ matches: [MatchedSource], _ destination: String, _ keyword: String,
    _ layout: inout CopyLayout
  ) throws {
    let text = copy.destination.text
    let asksDirectory = text.hasSuffix("/") || text.hasSuffix("/.") || text == "." || copy.keepsParents
    guard matches.count + copy.heredocs.count < 2 || asksDirectory else {
      throw PlatformError.syntax(
        copy.destination.position,
        "when using \(keyword) with more than one source file, the destination must be a directory and end with a /")
    }
    let target = try layout.resolved(destination)
    let isDirectory = try asksDirectory || layout.isDirectory(target)
    func below(_ name: String) -> String { target.isEmpty ? name : "\(target)/\(name)" }
    if asksDirectory { try layout.makeDirectory(target, mode: 0o755) }
    for match in matches {
      var place = target
      if copy.keepsParents { place = try parents(of: match, below: target, &layout) }
      let isBelow = copy.keepsParents || isDirectory
      func named() -> String { place.isEmpty ? match.node.name : "\(place)/\(match.node.name)" }
      switch match.node.kind {
      case .directory: try layout.add(contentOf: match.node, at: copy.keepsParents ? named() : place)
      case .file, .symbolicLink:
        if keyword == "ADD", copy.unpacks ?? !match.isRemote,
          try LayerWriter.isArchive(match.node, in: layout.source, limits: .standard)
        {
          try layout.add(archive: match.node, below: place)
        } else {
          let name = FileSystem.lastComponent(of: match.path)
          try layout.add(file: match.node, at: isBelow ? (place.isEmpty ? name : "\(place)/\(name)") : place)
        }
      }
    }
    for heredoc in copy.heredocs {
      try layout.add(inline: Array(heredoc.content.utf8), at: isDirectory ? below(heredoc.name) : target)
    }
  }

  /// Makes the directories that `--parents` keeps.
  private func parents(of match: MatchedSource, below target: String, _ layout: inout CopyLayout) throws -> String {
    var relative = match.path
    if let pivot = match.pivot, !pivot.isEmpty, relative.hasPrefix(pivot + "/") {
      relative = String(relative.dropFirst(pivot.count + 1))
    }
    var place = target
    var path = String(match.path.dropLast(relative.count))
    for part in relative.split(separator: "/").dropLast() {
      path += path.isEmpty || path.hasSuffix("/") ? String(part) : "/\(part)"
      place = place.isEmpty ? String(part) : "\(place)/\(part)"
      let node = try layout.source.find(path, followLast: true)
      try layout.makeDirectory(place, mode: node?.mode ?? 0o755, modified: node?.modified)
    }
    return place
  }

  // MARK: - Owners and modes

  private func owner(_ word: Word, in root: RootedDirectory) throws -> (uid: UInt32, gid: UInt32) {
    do {
      return try session.runner.owner(
        word.text, passwd: try? root.read("/etc/passwd", maxBytes: Self.accountBytes),
        group: try? root.read("/etc/group", maxBytes: Self.accountBytes))
    } catch let error as PlatformError where error.code == .invalidArgument {
      throw PlatformError.syntax(word.position, error.message)
    }
  }

  private static func mode(_ word: Word) throws -> UInt32 {
    guard let mode = UInt32(word.text, radix: 8), mode <= 0o7777 else {
      throw PlatformError.syntax(
        word.position, "invalid chmod parameter: '\(word.text.prefix(64))', expected an octal number up to 7777")
    }
    return mode
  }
}
