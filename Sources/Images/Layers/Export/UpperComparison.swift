import Glibc
import LinuxSystem
import Model

/// Compares an overlay's upper directory with the layers below it.
final class UpperComparison {
  private static let maxChanges = 1_000_000
  private static let slash = UInt8(ascii: "/")

  /// A directory of the upper that the walk is in.
  private struct Level {
    /// What the image has at its place.
    var place: LowerLayers.Place
    /// Whether nothing of that shows through.
    var hidesLower: Bool
  }

  private let lowers: LowerLayers
  private let ids: IDRange
  private var changes: [[UInt8]: TreeChange.Kind] = [:]

  init(lowers: LowerLayers, ids: IDRange) {
    self.lowers = lowers
    self.ids = ids
  }

  func run(_ upper: Descriptor) throws -> [TreeChange] {
    let walk = try TreeWalk(upper)
    var levels = [Level(place: lowers.root, hidesLower: try OverlayAttributes.isOpaque(upper))]
    if levels[0].hidesLower { try noteHidden(below: [], levels[0].place, except: walk.startNames) }
    while let entry = try walk.next() {
      levels.removeLast(levels.count - entry.depth)
      let above = levels[entry.depth - 1]
      let lower = try lowers.find(entry.path, in: above.place)
      if try OverlayAttributes.isWhiteout(entry.file, entry.status) {
        if lower != nil { try note(entry.path, .deleted) }
        continue
      }
      if let lower {
        if try differs(entry, lower) { try note(entry.path, .modified) }
      } else {
        try note(entry.path, .added)
      }
      guard entry.status.type == .directory else { continue }
      let names = try walk.enter(entry)
      let level = Level(
        place: lower?.place ?? LowerLayers.Place(),
        hidesLower: try above.hidesLower || OverlayAttributes.isOpaque(entry.file))
      if level.hidesLower { try noteHidden(below: entry.path, level.place, except: names) }
      levels.append(level)
    }
    return changes.map { (path: $0.key, kind: $0.value) }
      .sorted { $0.path.lexicographicallyPrecedes($1.path) }
      .map { TreeChange(path: "/" + PathText.text(of: $0.path), kind: $0.kind) }
  }

  /// Notes as deleted what the image has in a directory that hides it and does not have it itself.
  private func noteHidden(below path: [UInt8], _ place: LowerLayers.Place, except names: [[UInt8]]) throws {
    let prefix = path.isEmpty ? [] : path + [Self.slash]
    for name in try lowers.names(path, in: place).subtracting(names) {
      if try lowers.find(prefix + name, in: place) != nil { try note(prefix + name, .deleted) }
    }
  }

  private func note(_ path: [UInt8], _ kind: TreeChange.Kind) throws {
    changes[path] = kind
    var above = path[...]
    while let end = above.lastIndex(of: Self.slash) {
      above = above[..<end]
      let directory = Array(above)
      if changes[directory] != nil { break }
      changes[directory] = .modified
    }
    guard changes.count <= Self.maxChanges else {
      throw PlatformError(
        .resourceExhausted, "the container has more than \(Self.maxChanges) changed files, which is the limit")
    }
  }

  private func differs(_ entry: TreeWalk.Entry, _ lower: LowerLayers.Found) throws -> Bool {
    let (new, old) = (entry.status, lower.status)
    if new.type != old.type || new.mode != old.mode || new.rawDevice != old.rawDevice { return true }
    if ids.inside(new.uid) != old.uid || ids.inside(new.gid) != old.gid { return true }
    if new.type == .directory { return false }
    if new.sizeBytes != old.sizeBytes || new.modificationTime != old.modificationTime { return true }
    return try new.type == .regular && capability(entry.file, root: ids.first) != capability(lower.file, root: 0)
  }

  private func capability(_ file: Descriptor, root: UInt32) throws -> [UInt8]? {
    do {
      return FileCapability.plain(try file.getxattr(OverlayAttributes.capability), root: root)
    } catch let error as SystemError where [ENODATA, EOPNOTSUPP, EOVERFLOW].contains(error.errno) {
      return nil
    }
  }
}
