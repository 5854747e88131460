import ImageCatalog
import Model

/// Which images `GET /images/json` lists.
struct ImageFilter {
  static let keys: Set<String> = ["dangling", "label", "before", "since", "reference", "until"]

  private let filters: Filters
  private let dangling: Bool?
  private let before: Int64?
  private let since: Int64?
  private let references: [NamePattern]

  /// `createdAt` tells when the image a reference names was made; throws `notFound`.
  init(_ filters: Filters, reference: String?, now: Int64, createdAt: (String) throws -> Int64) throws {
    try filters.requireKeys(Self.keys)
    self.filters = filters
    dangling = try filters.flag("dangling")
    var latest = try filters["before"].map(createdAt)
    latest += try filters["until"].map { text in
      guard let time = Timestamps.parse(text, now: now) else {
        throw PlatformError(
          .invalidArgument, "invalid filter 'until=\(text.prefix(64))': expected a time or a duration")
      }
      return time
    }
    before = latest.min()
    since = try filters["since"].map(createdAt).max()
    references = try (filters["reference"] + (reference.map { [$0] } ?? [])).map { text in
      guard let pattern = NamePattern(glob: text) else {
        throw PlatformError(.invalidArgument, "invalid filter 'reference=\(text.prefix(64))': syntax error in pattern")
      }
      return pattern
    }
  }

  /// The images to list; with a reference filter each shows only the names that match.
  func select(_ images: [ImageRecord]) -> [ImageRecord] {
    images.compactMap { image in
      guard dangling.map({ $0 == image.isDangling }) ?? true, before.map({ image.createdAt < $0 }) ?? true,
        since.map({ image.createdAt > $0 }) ?? true, filters.matchesLabels("label", image.labels)
      else { return nil }
      guard !references.isEmpty else { return image }
      var image = image
      image.repoTags = image.repoTags.filter(isWanted)
      image.repoDigests = image.repoDigests.filter(isWanted)
      return image.isDangling ? nil : image
    }
  }

  /// A pattern may be meant for the repository or for name and tag.
  private func isWanted(_ name: String) -> Bool {
    let repository = Self.repository(name)
    return references.contains { $0.matches(name) || $0.matches(repository) }
  }

  static func repository(_ name: String) -> String {
    let base = name.prefix { $0 != "@" }
    guard let colon = base.lastIndex(of: ":"), !base[colon...].contains("/") else { return String(base) }
    return String(base[..<colon])
  }
}

extension NamePattern {
  /// Shell wildcards over a whole name: `*` and `?` do not match slashes.
  init?(glob: String) {
    var pattern = "^"
    var isInClass = false
    for scalar in glob.unicodeScalars {
      switch scalar {
      case "]" where isInClass:
        isInClass = false
        pattern += "]"
      case _ where isInClass: pattern.unicodeScalars.append(scalar)
      case "*": pattern += "[^/]*"
      case "?": pattern += "[^/]"
      case "[":
        isInClass = true
        pattern += "["
      case "a"..."z", "A"..."Z", "0"..."9", "_", "-", "/", ":", "@", "\\": pattern.unicodeScalars.append(scalar)
      default: pattern += "\\" + String(scalar)
      }
    }
    guard !isInClass else { return nil }
    self.init(pattern + "$")
  }
}
