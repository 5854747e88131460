/// What the user said about a project on the command line and by variables.
public struct ComposeRequest: Sendable {
  /// Compose files, absolute or `-`, in the order of merging; not empty (`ComposeDefaultFiles` finds the usual ones).
  public var files: [String]
  /// `--project-directory`; nil: the folder of the first file.
  public var projectDirectory: String?
  /// `-p`; nil: `COMPOSE_PROJECT_NAME`, the files' `name`, the folder's name.
  public var projectName: String?
  /// `--env-file`, absolute; nil: `.env` in the project's folder, where it is there.
  public var environmentFiles: [String]?
  /// `--profile`; `*` is all. `COMPOSE_PROFILES` is heeded where this is empty.
  public var profiles: [String] = []
  /// Services named on the command line: their own profiles become active.
  public var services: [String] = []
  /// The process's.
  public var environment: [String: String] = [:]
  /// `extends` and `include` may name files outside the project's folder.
  public var allowsOutside = false
  /// false: `$…` stays as it is written (`config --no-interpolate`).
  public var interpolates = true
  /// The current folder, absolute: what relative paths of a file on standard input start from.
  public var currentDirectory = "/"

  public init(files: [String]) { self.files = files }
}

/// Turns files into a project.
public struct ComposeLoader {
  private let reader: any ComposeReader

  public init(reader: any ComposeReader) { self.reader = reader }

  /// Reads, interpolates, merges, checks.
  ///
  /// - Throws: the first fault. What is not done but does no harm is among the warnings, in the order of the files.
  public func load(_ request: ComposeRequest) throws(ComposeFault) -> (
    project: ComposeProject, warnings: [ComposeWarning]
  ) {
    throw ComposeFault(.unsupported, at: nil, "compose files are not read yet")
  }
}
