import Dockerfile
import Model

/// A git repository as ADD and contexts name it: `https://HOST/PATH.git[#REF[:FOLDER]]` (Dockerfile reference, *Adding files from a
/// Git repository*).
public struct GitAddress: Sendable, Hashable {
  private static let maximumReferenceBytes = 255
  private static let shortestCommit = 7

  /// Without the fragment.
  public let repository: String
  /// A branch, a tag or a whole commit id; `HEAD` where nothing is said.
  public let reference: String
  /// Below the repository's root, clean; empty for all of it.
  public let folder: String

  /// - Throws: `invalidArgument` naming what is wrong, `notImplemented` for other schemes than HTTP.
  public init(parsing text: String) throws {
    let parts = text.split(separator: "#", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
    repository = parts[0]
    guard RemoteFiles.isFile(repository) else {
      throw PlatformError(
        .notImplemented,
        "'\(text.prefix(256))': git repositories are fetched by https:// and http:// alone by this engine")
    }
    let rest = (parts.count > 1 ? parts[1] : "").split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
      .map(String.init)
    let name = rest.first ?? ""
    reference = name.isEmpty ? "HEAD" : name
    folder = CopyLayout.clean(rest.count > 1 ? rest[1] : "")
    guard Self.isReference(reference) else {
      throw PlatformError(.invalidArgument, "'\(reference.prefix(64))' is no name of a branch, tag or commit")
    }
    guard !folder.split(separator: "/").contains(".."), !folder.utf8.contains(0) else {
      throw PlatformError(.invalidArgument, "the folder '\(folder.prefix(256))' leads out of the repository")
    }
  }

  /// Whether a text names a repository: `git@HOST:PATH`, `git://`, `ssh://`, and addresses whose path ends with `.git`.
  public static func isRepository(_ text: String) -> Bool { RemoteFiles.isRepository(text) }

  /// Whether the reference is a commit's whole id.
  public var isCommit: Bool { [40, 64].contains(reference.utf8.count) && Self.isHexadecimal(reference) }

  /// git-check-ref-format(1), and nothing that the program could take for an option or a pattern.
  private static func isReference(_ text: String) -> Bool {
    guard (1...maximumReferenceBytes).contains(text.utf8.count), !text.contains(".."), !text.contains("@{"),
      !text.contains("//"), !text.hasSuffix("/"), !text.hasSuffix(".lock"), !text.hasSuffix(".")
    else { return false }
    guard let first = text.utf8.first, !"-+/.".utf8.contains(first) else { return false }
    return text.utf8.allSatisfy { $0 > 0x20 && $0 != 0x7F && !"~^:?*[\\".utf8.contains($0) }
  }

  static func isHexadecimal(_ text: String) -> Bool {
    text.utf8.allSatisfy { (48...57).contains($0) || (97...102).contains($0) }
  }

  /// Checks a commit against what `--checksum` says: the id or its beginning, of 7 digits or more.
  static func check(_ commit: String, against checksum: Word) throws {
    guard (shortestCommit...64).contains(checksum.text.utf8.count), isHexadecimal(checksum.text) else {
      throw PlatformError.syntax(
        checksum.position, "invalid checksum '\(checksum.text.prefix(100))', expected a commit's id")
    }
    guard commit.hasPrefix(checksum.text) else {
      throw PlatformError.syntax(
        checksum.position, "checksum mismatch: the commit is \(commit), expected \(checksum.text)")
    }
  }
}

/// A commit that was fetched.
public struct GitCommit: Sendable {
  /// Its id.
  public var id: String
  /// Its files, an unpacked tar archive.
  public var archive: String
  /// The repository's folder, with HEAD and index; nobody writes to it any more.
  public var directory: String

  public init(id: String, archive: String, directory: String) {
    self.id = id
    self.archive = archive
    self.directory = directory
  }
}

/// A commit's files, and `.git` where the instruction keeps it, below a prefix that no path of a context has.
struct GitTree: Sendable {
  /// What only the fetch needed.
  private static let hidden: Set<String> = [
    ".git/FETCH_HEAD", ".git/info", ".git/info/attributes", ".git/logs", ".git/logs/HEAD",
  ]

  var prefix: String
  var files: any CopySource
  var root: SourceNode
  /// Stands for all files in a step's key.
  var fingerprint: String

  /// The node as the tree knows it; nil for one of another source.
  func inner(_ node: SourceNode) -> SourceNode? {
    guard node.path == prefix || node.path.hasPrefix(prefix + "/") else { return nil }
    var node = node
    node.path = String(node.path.dropFirst(prefix.count).drop { $0 == "/" })
    return node
  }

  func below(_ directory: SourceNode) throws -> [SourceNode] {
    try files.below(directory).filter { !Self.hidden.contains($0.path) }.map(outer)
  }

  func outer(_ node: SourceNode) -> SourceNode {
    var node = node
    node.path = node.path.isEmpty ? prefix : "\(prefix)/\(node.path)"
    (node.uid, node.gid) = (0, 0)
    return node
  }
}
