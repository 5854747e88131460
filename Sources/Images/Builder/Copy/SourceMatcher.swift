import Dockerfile
import Glibc
import Model

/// One path that a word of COPY or ADD stands for.
struct MatchedSource: Sendable {
  var node: SourceNode
  /// As it was asked for, clean: where `--parents` takes the directories from.
  var path: String
  /// Scalars of `path` that stand before the pivot `/./`.
  var pivot: String?
  /// It was fetched from an address: an archive is unpacked only where that is asked for.
  var isRemote = false
}

/// Finds what the words of COPY and ADD stand for.
struct SourceMatcher {
  private static let maximumMatches = 100_000

  let source: any CopySource
  let excludes: PatternMatcher

  /// - Throws: `invalidArgument` for a path that leads out, `notFound` for one where there is nothing.
  func match(_ word: Word) throws -> [MatchedSource] {
    let (path, pivot) = try Self.clean(word)
    guard Self.isPattern(path) else {
      guard let node = try source.find(path, followLast: true) else {
        throw Self.missing(word)
      }
      return [MatchedSource(node: node, path: path, pivot: pivot)]
    }
    guard let root = try source.find("", followLast: true) else { throw Self.missing(word) }
    var places = [(path: "", node: root)]
    for part in path.split(separator: "/").map(String.init) {
      var next: [(path: String, node: SourceNode)] = []
      for place in places {
        guard place.node.kind == .directory else { continue }
        let names = Self.isPattern(part) ? try source.names(place.node).filter { Self.fits($0, part) } : [part]
        for name in names {
          let path = place.path.isEmpty ? name : "\(place.path)/\(name)"
          if excludes.excludes(path) { continue }
          if let node = try source.find(path, followLast: true) { next.append((path, node)) }
          guard next.count <= Self.maximumMatches else {
            throw PlatformError.syntax(word.position, "the pattern stands for more than \(Self.maximumMatches) paths")
          }
        }
      }
      places = next
    }
    guard !places.isEmpty else { throw Self.missing(word) }
    return places.map { MatchedSource(node: $0.node, path: $0.path, pivot: pivot) }
  }

  static func missing(_ word: Word) -> PlatformError {
    .syntax(
      word.position,
      "'\(word.text.prefix(256))' was not found: it is not in the build context (or excluded by .dockerignore), "
        + "or not in the stage or image copied from")
  }

  /// The path without `.`, doubled slashes and `..`; what leads out is refused.
  static func clean(_ word: Word) throws -> (path: String, pivot: String?) {
    guard !word.text.utf8.contains(0) else { throw PlatformError.syntax(word.position, "the path has a zero byte") }
    var parts: [Substring] = []
    var pivot: String?
    let all = word.text.split(separator: "/")
    for (index, part) in all.enumerated() {
      if part == "." {
        if index > 0, index < all.count - 1, pivot == nil { pivot = parts.joined(separator: "/") }
        continue
      }
      if part == ".." {
        guard parts.popLast() != nil else {
          throw PlatformError.syntax(
            word.position, "forbidden path outside the build context: \(word.text.prefix(256))")
        }
        continue
      }
      parts.append(part)
    }
    return (parts.joined(separator: "/"), pivot)
  }

  private static func isPattern(_ path: String) -> Bool { path.utf8.contains { "*?[\\".utf8.contains($0) } }

  /// Go's `filepath.Match` for one component, which fnmatch(3) is with these flags.
  private static func fits(_ name: String, _ pattern: String) -> Bool { fnmatch(pattern, name, FNM_PATHNAME) == 0 }
}
