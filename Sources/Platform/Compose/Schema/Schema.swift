/// The form of a value, declared in tables (`…Keys.swift`) and read by `SchemaReader`.
indirect enum Kind: Sendable {
  /// Kept as it is.
  case anything
  case text
  /// A path of the host; made absolute.
  case path
  case flag
  case integer(ClosedRange<Int64>)
  /// A number with a fraction, in billionths no less than 0.
  case decimal
  case size
  /// A size, or -1 for none.
  case sizeOrUnlimited
  case duration
  /// A number of microseconds, or a time.
  case microseconds
  /// A command: a list of words or a text that is taken apart; nothing stays nothing.
  case words
  case choice([String])
  case list(Kind)
  /// One value, or a list of them.
  case oneOrList(Kind)
  /// `[K=V, K]` or a mapping; becomes a mapping of texts and nothing.
  case pairs
  /// The same, with an empty text for nothing.
  case labels
  /// A mapping with names of the user's.
  case named(Kind)
  case object(ObjectSchema)
  /// A short form that is written out first.
  case form(Form, Kind)
}

/// Writes a short form out, or moves members of older versions to where they are today.
typealias Form = @Sendable (Node, SchemaContext) throws(ComposeFault) -> Node

/// What a form needs to know.
struct SchemaContext: Sendable {
  /// The key's path, for faults.
  var key: String
  /// Relative paths start here; absolute.
  var directory: String
  var home: String?
  /// Variables stand in the values still.
  var isRaw: Bool
  var warn: @Sendable (ComposeWarning) -> Void
  var faults: FaultCollector

  func fault(_ node: Node, _ message: String, _ kind: ComposeFault.Kind = .invalid) -> ComposeFault {
    ComposeFault(kind, at: node.at, key: key, message)
  }

  func below(_ name: String) -> SchemaContext {
    var context = self
    context.key = KeyPath.join(key, name)
    return context
  }

  /// Whether the text cannot be judged, as variables stand in it.
  func isOpen(_ text: String) -> Bool { isRaw && text.utf8.contains(UInt8(ascii: "$")) }

  /// The absolute form of a path of the host.
  func absolute(_ path: String) -> String { HostPath.absolute(path, in: directory, home: home) }
}

/// A mapping with known keys. `x-…` is allowed in all of them.
final class ObjectSchema: Sendable {
  let keys: [SchemaKey]
  private let positions: [String: Int]

  init(_ keys: [SchemaKey]) {
    self.keys = keys
    positions = Dictionary(keys.enumerated().map { ($0.element.name, $0.offset) }) { first, _ in first }
  }

  func key(_ name: String) -> SchemaKey? { positions[name].map { keys[$0] } }
}

struct SchemaKey: Sendable {
  enum Support: Sendable {
    case works
    /// A warning: it does no harm that nothing is done.
    case unheeded(String)
    /// An error; what to do instead. `false`, nothing and an empty collection are let pass, as they ask for nothing.
    case refused(String)
  }

  enum Merge: Sendable {
    /// Mappings by key, lists one behind the other without doubles, anything else replaced.
    case standard
    /// The later file's holds alone.
    case replaced
    /// Lists of mappings: what has these members alike is the same entry, the later file's holds.
    case unique([String])
    /// As `standard`, but where both have this member and it differs the later file's holds alone.
    case whereSame(String)
  }

  let name: String
  let kind: Kind
  let support: Support
  let merge: Merge
  /// Nothing as a value says something.
  let keepsNull: Bool

  init(
    _ name: String, _ kind: Kind, _ support: Support = .works, merge: Merge = .standard, keepsNull: Bool = false
  ) {
    self.name = name
    self.kind = kind
    self.support = support
    self.merge = merge
    self.keepsNull = keepsNull
  }
}

/// Paths of the host, worked on as texts.
enum HostPath {
  /// Absolute, without `.`, `..` and doubled slashes.
  static func absolute(_ path: String, in directory: String, home: String?) -> String {
    if path == "~" || path.hasPrefix("~/"), let home, home.hasPrefix("/") {
      return normal(home + path.dropFirst(1))
    }
    return normal(path.hasPrefix("/") ? path : directory + "/" + path)
  }

  static func normal(_ path: String) -> String {
    var parts: [Substring] = []
    for part in path.split(separator: "/") {
      if part == ".." { _ = parts.popLast() } else if part != "." { parts.append(part) }
    }
    return "/" + parts.joined(separator: "/")
  }

  static func folder(of path: String) -> String {
    let parts = normal(path).split(separator: "/")
    return "/" + parts.dropLast().joined(separator: "/")
  }

  static func isBeneath(_ path: String, _ root: String) -> Bool {
    root == "/" || path == root || path.hasPrefix(root + "/")
  }

  /// `https://…`, `git@…`, `oci://…`: not a path.
  static func isRemote(_ text: String) -> Bool {
    text.contains("://") || text.hasPrefix("git@") || text.hasPrefix("github.com/")
  }
}
