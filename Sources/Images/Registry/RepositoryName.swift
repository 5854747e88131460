import Model

/// The name of a repository: lower-case components parted by slashes, for example `team/app/web`. Its first component is
/// its project.
///
/// Source: OCI distribution specification 1.1, *Pulling manifests* (`<name>`). At most 255 bytes; a path is built from
/// it, which the grammar makes safe: no component is empty, begins with a dot or an underscore.
public struct RepositoryName: Sendable, Hashable, Comparable, CustomStringConvertible {
  public static let maximumBytes = 255

  public let description: String

  /// Throws `RegistryError` (`nameInvalid`).
  public init(parsing text: String) throws {
    guard text.utf8.count <= Self.maximumBytes, ImageReference.isPath(text) else {
      throw RegistryError(
        .nameInvalid,
        "invalid repository name '\(RegistryError.shown(text))': lower-case letters, digits, '.', '_', '-' and '/', "
          + "at most \(Self.maximumBytes) bytes")
    }
    description = text
  }

  /// Takes a name that was checked before it was written down.
  init(stored: String) {
    description = stored
  }

  /// The project that the repository lies in.
  public var project: String { String(description.prefix { $0 != "/" }) }

  public static func < (left: RepositoryName, right: RepositoryName) -> Bool { left.description < right.description }
}

/// What names a manifest in a repository.
public enum ManifestReference: Sendable, Hashable, CustomStringConvertible {
  case tag(String)
  case digest(Digest)

  /// A text with a colon is a digest, any other a tag. Throws `RegistryError`: `digestInvalid`, `tagInvalid`.
  public init(parsing text: String) throws {
    if text.contains(":") {
      self = .digest(try RegistryError.digest(text))
    } else {
      guard ImageReference.isTag(text) else {
        throw RegistryError(
          .tagInvalid,
          "invalid tag '\(RegistryError.shown(text))': at most 128 letters, digits, '_', '.' and '-', the first a letter, "
            + "a digit or '_'")
      }
      self = .tag(text)
    }
  }

  /// By which the manifest is kept: what is pushed by its tag alone has a SHA-256.
  var algorithm: DigestAlgorithm {
    if case .digest(let digest) = self { digest.algorithm } else { .sha256 }
  }

  public var description: String {
    switch self {
    case .tag(let tag): tag
    case .digest(let digest): digest.description
    }
  }
}
