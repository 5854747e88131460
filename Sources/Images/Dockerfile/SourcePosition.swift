import Model

/// A place in a Dockerfile. Lines and columns count from 1; a column counts Unicode scalars.
public struct SourcePosition: Sendable, Hashable, CustomStringConvertible {
  /// As it stands in messages: `Dockerfile`, or what a trigger of a base image is called.
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

extension PlatformError {
  /// What a user's Dockerfile has wrong: `Dockerfile:3:7: expected …`.
  public static func syntax(_ position: SourcePosition, _ message: String) -> PlatformError {
    PlatformError(.invalidArgument, "\(position): \(message)")
  }
}
