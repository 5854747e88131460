/// A place in a compose file. Lines and columns count from 1; a column counts Unicode scalars.
public struct ComposeLocation: Sendable, Hashable, CustomStringConvertible {
  /// As the user named the file, or its absolute path.
  public let file: String
  public let line: Int
  public let column: Int

  public init(file: String, line: Int, column: Int) {
    self.file = file
    self.line = line
    self.column = column
  }

  public var description: String { "\(file):\(line):\(column)" }
}

/// What is wrong with a project, told with file, line and key where the fault has a place.
public struct ComposeFault: Error, Sendable, Hashable, CustomStringConvertible {
  public enum Kind: String, Sendable, Hashable {
    /// Not YAML.
    case syntax
    /// Larger, deeper or more than the bounds.
    case limit
    /// A key that the compose specification does not have.
    case unknownKey
    /// A key or value that this platform does not do.
    case unsupported
    /// A value of the wrong type or form, or one that contradicts another.
    case invalid
    /// A variable that has to be set, or a wrong substitution.
    case variable
    /// A file that is not there or cannot be read.
    case file
    /// A path that leads out of the project.
    case escape
    /// Services that need each other.
    case cycle
    /// What was asked for by name is not there: a service, a profile's service, a file.
    case notFound
    /// No file was named, and none is where they are looked for.
    case noFiles
  }

  public let kind: Kind
  /// nil where no line is to blame (a file that is missing).
  public let location: ComposeLocation?
  /// The key's path, `services.web.ports[0]`; empty where the whole file is meant.
  public let key: String
  public let message: String

  public init(_ kind: Kind, at location: ComposeLocation?, key: String = "", _ message: String) {
    self.kind = kind
    self.location = location
    self.key = key
    self.message = message
  }

  /// `compose.yaml:3:5: services.web.portss: unknown key; did you mean 'ports'?`
  public var description: String { Self.line(location, key, message) }

  /// On one line, without what a terminal would obey: names and values of files stand in it.
  static func line(_ location: ComposeLocation?, _ key: String, _ message: String) -> String {
    let text = (location.map { "\($0): " } ?? "") + (key.isEmpty ? "" : "\(key): ") + message
    return String(
      String.UnicodeScalarView(
        text.unicodeScalars.map { $0.value < 0x20 || (0x7F...0x9F).contains($0.value) ? ($0 == "\n" ? " " : "?") : $0 })
    )
  }
}

/// What a user should know about a project that loads all the same. Each key that is not done has one.
public struct ComposeWarning: Sendable, Hashable, CustomStringConvertible {
  public let location: ComposeLocation?
  public let key: String
  public let message: String

  public init(at location: ComposeLocation?, key: String = "", _ message: String) {
    self.location = location
    self.key = key
    self.message = message
  }

  public var description: String { ComposeFault.line(location, key, message) }
}
