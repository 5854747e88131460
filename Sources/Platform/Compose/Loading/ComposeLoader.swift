/// What the user said about a project on the command line and by variables.
public struct ComposeRequest: Sendable {
  /// Compose files or `-`, in the order of merging. Empty: `COMPOSE_FILE`, else the usual names in the project's or current folder
  /// and those above.
  public var files: [String]
  /// `--project-directory`; nil: the folder of the first file.
  public var projectDirectory: String?
  /// `-p`; nil: `COMPOSE_PROJECT_NAME`, the files' `name`, the folder's name.
  public var projectName: String?
  /// `--env-file`; nil: `.env` in the project's folder, where it is there.
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
  /// The current folder, absolute: relative paths of the request and of a file on standard input start here.
  public var currentDirectory = "/"

  public init(files: [String] = []) { self.files = files }
}

/// Turns files into a project.
public struct ComposeLoader {
  private let reader: any ComposeReader

  public init(reader: any ComposeReader) { self.reader = reader }

  /// Reads, interpolates, merges, checks.
  ///
  /// - Throws: all faults. What is not done but does no harm is among the warnings, in the order of the files.
  public func load(
    _ request: ComposeRequest
  ) throws(ComposeFaults) -> (project: ComposeProject, warnings: [ComposeWarning]) {
    let faults = FaultCollector()
    return try Self.whole(faults) { () throws(ComposeFault) in
      let (settings, assembly, tree, name) = try merged(request, faults)
      var decoder = ProjectDecoder(
        name: name, settings: settings, services: request.services, access: FileAccess(reader), faults: faults)
      let project = try decoder.decode(tree)
      for wanted in request.services where project.service(wanted) == nil && faults.isEmpty {
        throw ComposeFault(.notFound, at: nil, "there is no service '\(wanted.prefix(100))' in the project '\(name)'")
      }
      assembly.warn(decoder.warnings)
      return (project, assembly.warnings)
    }
  }

  /// The merged files in their long form, `$…` as the request says; nothing is looked up and nothing checked that needs more
  /// than the tables.
  public func canonical(
    _ request: ComposeRequest
  ) throws(ComposeFaults) -> (value: ComposeValue, warnings: [ComposeWarning]) {
    let faults = FaultCollector()
    return try Self.whole(faults) { () throws(ComposeFault) in
      let (_, assembly, tree, name) = try merged(request, faults)
      var members = tree.value.members
      members["name"] = .string(name)
      return (.map(members), assembly.warnings)
    }
  }

  /// What a reading gives, where nothing is wrong.
  static func whole<Value>(
    _ faults: FaultCollector, _ reading: () throws(ComposeFault) -> Value
  ) throws(ComposeFaults) -> Value {
    let value: Value
    do {
      value = try reading()
    } catch {
      throw faults.faults(and: error) ?? ComposeFaults(error)
    }
    if let all = faults.faults() { throw all }
    return value
  }

  /// The project that the user names without its files: by `-p`, else by `COMPOSE_PROJECT_NAME`; nil where neither is said.
  public static func givenName(_ request: ComposeRequest) throws(ComposeFaults) -> String? {
    try whole(FaultCollector()) { () throws(ComposeFault) in try nameGiven(request) }
  }

  private static func nameGiven(_ request: ComposeRequest) throws(ComposeFault) -> String? {
    for (name, key) in [
      (request.projectName, "--project-name"), (request.environment["COMPOSE_PROJECT_NAME"], "COMPOSE_PROJECT_NAME"),
    ] {
      if let name, !name.isEmpty { return try ProjectSettings.checked(name, at: nil, key: key) }
    }
    return nil
  }

  private func merged(
    _ request: ComposeRequest, _ faults: FaultCollector
  ) throws(ComposeFault) -> (ProjectSettings, ProjectAssembly, Node, name: String) {
    var (settings, warnings) = try ProjectSettings.resolve(request, reader)
    let assembly = ProjectAssembly(request, reader, root: settings.directory, faults: faults)
    assembly.warn(warnings)
    warnings = []
    var documents: [(Node, ProjectAssembly.Origin)] = []
    var named: (text: String, at: ComposeLocation)?
    for path in settings.files {
      for document in try assembly.documents(path, beneath: nil) {
        documents.append((document, ProjectAssembly.Origin(path: path, directory: settings.directory)))
        if let node = document["name"], let text = node.text { named = (text, node.at) }
      }
    }
    guard !documents.isEmpty else {
      throw ComposeFault(
        .invalid, at: ComposeLocation(file: assembly.shown(settings.files[0]), line: 1, column: 1), "the file is empty")
    }
    if let found = named, request.interpolates {
      // Warnings of it come with those of the whole file.
      var interpolator = Interpolator(environment: settings.environment, faults: faults)
      let text = try faults.attempt { () throws(ComposeFault) in
        try interpolator.replaced(found.text, at: found.at, key: "name")
      }
      named = text.map { ($0, found.at) }
    }
    let name = try ProjectSettings.name(request, settings, fileName: named)
    settings.environment["COMPOSE_PROJECT_NAME"] = name
    var whole: Node?
    for (document, origin) in documents {
      let next = try assembly.resolved(document, origin, settings.environment, including: [origin.path])
      whole = whole.map { Merge.file($0, with: next) } ?? next
    }
    faults.advance()
    let tree = whole.map(Merge.cleaned) ?? Node(.map([]), at: documents[0].0.at)
    return (settings, assembly, tree, name)
  }
}
