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
    switch try await origin(from: copy.from) {
    case .files(let context): return (ContextSource(context: context), "")
    case .root(let state): return (RootSource(root: try session.catalog.openRoot(state.chainIDs)), state.chainKey)
    }
  }

  /// Where an instruction takes files from.
  enum FileOrigin {
    /// The build's context, or a named one.
    case files(BuildContext)
    /// The result of a stage, or an image.
    case root(StageState)
  }

  /// What `--from` and `from=` mean: a named context, a stage, an image; the build's context where they are not there.
  func origin(from: Word?) async throws -> FileOrigin {
    guard let from else { return .files(session.context) }
    switch session.request.contexts[from.text.lowercased()] {
    case .files(let context): return .files(context)
    case .image(let name): return .root(try await session.state(ofImage: name))
    case nil: break
    }
    if let earlier = try session.plan.file.source(from, of: stage.index) { return .root(try await result(earlier)) }
    return .root(try await session.state(ofImage: from.text))
  }

  /// `FROM` a named context that is a folder: its files are the first layer.
  func takeNamedFiles() async throws {
    let expansion = WordExpansion(escape: escape, variables: session.arguments.global)
    let name = try expansion.expand(stage.base).text.lowercased()
    guard case .files(let context)? = session.request.contexts[name] else { return }
    let source = ContextSource(context: context)
    guard let top = try source.find("", followLast: true) else { return }
    var key = StepKey("FROM")
    key.add(session.epoch.map(String.init) ?? "")
    for node in try source.below(top) { key.add([node.path, source.fingerprint(node) ?? ""]) }
    try await layer(key.digest(), history: nop("FROM \(name) ")) {
      var layout = CopyLayout(
        root: nil, source: source, excludes: try PatternMatcher([], file: "--exclude"), owner: nil, mode: nil,
        now: session.now, maximumEntries: session.limits.copiedEntries)
      try layout.add(contentOf: top, at: "")
      return try makeLayer(layout, owner: nil)
    }
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
